"""One thread for networks of this size."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

__all__ = ["single_thread"]


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Computes with one thread inside; also a decorator.

    Batches of a thousand rows gain nothing from several threads, which wait for one another where
    several networks are trained at once. With one the order of additions, and with it every
    number, is the same on all machines.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
