"""Values of parameters as MLflow hands them over: texts such as 1e4 or 64,64, checked by a rule."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click

__all__ = ["INPUT", "Setting", "Value"]

INPUT = "input"
"""The word for what the input file says."""

_LARGEST_EXPONENT = 308  # that of a float


class Value(click.ParamType):  # type: ignore[type-arg]  # older releases take none
    """The type of an option whose value follows a rule of JSON Schema.

    A number may be written 1e4, a list with commas or blanks, with brackets or without.
    """

    name = "value"

    def __init__(self, word: str | None = None, **rule: Any) -> None:
        """Takes a rule.

        Args:
            word: A word that is allowed besides, and stands for None.
            **rule: The rule, such as `type="integer", minimum=1`.
        """
        self._word = word
        self._rule = rule

    @property
    def rule(self) -> Mapping[str, Any]:
        """The rule."""
        return self._rule

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        from madminer_workflow.configuration.schema import allowed

        return allowed(self.rule) + (f", or {self._word}" if self._word else "")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Returns the value that a text stands for; None for the word.

        Args:
            value: The text, or the value itself.
            param: The option.
            ctx: The context of its command.

        Raises:
            click.BadParameter: It is not allowed.
        """
        from madminer_workflow.configuration.schema import fits, nearest

        if value == self._word:
            return None
        found = _read(value, self.rule) if isinstance(value, str) else value
        if not fits(found, self.rule):
            words = self.rule.get("enum")
            hint = nearest(str(value), words) if words else f"expected {self.allowed}"
            self.fail(f"{value}, {hint}", param, ctx)
        return found


class Setting(Value):
    """The type of an option that replaces a key of the input file, but for the word "input"."""

    def __init__(self, *keys: str) -> None:
        """Names the key.

        Args:
            keys: The way to the key, for instance "training", "epochs".
        """
        super().__init__(INPUT)
        self._keys = keys

    @property
    def rule(self) -> Mapping[str, Any]:
        """The rule, from the schema of the input file, which is loaded when it is needed."""
        from madminer_workflow.configuration.schema import subschema

        return subschema(*self._keys)


def _read(text: str, rule: Mapping[str, Any]) -> object:
    """Returns what a text stands for under a rule; the text itself if it is nothing of the kind."""
    match rule.get("type"):
        case "array":
            return [_read(part, rule["items"]) for part in re.split(r"[,\s]+", text.strip("[] "))]
        case "boolean":
            return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
        case "integer" | "number":
            with contextlib.suppress(ArithmeticError, ValueError):
                return _number(Decimal(text))
    return text


def _number(value: Decimal) -> int | float:
    """Returns a number, an integer if it is whole."""
    if value.is_finite() and value.adjusted() > _LARGEST_EXPONENT:
        raise OverflowError  # an integer with as many digits would fill the memory
    return int(value) if value == int(value) else float(value)
