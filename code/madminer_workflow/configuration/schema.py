"""The packaged schema of the input file: what is allowed, and the defaults.

Besides the words of JSON Schema (draft 2020-12) the schema uses some of its own: `x-unit`;
`x-default`, a default in words because it depends on other things, with `x-default-by-number` and
`x-default-divisor` for its values; `x-words-by-number`, texts that stand for such values;
`x-default-by-method`, for methods that have their own;
`x-methods` and `x-sampling-methods`, who alone uses a key, and `x-not-methods`, who does not;
`x-single-point`, the methods for which a key must give one parameter point; `x-allowed`, in words,
which texts a `pattern` allows; `x-or`, what is allowed besides the values of a list; `x-own`, the
keys that estimators of one's own have.
"""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import jsonschema

from madminer_workflow.errors import InputError

__all__ = [
    "allowed",
    "below",
    "default_for",
    "defaults",
    "fits",
    "meant_by",
    "nearest",
    "problems",
    "resolved",
    "rule_of",
    "schema",
    "shown",
    "subschema",
    "uses",
    "validate",
]

_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
_LARGEST = 1e300  # beyond it, and for NaN, a number counts as not finite


@functools.cache
def schema() -> dict[str, Any]:
    """Returns the schema of the input file."""
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def resolved(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a schema with its reference replaced by what it refers to.

    Args:
        rule: Part of the schema.
    """
    own = {key: value for key, value in rule.items() if key != "$ref"}
    target = rule.get("$ref", "").removeprefix("#/$defs/")
    return {**schema()["$defs"].get(target, {}), **own}


def subschema(*keys: str) -> dict[str, Any]:
    """Returns the schema of one key, its reference resolved.

    Args:
        keys: The way to the key, for instance "training", "epochs".

    >>> subschema("training", "epochs")["minimum"]
    1
    """
    found = schema()
    for key in keys:
        found = resolved(below(found, key))
    return found


def below(rule: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Returns the schema of a key of a block, or of keys that the block does not name.

    Args:
        rule: The schema of the block.
        key: The key.

    Raises:
        KeyError: The block can have no such key.
    """
    if key in rule.get("properties", {}):
        return dict(rule["properties"][key])
    others = rule.get("x-own", rule.get("additionalProperties"))
    if not isinstance(others, dict):
        raise KeyError(key)
    return others


def uses(method: str, rule: Mapping[str, Any]) -> bool:
    """Returns whether a method of inference uses a key.

    Args:
        method: Name of the method.
        rule: The schema of the key.

    >>> uses("carl", subschema("training", "alpha"))
    False
    """
    users = rule.get("x-methods", [method])
    return method in users and method not in rule.get("x-not-methods", [])


def defaults(*keys: str) -> dict[str, Any]:
    """Returns the defaults of the keys below one key; those in words are missing.

    Args:
        keys: The way to the key; none for the whole file.

    >>> defaults("splits")
    {'train': 0.7, 'validation': 0.1, 'test': 0.2}
    """
    properties = subschema(*keys)["properties"]
    return {key: value["default"] for key, value in properties.items() if "default" in value}


def default_for(number: int, *keys: str) -> int:
    """Returns a default that depends on how many parameters or observables there are.

    Args:
        number: How many there are.
        keys: The way to the key.

    >>> default_for(2, "asymptotic_limits", "resolutions")
    25
    """
    return _by_number(number, subschema(*keys)["x-default-by-number"])


def meant_by(word: str, number: int, *keys: str) -> int:
    """Returns the value that a word stands for, given how many parameters there are.

    Args:
        word: One of the words that the schema allows.
        number: How many there are.
        keys: The way to the key.

    >>> meant_by("fine", 2, "asymptotic_limits", "resolutions")
    41
    """
    return _by_number(number, subschema(*keys)["x-words-by-number"][word])


def _by_number(number: int, values: Sequence[int]) -> int:
    """Returns one of the values for one, two, three, ...; the last one serves for more."""
    return values[min(number, len(values)) - 1]


def validate(
    document: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Checks keys, types and values as far as that needs no event file.

    Args:
        document: The content of an input file.
        own: The schemas of the blocks of estimators of one's own by their names.

    Raises:
        InputError: Something is not allowed; the message names it.
    """
    for problem in problems(document, own):
        raise InputError(problem)


def problems(
    document: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[str]:
    """Yields a line for each thing that is not allowed.

    Args:
        document: The content of an input file.
        own: The schemas of the blocks of estimators of one's own by their names.
    """
    validator = _validator() if not own else _validator().evolve(schema=_with(own))
    yield from map(_message, validator.iter_errors(document))


def fits(value: object, rule: Mapping[str, Any]) -> bool:
    """Returns whether a value follows a rule.

    Args:
        value: The value.
        rule: The schema of one value.

    >>> fits(3, {"type": "integer", "minimum": 1}), fits(True, {"type": "integer"})
    (True, False)
    """
    return bool(_validator().evolve(schema=rule).is_valid(value))


def rule_of(name: str, own: Collection[str] | None = None) -> dict[str, Any]:
    """Returns the schema of a key, also of one that is named after a parameter.

    Args:
        name: The way to the key, with dots.
        own: Names of estimators of one's own; without them every name that has one of their keys.

    Raises:
        InputError: There is no such key.
    """
    found = schema()
    for number, key in enumerate(parts := name.split(".")):
        properties, others = found.get("properties", {}), found.get("additionalProperties")
        if "x-own" in found and _is_own(parts, own):
            others = found["x-own"]
        if key not in properties and not isinstance(others, dict):
            path = ".".join(parts[: number + 1])
            raise InputError(f"{path}: unknown key, {nearest(key, [*properties, *(own or [])])}")
        found = resolved(properties.get(key, others))
    return {"description": ""} | found


def _is_own(parts: Sequence[str], own: Collection[str] | None) -> bool:
    """Returns whether a key belongs to an estimator of one's own."""
    if own is not None:
        return parts[0] in own
    return len(parts) > 1 and parts[1] in resolved(schema()["x-own"])["properties"]


def allowed(rule: Mapping[str, Any]) -> str:
    """Returns in words which values a schema allows.

    Args:
        rule: The schema of one value.

    >>> allowed({"type": ["integer", "array"], "minimum": 2, "items": {"type": "integer"}})
    'an integer >= 2 or a list (each an integer)'
    """
    if "enum" in rule:
        return "one of " + ", ".join(rule["enum"]) + _or(rule)
    if "$ref" in rule:
        return allowed(resolved(rule))
    if "x-allowed" in rule:
        return str(rule["x-allowed"])
    if "type" not in rule:
        return "a value"
    types = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    return " or ".join(_WORDS[name](rule) for name in types)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns what is known instead of an unknown word: the nearest one, or all.

    Args:
        word: The unknown word.
        known: The known ones.

    >>> nearest("alises", ["alice", "alices", "sally"])
    "did you mean 'alices'? allowed: alice, alices, sally"
    """
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"{hint}allowed: {', '.join(known)}"


def shown(value: object) -> str:
    """Returns a value as a message shows it, on one line and not too long.

    Args:
        value: Anything that an input file can hold.
    """
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _or(rule: Mapping[str, Any]) -> str:
    """Returns the words for what is allowed besides the values of a list."""
    return f", or {rule['x-or']}" if "x-or" in rule else ""


def _with(own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the schema with the blocks of estimators of one's own."""
    methods = subschema("methods")
    names = [*methods["items"]["enum"], *own]
    methods |= {"items": methods["items"] | {"enum": names}}
    return schema() | {"properties": schema()["properties"] | own | {"methods": methods}}


def _number(rule: Mapping[str, Any], noun: str) -> str:
    """Returns the words for a number and its bounds."""
    bounds = [f"{sign} {rule[key]}" for key, sign in _BOUNDS.items() if key in rule]
    return f"{noun} {' and '.join(bounds)}".rstrip()


def _list(rule: Mapping[str, Any]) -> str:
    """Returns the words for a list, its length and its items."""
    least, most = rule.get("minItems", 0), rule.get("maxItems")
    length = f" of {least}" if least == most else f" of at least {least}" if least > 1 else ""
    unique = ", none twice" if rule.get("uniqueItems") else ""
    return f"a list{length} (each {allowed(rule['items'])}){unique}"


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "array": _list,
    "boolean": lambda rule: "true or false",  # noqa: ARG005
    "integer": lambda rule: _number(rule, "an integer"),
    "number": lambda rule: _number(rule, "a number"),
    "object": lambda rule: "keys with values",  # noqa: ARG005
    "string": lambda rule: ", ".join(rule.get("x-words-by-number", ["a name"])),
}


@functools.cache
def _validator() -> Any:
    """Returns the validator."""
    base = jsonschema.Draft202012Validator
    checker = base.TYPE_CHECKER.redefine("number", _is_finite_number)
    extend: Any = jsonschema.validators.extend
    return extend(base, type_checker=checker)(schema())


def _is_finite_number(_: Any, value: object) -> bool:
    """Returns whether a value is a number and neither infinite nor NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _message(error: Any) -> str:
    """Returns the line for an error: key path, value, what is allowed."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.absolute_path)
    path = path.removeprefix(".")
    value, rule = error.instance, error.schema
    if error.validator == "additionalProperties":
        key = next(key for key in value if key not in rule["properties"])
        return f"{_joined(path, key)}: unknown key, {nearest(key, rule['properties'])}"
    if error.validator == "required":
        key = next(key for key in rule["required"] if key not in value)
        return (
            f"{_joined(path, key)}: missing, expected {allowed(resolved(rule['properties'][key]))}"
        )
    if error.validator == "enum" and isinstance(value, str):
        return f"{path}: {shown(value)}, {nearest(value, rule['enum'])}{_or(rule)}"
    return f"{path or 'the file'}: {shown(value)}, expected {allowed(rule)}"


def _joined(path: str, key: str) -> str:
    """Returns the path of a key below another."""
    return f"{path}.{key}" if path else key
