"""The settings of an estimator of one's own: a frozen dataclass, as a schema of the input file."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from madminer_workflow.errors import InputError

__all__ = ["NoSettings", "defaults", "made", "parameter", "rule"]

Rule = dict[str, Any]

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}
_ALLOWED = "int, float, bool, str, tuple[one of these, ...]"


@dataclass(frozen=True)
class NoSettings:
    """Settings of an estimator that has none."""


def parameter(
    default: Any = MISSING,
    description: str = "",
    *,
    unit: str = "",
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Describes one attribute of a frozen dataclass of settings, whose type is its annotation.

    Args:
        default: Its default; without one the input file must give it.
        description: What it means, in a sentence.
        unit: Its unit.
        minimum: The smallest value.
        above: What it must be larger than.
        maximum: The largest value.
        below: What it must be smaller than.
        choices: The values of a text, if only some are allowed.

    >>> @dataclass(frozen=True)
    ... class Settings:
    ...     trees: int = parameter(100, "Number of trees.", minimum=1)
    >>> rule(Settings)["properties"]["trees"]["minimum"]
    1
    """
    given = {
        "description": description,
        "x-unit": unit,
        "minimum": minimum,
        "exclusiveMinimum": above,
        "maximum": maximum,
        "exclusiveMaximum": below,
        "enum": list(choices),
    }
    known = {word: value for word, value in given.items() if value not in (None, "", [])}
    return field(default=default, metadata=known)


def rule(settings: type) -> Rule:
    """Returns the schema of settings.

    Args:
        settings: The frozen dataclass.

    Raises:
        InputError: It is not one, or an attribute has a type that an input file cannot give.
    """
    if not is_dataclass(settings) or not vars(settings)["__dataclass_params__"].frozen:
        raise InputError(f"{settings!r}, expected a frozen dataclass")
    try:
        hints = get_type_hints(settings)
    except Exception as error:  # whatever the evaluation of an annotation raises
        raise InputError(f"an annotation that means nothing ({error})") from error
    properties = {one.name: _property(one, hints[one.name]) for one in fields(settings)}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, found in properties.items() if "default" not in found],
        "properties": properties,
    }


def defaults(settings: type) -> dict[str, Any]:
    """Returns the defaults of settings as an input file gives them, as far as there are any.

    Args:
        settings: The frozen dataclass.
    """
    properties = rule(settings)["properties"].items()
    return {name: found["default"] for name, found in properties if "default" in found}


def made(settings: type, values: Mapping[str, Any]) -> Any:
    """Returns settings with values that an input file gives.

    Args:
        settings: The frozen dataclass.
        values: The value of each attribute, which follow the schema.
    """
    hints = get_type_hints(settings)
    return settings(**{name: _typed(value, hints[name]) for name, value in values.items()})


def _property(one: Field[Any], hint: Any) -> Rule:
    """Returns the schema of one attribute."""
    found = {"description": "", **one.metadata, **_of_type(one.name, hint)}
    if one.default is not MISSING:
        found["default"] = list(one.default) if isinstance(one.default, tuple) else one.default
    elif one.default_factory is not MISSING:
        raise InputError(f"'{one.name}' has a default factory, expected a default")
    return found


def _of_type(name: str, hint: Any) -> Rule:
    """Returns the part of a schema that a type says."""
    inner = get_args(hint)
    if get_origin(hint) is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return {"type": "array", "items": _of_type(name, inner[0])}
    if isinstance(hint, types.GenericAlias) or hint not in _TYPES:
        raise InputError(f"'{name}' has the type {hint}, allowed: {_ALLOWED}")
    return {"type": _TYPES[hint]}


def _typed(value: Any, hint: Any) -> Any:
    """Returns a value with the type of an annotation: a list as a tuple, 1 as 1.0."""
    if isinstance(value, list):
        return tuple(_typed(item, get_args(hint)[0]) for item in value)
    return hint(value)
