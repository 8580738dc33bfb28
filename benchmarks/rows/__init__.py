"""The rows of the table, one module each, which has a `ROW`."""

from __future__ import annotations

import importlib
import pkgutil

from benchmarks.row import Row

__all__ = ["names", "row"]


def names() -> list[str]:
    """Returns the names of all rows."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def row(name: str) -> Row:
    """Returns a row.

    Args:
        name: Its name, that of its module.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in names():
        raise ValueError(f"no row '{name}', allowed: {', '.join(names())}")
    found: Row = importlib.import_module(f"{__name__}.{name}").ROW
    return found
