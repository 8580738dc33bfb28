"""What the key `tuning` of an input file asks for: what is searched for a method, and how."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from madminer_workflow.configuration.routines import names, rules
from madminer_workflow.configuration.schema import (
    defaults,
    problems,
    rule_of,
    shown,
    subschema,
    uses,
)
from madminer_workflow.configuration.sweep import check_keys, check_value, overlaid
from madminer_workflow.errors import InputError

__all__ = ["Dimension", "Objective", "Sampler", "Tuning", "tuning"]

Document = Mapping[str, Any]
Rules = Mapping[str, Mapping[str, Any]]
Objective = Literal["cross_entropy", "closure", "stability"]
Sampler = Literal["tpe", "random", "grid"]

_FORM = "expected `choices`, or `min` and `max`"
_LARGEST_GRID = 10_000


@dataclass(frozen=True)
class Dimension:
    """One key whose values are tried.

    Attributes:
        key: The way to the key in the input file, with dots.
        choices: The values to choose from; empty for a range.
        low: Smallest value of a range.
        high: Largest value of a range, a whole number of steps above the smallest.
        log: Whether the scale is logarithmic.
        step: Distance between values; None for any value.
        whole: Whether values are whole numbers.
        when: Names of earlier dimensions with their choices for which this one is tried.
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    whole: bool = False
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def n_values(self) -> int | None:
        """How many values there are; None for any in a range."""
        if self.choices:
            return len(self.choices)
        return 1 + _n_steps(self.low, self.high, self.step) if self.step else None

    def is_tried(self, values: Mapping[str, Any]) -> bool:
        """Returns whether it is tried together with values of earlier dimensions.

        Args:
            values: These values by key.
        """
        return all(key in values and values[key] in allowed for key, allowed in self.when.items())


@dataclass(frozen=True)
class Tuning:
    """A search for better settings of one method.

    Attributes:
        method: Name of the method.
        space: What is tried.
        objective: What is made small.
        sampler: How values are proposed.
        pruning: Whether bad trials end early.
    """

    method: str
    space: tuple[Dimension, ...]
    objective: Objective
    sampler: Sampler
    pruning: bool


def tuning(document: Document, method: str) -> Tuning:
    """Returns the search that an input file declares for one of its methods.

    Args:
        document: The content of an input file that follows the schema.
        method: Name of the method.

    Raises:
        InputError: There is none, or a key or value cannot be tried.
    """
    if "tuning" not in document:
        raise InputError("tuning: missing, expected `space` with the keys to try")
    if method not in document["methods"]:
        allowed = ", ".join(document["methods"])
        raise InputError(f"methods: '{method}' is not among them, allowed: {allowed}")
    block = defaults("tuning") | dict(document["tuning"])
    own = names(document)
    check_keys("tuning.space", block["space"], own)
    space = tuple(_dimensions(block["space"], method, own, every := rules(document)))
    for one in space:
        _check_setting(one, document, every)
    if not space:
        raise InputError(f"tuning.space: no key that {method} uses, expected one at least")
    if block["sampler"] == "grid":
        _check_grid(space, block["space"], method)
    # The loss has another meaning for each weight of the score.
    pruning = block["pruning"] and not any(one.key.endswith(".alpha") for one in space)
    return Tuning(method, space, block["objective"], block["sampler"], pruning)


def stepped(low: float, number: int, step: float) -> float:
    """Returns a value of a range with steps, without an error of rounding.

    Args:
        low: Smallest value of the range.
        number: Number of steps above it.
        step: Distance between values.

    >>> stepped(0.1, 2, 0.1)
    0.3
    """
    return float(Fraction(str(low)) + number * Fraction(str(step)))


def _n_steps(low: float, high: float, step: float) -> int:
    """Returns how many steps fit between two values.

    >>> _n_steps(0.1, 0.3, 0.1)
    2
    """
    return (Fraction(str(high)) - Fraction(str(low))) // Fraction(str(step))


def _check_grid(space: Sequence[Dimension], given: Document, method: str) -> None:
    """Raises InputError unless all combinations can be tried."""
    for one in space:
        if one.n_values is None:
            key = one.key if one.key in given else one.key.removeprefix(f"{method}.")
            raise InputError(f"tuning.space.{key}: a range, expected `step` for a grid")
    if (number := math.prod(one.n_values or 1 for one in space)) > _LARGEST_GRID:
        raise InputError(
            f"tuning.space: {number} combinations, expected {_LARGEST_GRID} of a grid at most"
        )


