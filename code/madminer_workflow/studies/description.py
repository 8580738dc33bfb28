"""What the schema says about a key of the input file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from madminer_workflow.configuration.schema import allowed, nearest, resolved, schema
from madminer_workflow.errors import InputError

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


def rule_of(name: str) -> dict[str, Any]:
    """Returns the schema of a key.

    Args:
        name: The way to the key, with dots.

    Raises:
        InputError: There is no such key.
    """
    found = schema()
    for number, key in enumerate(parts := name.split(".")):
        properties, others = found.get("properties", {}), found.get("additionalProperties")
        own = found.get("x-own")  # what is below the name of an estimator of one's own
        if own and number + 1 < len(parts) and parts[number + 1] in resolved(own)["properties"]:
            others = own
        if key not in properties and not isinstance(others, dict):
            path = ".".join(parts[: number + 1])
            raise InputError(f"{path}: unknown key, {nearest(key, properties)}")
        found = resolved(properties.get(key, others))
    return {"description": ""} | found
