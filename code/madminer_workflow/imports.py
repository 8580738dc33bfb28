"""Imports of single modules of MadMiner.

Importing MadMiner as usual also imports its readers of detector simulations and its figures, which
takes two seconds in each of the many short processes of a workflow. One of the packages that they
need, uproot3, does not exist for Python 3.12 and newer.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator

__all__ = ["package_code_skipped"]


@contextlib.contextmanager
def package_code_skipped(package: str) -> Iterator[None]:
    """Imports modules of a package without its `__init__`, unless that has already run.

    Nothing of it stays among the imported modules, so that a later import is the usual one.

    Args:
        package: Name of the package.
    """
    spec = importlib.util.find_spec(package)
    if package in sys.modules or spec is None:
        yield
        return
    sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            del sys.modules[name]