def _dimensions(
    space: Document, method: str, own: Sequence[str], every: Rules
) -> Iterator[Dimension]:
    """Yields what a method uses of a space, by the keys of the method itself."""
    earlier: dict[str, Dimension] = {}
    for given, row in space.items():
        path = f"tuning.space.{given}"
        key = _key(path, given, method, every)
        if key is None or (key != given and key in space):  # what is special about the method wins
            continue
        form = _choices if "choices" in row else _range
        values = form(path, given, row, own, every)
        when = dict(_conditions(path, row.get("when", {}), earlier))
        earlier[given] = Dimension(key, **values, when=when)
        yield earlier[given]


def _check_setting(one: Dimension, document: Document, every: Rules) -> None:
    """Raises InputError unless an estimator of one's own may have all values of a setting."""
    if ".settings." not in one.key:
        return
    for value in one.choices or (one.low, one.high):
        for problem in problems(overlaid(document, {one.key: value}), every):
            if problem.startswith(f"{one.key}:"):
                raise InputError(f"tuning.space.{problem}")


def _is_whole(key: str, own: Sequence[str], every: Rules) -> bool:
    """Returns whether a key has whole numbers only."""
    name, _, setting = key.partition(".settings.")
    if not setting:
        return rule_of(key, own).get("type") == "integer"
    known = every[name]["properties"]["settings"]["properties"]
    return bool(known.get(setting, {}).get("type") == "integer")


def _key(path: str, given: str, method: str, every: Rules) -> str | None:
    """Returns the key of a method that a key of a space means; None if the method does not use it.

    Samples are drawn once and events are divided once, so that only the training may vary.
    """
    first, _, rest = given.partition(".")
    if given == "estimator":
        return given if uses(method, subschema("estimator")) else None
    if first == "training" and rest and rest != "seed":
        own = every.get(method, {}).get("properties", {}).get("training", {}).get("properties")
        is_used = uses(method, subschema("training", rest)) if own is None else rest in own
        return f"{method}.{given}" if is_used else None
    block, _, name = rest.partition(".")
    if block not in ("training", "settings") or not name or name == "seed":
        allowed = "estimator, training.KEY but training.seed, or the same of a method"
        raise InputError(f"{path}: cannot be tuned, allowed: {allowed}")
    return given if first == method and uses(method, rule_of(given)) else None


def _choices(path: str, key: str, row: Document, own: Sequence[str], _: Rules) -> dict[str, Any]:
    """Returns the choices of a dimension."""
    for other in ("min", "max", "log", "step"):
        if other in row:
            raise InputError(f"{path}.{other}: does not go with `choices`, {_FORM}")
    for number, value in enumerate(row["choices"]):
        check_value(f"{path}.choices[{number}]", key, value, own)
        if value in row["choices"][:number]:
            raise InputError(f"{path}.choices[{number}]: {shown(value)} is given twice")
    return {"choices": tuple(row["choices"])}


def _range(path: str, key: str, row: Document, own: Sequence[str], every: Rules) -> dict[str, Any]:
    """Returns the range of a dimension."""
    if "min" not in row or "max" not in row:
        raise InputError(f"{path}: {shown(row)}, {_FORM}")
    low, high, log, step = row["min"], row["max"], row.get("log", False), row.get("step")
    for name in ("min", "max"):
        check_value(f"{path}.{name}", key, row[name], own)
    if low >= high:
        raise InputError(f"{path}.max: {high:g}, expected more than min, {low:g}")
    if log and low <= 0:
        raise InputError(f"{path}.min: {low:g}, expected a number > 0 for a logarithmic scale")
    if log and step is not None:
        raise InputError(f"{path}.step: {step:g}, expected none on a logarithmic scale")
    whole = _is_whole(key, own, every)
    if whole and step is not None and step != int(step):
        raise InputError(f"{path}.step: {step:g}, expected a whole number as for {key}")
    step = 1 if whole and step is None and not log else step
    if step is not None:
        high = _end(f"{path}.step", low, high, step)
    return {"low": low, "high": high, "log": log, "step": step, "whole": whole}


def _end(path: str, low: float, high: float, step: float) -> float:
    """Returns the last value of a range with steps."""
    n_steps = _n_steps(low, high, step)
    if not n_steps:
        raise InputError(f"{path}: {step:g}, expected {high - low:g} at most")
    return min(high, stepped(low, n_steps, step))  # which leaves whole numbers what they are


def _conditions(
    path: str, when: Document, earlier: Mapping[str, Dimension]
) -> Iterator[tuple[str, list[Any]]]:
    """Yields the conditions of a dimension by the keys of the method."""
    for given, values in when.items():
        if given not in earlier:
            known = ", ".join(earlier) or "none"
            raise InputError(f"{path}.when.{given}: not tried before, allowed: {known}")
        other = earlier[given]
        for value in values:
            if value not in other.choices:
                allowed = ", ".join(map(shown, other.choices)) or "keys with `choices` only"
                raise InputError(f"{path}.when.{given}: {shown(value)}, allowed: {allowed}")
        yield other.key, values
