"""Studies: parameters of many runs, in which some keys vary."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from madminer_workflow.configuration.labels import combination_name
from madminer_workflow.configuration.resolve import resolve
from madminer_workflow.errors import InputError
from madminer_workflow.events import read_header
from madminer_workflow.storage import write_json
from madminer_workflow.studies.parameters import Parameters
from madminer_workflow.studies.values import label, unlabelled

__all__ = ["Study", "combine"]

_Point = tuple[tuple[str, Any], ...]
_INDEX = "study.json"


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
        len(self._combinations)  # computes them, which checks them

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
            name: {key: unlabelled(value) for key, value in point}
            for name, point in zip(self, self._points, strict=True)
        }

    def swept(self, name: str = "") -> Parameters:
        """Returns the parameters of one run with a sweep over all combinations.

        Args:
            name: Name of the sweep.

        Raises:
            InputError: What does not vary has a sweep already.

        >>> study = Parameters(methods=["sally"]).vary("training.epochs", [5, 10])
        >>> study.swept("epochs")["sweep.list"][1]
        {'name': 'epochs-10', 'training.epochs': 10}
        """
        if "sweep" in self.base.document:
            raise InputError("sweep: given, expected none where combinations become one")
        derived = [key for key, _ in self._derived]
        rows = [
            {"name": one, **values, **{key: self[one][key] for key in derived}}
            for one, values in self.table.items()
        ]
        return self.base.replace({"sweep": {"name": name or self._keys, "list": rows}})

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
            parameters.write(files[name])
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
        return f"<Study of {self._keys}: {len(self)} combinations>"

    @property
    def _keys(self) -> str:
        """What varies."""
        return ", ".join(key for key, _ in self._points[0])

    @functools.cached_property
    def _combinations(self) -> dict[str, Parameters]:
        """The parameters of all combinations by name."""
        found: dict[str, Parameters] = {}
        for point in self._points:
            parameters = self.base.replace({key: unlabelled(value) for key, value in point})
            for key, function in self._derived:
                parameters = parameters.replace({key: function(parameters)})
            name = combination_name([(key, label(value)) for key, value in point])
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
