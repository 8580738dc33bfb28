"""Files that an input file names, those of observed events, and values of keys that may vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["file_of", "replaced", "with_files"]

Rename = Callable[[str], str]
Change = Callable[[str, Any], Any]

_EVERY = ("grid", "zip")


def file_of(observed: Any) -> str:
    """Returns the file that a block of observed events names.

    Args:
        observed: The name, or keys of which `data` is the name.

    >>> file_of("run.csv"), file_of({"data": "run.csv"})
    ('run.csv', 'run.csv')
    """
    return str(observed["data"] if isinstance(observed, Mapping) else observed)


def with_files(document: Mapping[str, Any], rename: Rename) -> dict[str, Any]:
    """Returns a document with other names of all files, also of those in combinations of a sweep.

    Args:
        document: The content of an input file; what the schema does not allow is left alone.
        rename: Gives the new name of a file.

    >>> sweep = {"zip": {"observed.data": ["a.csv"]}, "list": [{"observed": {"data": "b.csv"}}]}
    >>> with_files({"sweep": sweep}, str.upper)["sweep"]["zip"]
    {'observed.data': ['A.CSV']}
    """
    return replaced(document, lambda key, value: _renamed(key, value, rename))


def replaced(document: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Returns a document with other values, also in combinations of a sweep.

    Args:
        document: The content of an input file; what the schema does not allow is left alone.
        change: Gives the new value of a key, which may be written with dots.
    """
    return {key: _replaced(key, value, change) for key, value in document.items()}


def _renamed(key: str, value: Any, rename: Rename) -> Any:
    """Returns the value of a key, which may be written with dots, with other names of files."""
    if key in ("observed", "observed.data") and isinstance(value, str):
        return rename(value)
    if key == "observed" and isinstance(value, Mapping) and isinstance(value.get("data"), str):
        return {**value, "data": rename(value["data"])}
    return value


def _replaced(key: str, value: Any, change: Change) -> Any:
    """Returns the value of a key, with other values of the keys in it."""
    if key in ("experiments", "variants", "list") and isinstance(value, list):
        return [replaced(row, change) if isinstance(row, Mapping) else row for row in value]
    if key in ("sweep", "document") and isinstance(value, Mapping):
        return replaced(value, change)
    if key in _EVERY and isinstance(value, Mapping):
        return {
            name: [change(name, one) for one in some] if isinstance(some, list) else some
            for name, some in value.items()
        }
    return change(key, value)
