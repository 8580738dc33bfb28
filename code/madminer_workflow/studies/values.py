"""Values as an input file can have them."""

from __future__ import annotations

import json
import os
from typing import Any

from madminer_workflow.configuration import labels
from madminer_workflow.errors import InputError
from madminer_workflow.studies.spaces import Choice

__all__ = ["label", "labelled", "plain", "unlabelled"]


def plain(value: Any) -> Any:
    """Returns numbers, texts, lists and mappings for those of Python and NumPy, and for paths.

    Args:
        value: Any of these, nested.

    Raises:
        InputError: It holds something else.

    >>> plain({"hidden_layers": (64, 64)})
    {'hidden_layers': [64, 64]}
    """
    return json.loads(json.dumps(value, default=_converted))


def labelled(value: Any) -> Any:
    """Returns a value in plain form, with its label if it has one.

    Args:
        value: A value or a `Choice`.

    Raises:
        InputError: An input file cannot have it.
    """
    return Choice(value.label, plain(value.value)) if isinstance(value, Choice) else plain(value)


def label(value: Any) -> str:
    """Returns a value as part of a name: its label, or one that is made from it.

    Args:
        value: A value or a `Choice`.
    """
    return value.label if isinstance(value, Choice) else labels.label(value)


def unlabelled(value: Any) -> Any:
    """Returns a value without its label.

    Args:
        value: A value or a `Choice`.
    """
    return value.value if isinstance(value, Choice) else value


def _converted(value: Any) -> Any:
    """Returns something that JSON does not know in terms of what it knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise InputError(f"{value!r}, expected numbers, texts, true or false, lists and mappings")
