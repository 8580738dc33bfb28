"""What the schema says about a key of the input file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from madminer_workflow.configuration.schema import allowed, rule_of

__all__ = ["Description", "describe"]


@dataclass(frozen=True)
class Description:
    """One key of the input file.

    Attributes:
        name: The way to the key, for instance "training.epochs".
        allowed: Type and range in words.
        unit: Unit; empty for numbers without one and for all that is no number.
        default: The default; words where it depends on other things, None where there is none.
        help: What the key means.
    """

    name: str
    allowed: str
    unit: str
    default: Any
    help: str


def describe(name: str) -> Description:
    """Returns what a key of the input file means.

    Args:
        name: The way to the key, with dots.

    Raises:
        InputError: There is no such key.

    >>> describe("training.epochs").allowed, describe("training.epochs").default
    ('an integer >= 1', 20)
    >>> describe("luminosity").unit
    '1/pb'
    """
    found = rule_of(name)
    default, words = found.get("default"), found.get("x-default")
    return Description(
        name=name,
        allowed=allowed(found),
        unit=found.get("x-unit", ""),
        default=default if words is None else words.format(default),
        help=found["description"],
    )
