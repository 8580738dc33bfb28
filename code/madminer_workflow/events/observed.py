"""Observed events: observables without weights, from a file of common format."""

from __future__ import annotations

import logging
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_npz, write_npz

__all__ = ["Observed", "out_of_range", "read_observed"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Observed:
    """Events as they were observed, each counts once.

    Attributes:
        path: Their file.
        observables: Names of the observables.
        x: Observables, (event, observable).
    """

    path: Path
    observables: tuple[str, ...]
    x: Floats

    def __len__(self) -> int:
        """Returns the number of events."""
        return len(self.x)

    def save(self, path: str | Path) -> None:
        """Writes the events such that `read_observed` reads them.

        Args:
            path: The file to write, with the suffix .npz.
        """
        write_npz(path, observables=np.array(self.observables, str), x=self.x)


def read_observed(path: str | Path, observables: Sequence[str]) -> Observed:
    """Reads observed events; other columns of the file are ignored with a warning.

    The ending of the file tells its format: `.csv`, the first line names the columns, lines that
    begin with # are comments; `.npz` with the arrays `observables` (names) and `x` (event,
    observable); `.h5` or `.hdf5` with the same two, or as MadMiner stores events. There may be
    no events.

    Args:
        path: The file.
        observables: Names of the observables in the order of the result, those of the event file.

    Raises:
        InputError: The file is missing, damaged or of another format, has no column for an
            observable or several, values that are not finite numbers, or weights.
    """
    path, observables = Path(path), tuple(observables)
    if path.suffix.lower() not in _FORMATS:
        allowed = ", ".join(_FORMATS)
        raise InputError(f"{path}: the ending is '{path.suffix}', allowed: {allowed}")
    read, layout = _FORMATS[path.suffix.lower()]
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected {layout}")
    try:
        x = read(path, observables)
    except InputError:
        raise
    except Exception as error:  # h5py and NumPy raise many kinds for damaged content
        raise InputError(f"{path}: {_short(error)}, expected {layout}") from error
    _check_finite(path, observables, x)
    return Observed(path, observables, x)


def out_of_range(observed: Observed, x_simulated: ArrayLike) -> tuple[str, ...]:
    """Returns a warning for each observable that was observed where nothing was simulated.

    Args:
        observed: The observed events.
        x_simulated: Observables of the simulated events, (event, observable).
    """
    found = []
    columns = zip(observed.observables, observed.x.T, np.asarray(x_simulated).T, strict=True)
    for name, x, simulated in columns:
        low, high = simulated.min(), simulated.max()
        outside = x[(x < low) | (x > high)]
        extremes = [f"down to {outside.min():g}"] if (outside < low).any() else []
        extremes += [f"up to {outside.max():g}"] if (outside > high).any() else []
        if extremes:
            found.append(
                f"{name}: {len(outside)} of {len(observed)} observed events outside of the "
                f"simulated range [{low:g}, {high:g}], {' and '.join(extremes)}"
            )
    return tuple(found)


def _read_csv(path: Path, observables: tuple[str, ...]) -> Floats:
    """Returns the columns of a text file, (event, observable)."""
    lines = _lines(path)
    names = _header(lines)
    columns = _columns(path, names, observables)
    # What is ignored may be any text, but is read so that the number of values is checked.
    kinds = [(str(i), "f8" if i in columns else "U1") for i in range(len(names))]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            rows = np.loadtxt(lines, kinds, comments=None, delimiter=",", ndmin=1)
    except ValueError as error:
        fault = _first_fault(path, columns) or _short(error)
        raise InputError(f"{path}: {fault}") from error
    return np.stack([rows[str(column)] for column in columns], axis=1)


def _lines(path: Path) -> Iterator[str]:
    """Yields the lines of a text; comments become empty lines, so that line numbers stay."""
    with open(path, encoding="utf-8-sig") as file:  # some spreadsheets write a byte-order mark
        yield from ("\n" if line.lstrip()[:1] in ("", "#") else line for line in file)


def _header(lines: Iterator[str]) -> list[str]:
    """Returns the names in the first line that is not empty."""
    line = next((line for line in lines if line != "\n"), None)
    return [] if line is None else [name.strip(' \t\n"') for name in line.split(",")]


def _first_fault(path: Path, columns: list[int]) -> str | None:
    """Returns where a text file has the wrong number of values or a text that is no number."""
    lines = enumerate(_lines(path), start=1)
    names = _header(line for _, line in lines)
    for number, row in ((number, line.split(",")) for number, line in lines if line != "\n"):
        if len(row) != len(names):
            return f"line {number} has {len(row)} values, expected {len(names)} as in the header"
        for column in sorted(columns):
            if not _is_number(row[column]):
                text = _short(row[column])
                return f"line {number}, column '{names[column]}': '{text}' is not a number"
    return None


def _is_number(text: str) -> bool:
    """Returns whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _read_npz(path: Path, observables: tuple[str, ...]) -> Floats:
    """Returns the columns of an npz file, (event, observable)."""
    return _chosen(path, read_npz(path), ("observables", "x"), observables)


def _read_hdf5(path: Path, observables: tuple[str, ...]) -> Floats:
    """Returns the columns of an HDF5 file, (event, observable)."""
    with h5py.File(path) as file:
        if not isinstance(file.get("observables"), h5py.Group):
            return _chosen(path, file, ("observables", "x"), observables)
        weights = file["samples/weights"][()] if "samples/weights" in file else np.empty(0)
        if weights.size and not (weights == weights.flat[0]).all():
            raise InputError(
                f"{path}: events with weights from {weights.min():g} to {weights.max():g} are "
                "simulated ones, expected observed events, which have none"
            )
        return _chosen(path, file, ("observables/names", "samples/observations"), observables)


def _chosen(path: Path, source: Any, keys: tuple[str, str], observables: tuple[str, ...]) -> Floats:
    """Returns the columns from arrays of names and values, (event, observable)."""
    missing = [key for key in keys if key not in source]
    if missing:
        raise InputError(f"{path}: no array {missing[0]}, expected {' and '.join(keys)}")
    texts, x = (np.asarray(source[key][()]) for key in keys)
    names = [text.decode() if isinstance(text, bytes) else text for text in texts.tolist()]
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: {keys[0]} is of type {texts.dtype}, expected a list of names")
    if x.ndim != 2 or x.shape[1] != len(names) or x.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: {keys[1]} is of type {x.dtype} and shape {x.shape}, "
            f"expected numbers of shape (number of events, {len(names)})"
        )
    return x[:, _columns(path, names, observables)].astype(float, order="C")


def _columns(path: Path, names: list[str], observables: tuple[str, ...]) -> list[int]:
    """Returns the column of each observable; columns without a name are among those ignored."""
    missing = [name for name in observables if name not in names]
    if missing:
        raise InputError(f"{path}: no column {_listed(missing)}, the file has {_listed(names)}")
    repeated = [name for name, number in Counter(filter(None, names)).items() if number > 1]
    if repeated:
        raise InputError(f"{path}: several columns {_listed(repeated)}, allowed: one of each name")
    ignored = [name for name in names if name not in observables]
    if ignored:
        log.warning("%s: ignored are the columns %s", path, _listed(ignored))
    return [names.index(name) for name in observables]


def _check_finite(path: Path, observables: tuple[str, ...], x: Floats) -> None:
    """Refuses values that are not finite."""
    bad = ~np.isfinite(x)
    if bad.any():
        event, column = np.argwhere(bad)[0]
        raise InputError(
            f"{path}: {np.count_nonzero(bad)} values are not finite numbers, the first is "
            f"{x[event, column]} in event {event + 1}, column '{observables[column]}'"
        )


def _listed(names: Sequence[str]) -> str:
    """Returns names as one line."""
    return _short(", ".join(name or "(no name)" for name in names)) or "none"


def _short(text: object) -> str:
    """Returns a text as one line of bearable length."""
    return textwrap.shorten(str(text), 200)


_ARRAYS = "the arrays observables (names) and x (event, observable)"
_HDF5 = f"HDF5 with {_ARRAYS} or as MadMiner stores events"
_FORMATS: dict[str, tuple[Callable[[Path, tuple[str, ...]], Floats], str]] = {
    ".csv": (_read_csv, "UTF-8 text, a line of names and a line of numbers for each event"),
    ".npz": (_read_npz, f"an npz file with {_ARRAYS}"),
    ".h5": (_read_hdf5, _HDF5),
    ".hdf5": (_read_hdf5, _HDF5),
}
