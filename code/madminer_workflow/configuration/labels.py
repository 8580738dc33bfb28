"""Names for combinations of values: readable, unique, safe as names of files; never parsed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from typing import Any

__all__ = ["combination_name", "label"]

_LONGEST_LABEL, _LONGEST_NAME = 32, 120


def combination_name(labels: Sequence[tuple[str, str]], keys: Collection[str] = ()) -> str:
    """Returns the name of a combination.

    Args:
        labels: The way to each key that varies, and the label of its value.
        keys: All keys that vary, where others do in other combinations.

    >>> combination_name([("training.epochs", "20"), ("training.hidden_layers", "64x64")])
    'epochs-20__hidden_layers-64x64'
    >>> combination_name([("alices.training.alpha", "1e-05"), ("sally.training.alpha", "1")])
    'alices.training.alpha-1e-05__sally.training.alpha-1'
    """
    every = {*keys, *(key for key, _ in labels)}
    name = "__".join(f"{_short(key, every)}-{text}" for key, text in labels)
    return name if len(name) <= _LONGEST_NAME else f"{name[:100]}-{_digest(name)}"


def label(value: Any) -> str:
    """Returns a value as part of a name, with a checksum where it cannot stand for itself.

    Args:
        value: A value that an input file can have.

    >>> label(1e-05), label([64, 64]), label(True), label("tanh")
    ('1e-05', '64x64', 'true', 'tanh')
    """
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        text = "x".join(map(label, value))
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "-", text)
    if plain == text and 0 < len(text) <= _LONGEST_LABEL:
        return text
    return _digest(json.dumps(value, sort_keys=True))


def _short(key: str, keys: Collection[str]) -> str:
    """Returns the last word of a key, or all of it if another one ends with the same word."""
    word = key.rpartition(".")[2]
    return key if [other.rpartition(".")[2] for other in keys].count(word) > 1 else word


def _digest(text: str) -> str:
    """Returns a short checksum."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
