"""The combinations that the keys `sweep` and `initialisations` of an input file stand for.

A combination is like one more input file that comes after all others: its values are merged with
those of the file key by key.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from madminer_workflow.configuration.files import file_of
from madminer_workflow.configuration.labels import combination_name, label
from madminer_workflow.configuration.routines import names
from madminer_workflow.configuration.schema import defaults, problems, rule_of, shown, subschema
from madminer_workflow.errors import InputError

__all__ = [
    "SPREADING",
    "Point",
    "check_keys",
    "check_value",
    "is_several",
    "overlaid",
    "points",
    "touch",
]

Document = Mapping[str, Any]
Values = Mapping[str, Any]

SPREADING = ("sweep", "initialisations", "variants")
"""Keys with which a document stands for several."""

_FIXED = (*SPREADING, "step", "tuning")
_KINDS = ("grid", "zip", "list")
_SEED = "training.seed"
_CLASS = "cannot vary, expected a name of its own for each class, so that `methods` can vary"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=,-]*")
_TAKEN = ("figures", "limits", "results.json", "run.json", "sweep.csv")  # in the same folder


@dataclass(frozen=True)
class Point:
    """One of the documents that an input document stands for.

    Attributes:
        combination: Name of the combination; empty without a sweep.
        values: The values of the combination by key, with dots.
        initialisation: The seed of the initialisation, if several are asked for.
        sweep: Name of the sweep.
    """

    combination: str = ""
    values: Values = field(default_factory=dict)
    initialisation: int | None = None
    sweep: str = ""

    @property
    def name(self) -> str:
        """Its name, which is also that of its folder; empty if it is the only one."""
        number = self.initialisation
        parts = (self.combination, "" if number is None else f"initialisation-{number}")
        return "/".join(filter(None, parts))

    def document(self, document: Document) -> dict[str, Any]:
        """Returns the document that it stands for.

        Args:
            document: The document that stands for all.
        """
        own = {key: value for key, value in document.items() if key not in SPREADING}
        seed = {} if self.initialisation is None else {_SEED: self.initialisation}
        return overlaid(own, {**self.values, **seed})


def is_several(document: Document) -> bool:
    """Returns whether a document has a key with which it stands for several.

    Args:
        document: The content of an input file.
    """
    return any(document.get(key) for key in SPREADING)


def points(document: Document) -> list[Point]:
    """Returns what a document stands for: combinations, and for each its initialisations.

    Args:
        document: The content of an input file that follows the schema.

    Raises:
        InputError: A key cannot vary, a value is not allowed, or a name is not.
    """
    combinations = list(_combinations(document))
    taken = [one.combination for one in combinations]
    for number, name in enumerate(taken):
        if name in taken[:number]:
            raise InputError(f"sweep: combination {name} is given twice, expected once")
    return [
        Point(one.combination, one.values, seed, document.get("sweep", {}).get("name", ""))
        for one in combinations
        for seed in _initialisations(document, one)
    ]


def overlaid(document: Document, values: Values) -> dict[str, Any]:
    """Returns a document with other values, merged key by key at every depth.

    Args:
        document: Keys with values, nested.
        values: Values by the way to their key, with dots.

    >>> overlaid({"training": {"epochs": 5}}, {"training.seed": 2, "training": {"alpha": 1}})
    {'training': {'epochs': 5, 'seed': 2, 'alpha': 1}}
    """
    merged = dict(document)
    for key, value in values.items():
        first, _, rest = key.partition(".")
        below = merged.get(first)
        if rest or isinstance(value, Mapping):
            inner = {rest: value} if rest else value
            merged[first] = overlaid(below if isinstance(below, Mapping) else {}, inner)
        else:
            merged[first] = value
    return merged


def touch(one: str, other: str) -> bool:
    """Returns whether a key is another one, is in it, or holds it.

    Args:
        one: A key, with dots.
        other: Another key.

    >>> touch("training", "training.epochs"), touch("training.epochs", "training.epoch")
    (True, False)
    """
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def check_keys(path: str, keys: Iterable[str], own: Sequence[str]) -> None:
    """Checks that keys exist, may vary, and none holds another one.

    Args:
        path: Where they are given, for messages.
        keys: The ways to the keys, with dots.
        own: Names of estimators of one's own.

    Raises:
        InputError: One does not, or may not.
    """
    known: list[str] = []
    for key in keys:
        try:
            rule_of(key, own)
        except InputError as error:
            raise InputError(f"{path}.{error}") from error
        if key.split(".")[0] in _FIXED:
            raise InputError(f"{path}.{key}: cannot vary, expected another key")
        if key.endswith(".class"):
            raise InputError(f"{path}.{key}: {_CLASS}")
        for other in known:
            if touch(key, other):
                raise InputError(f"{path}.{key}: varies with {other} as well, expected once")
        known.append(key)


def check_value(path: str, key: str, value: Any, own: Sequence[str]) -> None:
    """Checks that a key may have a value, as far as that depends on nothing else.

    Args:
        path: Where it is given, for messages.
        key: The way to the key, with dots.
        value: The value.
        own: Names of estimators of one's own.

    Raises:
        InputError: It may not.
    """
    if key in own and isinstance(value, Mapping) and "class" in value:
        raise InputError(f"{path}.class: {_CLASS}")
    document = overlaid({"methods": ["alice"]}, {key: value})
    for problem in problems(document, {name: subschema(name) for name in own}):
        if re.match(rf"{re.escape(key)}[.:\[]", problem):
            raise InputError(f"{path}{problem[len(key):]}")


def _combinations(document: Document) -> Iterator[Point]:
    """Yields the combinations of a sweep; one without values if there is none."""
    sweep = document.get("sweep", {})
    kinds = [kind for kind in _KINDS if kind in sweep]
    if not sweep:
        yield Point("", {})
        return
    if len(kinds) != 1:
        given = ", ".join(kinds) or "none of them"
        raise InputError(f"sweep: {given} given, expected one of {', '.join(_KINDS)}")
    (kind,) = kinds
    own, block = names(document), sweep[kind]
    rows = list(_listed(block, own) if kind == "list" else _crossed(kind, block, own))
    keys = {key for _, values in rows for key in values}
    for name, values in rows:
        labels = [(key, _label(key, value)) for key, value in values.items()]
        yield Point(name or combination_name(labels, keys), values)


def _label(key: str, value: Any) -> str:
    """Returns a value as part of a name; files by their names, wherever they are."""
    is_file = key in ("observed", "observed.data")
    return label(Path(file_of(value)).name if is_file else value)


def _crossed(kind: str, block: Document, own: Sequence[str]) -> Iterator[tuple[str, Values]]:
    """Yields the combinations of lists of values: all, or those at the same places."""
    check_keys(f"sweep.{kind}", block, own)
    for key, values in block.items():
        path = f"sweep.{kind}.{key}"
        for number, value in enumerate(values):
            check_value(f"{path}[{number}]", key, value, own)
            if kind == "grid" and json.dumps(value) in map(json.dumps, values[:number]):
                raise InputError(f"{path}[{number}]: {shown(value)} is given twice, expected once")
        first = next(iter(block))
        if kind == "zip" and len(values) != len(block[first]):
            raise InputError(
                f"{path}: {len(values)} values, expected {len(block[first])} as for {first}"
            )
    meet: Iterable[tuple[Any, ...]] = itertools.product(*block.values())
    if kind == "zip":
        meet = zip(*block.values(), strict=True)
    yield from (("", dict(zip(block, values, strict=True))) for values in meet)


def _listed(rows: Sequence[Document], own: Sequence[str]) -> Iterator[tuple[str, Values]]:
    """Yields the combinations that are given one by one."""
    for number, row in enumerate(rows):
        path, values = f"sweep.list[{number}]", {k: v for k, v in row.items() if k != "name"}
        check_keys(path, values, own)
        for key, value in values.items():
            check_value(f"{path}.{key}", key, value, own)
        name = row.get("name", "")
        if "name" in row or not values:
            _check_name(f"{path}.name", name)
        yield name, values


def _check_name(path: str, name: Any) -> None:
    """Raises InputError unless a combination can have a name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _TAKEN:
        expected = "expected letters, digits and . _ + = , - that begin with a letter or digit"
        used = f", and none of {', '.join(_TAKEN)}" if name in _TAKEN else ""
        raise InputError(f"{path}: {shown(name)}, {expected}{used}")


def _initialisations(document: Document, combination: Point) -> list[int | None]:
    """Returns the seeds of the initialisations of a combination; none without that key."""
    given = document.get("initialisations")
    if given is None:
        return [None]
    own = combination.document(document)
    blocks = {f"{key}.": value for key, value in own.items() if isinstance(value, Mapping)}
    for path, block in {"": own, **blocks}.items():
        if "seed" in block.get("training", {}):
            raise InputError(
                f"initialisations: {shown(given)} and {path}{_SEED}, expected one of them"
            )
    if isinstance(given, list):
        return list(given)
    first = int(own.get("seed", defaults()["seed"]))
    return [first + number for number in range(given)]
