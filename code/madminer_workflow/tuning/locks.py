"""Locks of files, which the kernel gives back when a process ends, however it does."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

__all__ = ["is_locked", "locked"]


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Locks a file, which is made with its folder if it is missing.

    Args:
        path: The file.
        shared: Whether others may have it as well that share it.
        wait: Whether to wait for those who have it.

    Raises:
        BlockingIOError: Somebody has it, for whom is not waited.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    # Locks of network file systems need files that may be read and written.
    with open(path, "a+", encoding="utf-8") as file:
        fcntl.flock(file, kind | (0 if wait else fcntl.LOCK_NB))
        yield


def is_locked(path: Path) -> bool:
    """Returns whether anybody has the lock of a file.

    Args:
        path: The file.
    """
    try:
        with locked(path, wait=False):
            return False
    except BlockingIOError:
        return True
