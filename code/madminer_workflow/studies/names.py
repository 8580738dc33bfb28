"""Names for combinations of values: readable, unique, safe as names of files; never parsed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from madminer_workflow.studies.spaces import Choice

__all__ = ["combination_name"]

_LONGEST_LABEL, _LONGEST_NAME = 32, 120


def combination_name(point: Sequence[tuple[str, Any]]) -> str:
    """Returns the name of a combination.

    Args:
        point: The way to each key that varies, and its value.

    >>> combination_name([("training.epochs", 20), ("training.hidden_layers", [64, 64])])
    'epochs-20__hidden_layers-64x64'
    >>> combination_name([("alices.training.alpha", 1e-05), ("sally.training.alpha", True)])
    'alices.training.alpha-1e-05__sally.training.alpha-true'
    """
    keys = [key for key, _ in point]
    name = "__".join(f"{_short(key, keys)}-{_label(value)}" for key, value in point)
    return name if len(name) <= _LONGEST_NAME else f"{name[:100]}-{_digest(name)}"


def _short(key: str, keys: Sequence[str]) -> str:
    """Returns the last word of a key, or all of it if another one ends with the same word."""
    word = key.rpartition(".")[2]
    return key if [other.rpartition(".")[2] for other in keys].count(word) > 1 else word


def _label(value: Any) -> str:
    """Returns a value as part of a name, with a checksum where it cannot stand for itself."""
    if isinstance(value, Choice):
        return value.label
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        text = "x".join(map(_label, value))
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", text)
    if plain == text and 0 < len(text) <= _LONGEST_LABEL:
        return text
    return _digest(json.dumps(value, sort_keys=True))


def _digest(text: str) -> str:
    """Returns a short checksum."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
