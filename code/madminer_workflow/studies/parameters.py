"""Parameters of a run, and studies of many runs, as typed by the schema of the input file."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from madminer_workflow.configuration import merge
from madminer_workflow.configuration.loading import dumped
from madminer_workflow.configuration.merging import located
from madminer_workflow.configuration.resolve import resolve
from madminer_workflow.configuration.schema import schema, shown, validate
from madminer_workflow.errors import InputError
from madminer_workflow.events import read_header
from madminer_workflow.storage import write_json, write_text
from madminer_workflow.studies.description import describe, rule_of
from madminer_workflow.studies.names import combination_name
from madminer_workflow.studies.spaces import Choice

__all__ = ["Parameters", "Study", "combine"]

_Point = tuple[tuple[str, Any], ...]
_INDEX = "study.json"


@dataclass(frozen=True, init=False, repr=False)
class Parameters:
    """What an input file says, checked against the schema; two with the same content are equal.

    >>> base = Parameters(methods=["quadratic"], training={"epochs": 10})
    >>> base["training.epochs"], base["training.n_folds"]
    (10, 2)
    >>> base.replace({"training.epochs": 30})
    Parameters(methods=['quadratic'], training={'epochs': 30})
    >>> Parameters(methods=["quadratic"], training={"epoch": 30})
    Traceback (most recent call last):
    madminer_workflow.errors.InputError: training.epoch: unknown key, did you mean 'epochs'? ...
    """

    _text: str  # JSON, because it cannot be changed

    def __init__(self, **values: Any) -> None:
        """Checks keys, types and ranges, as far as that needs no event file.

        Args:
            values: The keys of the top level of the input file, with plain values, tuples, paths
                and NumPy numbers and arrays. A path starts from the present folder.

        Raises:
            InputError: Something is not allowed; the message names key, value and alternatives.
        """
        document = json.loads(json.dumps(values, default=_plain))
        validate(document)
        document = located(document, Path.cwd())
        object.__setattr__(self, "_text", json.dumps(document, sort_keys=True))

    @classmethod
    def read(cls, *paths: str | Path, profile: str = "default") -> Parameters:
        """Returns what input files say together.

        Args:
            paths: The files; later ones win.
            profile: Name of the profile that comes before them.

        Raises:
            InputError: A file cannot be read, or says something that is not allowed.
        """
        inputs = merge(paths, profile)
        with inputs.named():
            return cls(**inputs.document)

    @property
    def document(self) -> dict[str, Any]:
        """The content as an input file has it, in the order of the schema."""
        content = json.loads(self._text)
        return {key: content[key] for key in schema()["properties"] if key in content}

    def __getitem__(self, key: str) -> Any:
        """Returns the value of a key, or its default.

        Args:
            key: The way to the key, with dots. A method has the common value where it has none.

        Raises:
            InputError: There is no such key, or it has no default that is known without events.
        """
        rule_of(key)
        names = key.split(".")
        common = names[1:] if names[1:2] in (["samples"], ["training"]) else names
        for way in (names, common):
            found = functools.reduce(_below, way, self.document)
            if found is not None:
                return found
        return self._default(key, names, common)

    def _default(self, key: str, names: list[str], common: list[str]) -> Any:
        """Returns the default of a key."""
        block = rule_of(".".join(common[:-1])) if common[:-1] else {}
        own = block.get("x-default-by-method", {}).get(names[0], {})
        rule = rule_of(key)
        default = own.get(names[-1], rule.get("default"))
        if default is None or "x-default" in rule:
            words = describe(key).default or "none"
            raise InputError(f"{key}: not given, and its default is {words}")
        return copy.deepcopy(default)

    def replace(self, values: Mapping[str, Any]) -> Parameters:
        """Returns parameters with other values.

        Args:
            values: Values by the way to their key, with dots.

        Raises:
            InputError: A key or a value is not allowed.
        """
        document = self.document
        for key, value in values.items():
            rule_of(key)
            *above, last = key.split(".")
            block = document
            for name in above:
                block = block.setdefault(name, {})
                if not isinstance(block, dict):
                    raise InputError(f"{key}: {name} has no keys but is {shown(block)}")
            block[last] = value
        return Parameters(**document)

    def vary(self, key: str, values: Iterable[Any]) -> Study:
        """Returns a study in which one key takes several values.

        Args:
            key: The way to the key, with dots.
            values: Its values: a list, or one of `linspace`, `logspace`, `choices`, `seeds`.

        Raises:
            InputError: There are no values, one is not allowed, or one is given twice.
        """
        return Study(self, tuple(((key, _listed(value)),) for value in values))

    def __repr__(self) -> str:
        """Returns the call that makes these parameters."""
        values = ", ".join(f"{key}={value!r}" for key, value in self.document.items())
        return f"Parameters({values})"


@dataclass(frozen=True, eq=False, repr=False)
class Study(Mapping[str, Parameters]):
    """Parameters of several runs by their names, in which some keys vary.

    Attributes:
        base: What does not vary.
    """

    base: Parameters
    _points: tuple[_Point, ...]
    _derived: tuple[tuple[str, Callable[[Parameters], Any]], ...] = field(default=())

    def __post_init__(self) -> None:
        """Checks every combination."""
        if not self._points:
            raise InputError("vary: no values, expected one or more")
        keys = [key for key, _ in (*self._points[0], *self._derived)]
        for one, other in itertools.combinations(keys, 2):
            if f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}."):
                raise InputError(f"{other}: varies twice, expected once")
        assert self._combinations

    def vary(self, key: str, values: Iterable[Any]) -> Study:
        """Returns the study of all combinations with the values of one more key.

        Args:
            key: The way to the key, with dots.
            values: Its values.

        Raises:
            InputError: The key varies already, or a value is not allowed.
        """
        return combine(self, self.base.vary(key, values))

    def derive(self, key: str, function: Callable[[Parameters], Any]) -> Study:
        """Returns the study with a key that is computed in every combination from the others.

        Args:
            key: The way to the key, with dots.
            function: Gives its value.

        Raises:
            InputError: A value is not allowed.

        >>> study = Parameters(methods=["sally"]).vary("samples.train", [1000, 100000])
        >>> study = study.derive("samples.validation", lambda p: p["samples.train"] // 10)
        >>> study["train-1000"]["samples.validation"]
        100
        """
        return Study(self.base, self._points, (*self._derived, (key, function)))

    @property
    def table(self) -> dict[str, dict[str, Any]]:
        """The values that vary, by the names of the combinations."""
        return {
            name: {key: _value(value) for key, value in point}
            for name, point in zip(self, self._points, strict=True)
        }

    def check(self, data_file: str | Path) -> None:
        """Checks every combination against an event file.

        Args:
            data_file: The event file.

        Raises:
            InputError: A combination cannot be run; the message names it.
        """
        header = read_header(data_file)
        for name, parameters in self.items():
            try:
                resolve(parameters.document, header)
            except InputError as error:
                raise InputError(f"{name}: {error}") from error

    def write(self, folder: str | Path) -> list[Path]:
        """Writes an input file for each combination, and `study.json` with the values that vary.

        Files of the same names are replaced; others in the folder, of an earlier study, stay.

        Args:
            folder: The folder to write into; it is made if it is missing.

        Returns:
            The input files.
        """
        files = {name: Path(folder) / f"{name}.yml" for name in self}
        for name, parameters in self.items():
            write_text(files[name], dumped(parameters.document))
        rows = [
            {"name": name, "input_file": files[name].name, "values": values}
            for name, values in self.table.items()
        ]
        write_json(Path(folder) / _INDEX, rows)
        return list(files.values())

    def __getitem__(self, name: str) -> Parameters:
        """Returns the parameters of one combination."""
        return self._combinations[name]

    def __iter__(self) -> Iterator[str]:
        """Yields the names of the combinations."""
        return iter(self._combinations)

    def __len__(self) -> int:
        """Returns the number of combinations."""
        return len(self._points)

    def __repr__(self) -> str:
        """Returns what varies, and how many combinations there are."""
        keys = ", ".join(key for key, _ in self._points[0])
        return f"<Study of {keys}: {len(self)} combinations>"

    @functools.cached_property
    def _combinations(self) -> dict[str, Parameters]:
        """The parameters of all combinations by name."""
        found: dict[str, Parameters] = {}
        for point in self._points:
            parameters = self.base.replace({key: _value(value) for key, value in point})
            for key, function in self._derived:
                parameters = parameters.replace({key: function(parameters)})
            name = combination_name(point)
            if name in found:
                raise InputError(f"{name}: this combination is given twice, expected once")
            found[name] = parameters
        return found


def combine(*studies: Study, how: Literal["grid", "zip"] = "grid") -> Study:
    """Returns a study in which the keys of several studies vary.

    Args:
        studies: Studies of the same parameters, no two of which vary the same key.
        how: "grid" for every combination, the first study slowest; "zip" for the first of each,
            the second of each, ...

    Raises:
        InputError: The studies do not go together.

    >>> base = Parameters(methods=["quadratic"])
    >>> epochs, rates = (
    ...     base.vary("training.epochs", [10, 20]),
    ...     base.vary("training.learning_rate", [0.01, 0.005]),
    ... )
    >>> list(combine(epochs, rates, how="zip"))
    ['epochs-10__learning_rate-0.01', 'epochs-20__learning_rate-0.005']
    """
    if len({study.base for study in studies}) != 1:
        raise InputError("combine: expected studies of the same parameters")
    groups: Iterable[tuple[_Point, ...]]
    if how == "zip":
        sizes = sorted({len(study) for study in studies})
        if len(sizes) > 1:
            raise InputError(
                f"combine: {sizes[0]} and {sizes[-1]} values, expected as many of each"
            )
        groups = zip(*(study._points for study in studies), strict=True)
    elif how == "grid":
        groups = itertools.product(*(study._points for study in studies))
    else:
        raise InputError(f"combine: {how!r}, allowed: grid, zip")
    points = tuple(tuple(itertools.chain(*group)) for group in groups)
    derived = tuple(itertools.chain(*(study._derived for study in studies)))
    return Study(studies[0].base, points, derived)


def _plain(value: Any) -> Any:
    """Returns a NumPy array or number, or a path, as JSON can have it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise InputError(f"{value!r}, expected numbers, texts, true or false, lists and mappings")


def _listed(value: Any) -> Any:
    """Returns a value of a key in plain form, with its label if it has one."""
    if isinstance(value, Choice):
        return Choice(value.label, _listed(value.value))
    return json.loads(json.dumps(value, default=_plain))


def _value(value: Any) -> Any:
    """Returns a value without its label."""
    return value.value if isinstance(value, Choice) else value


def _below(block: Any, key: str) -> Any:
    """Returns what a block has for a key, None if nothing."""
    return block.get(key) if isinstance(block, dict) else None
