"""What the evaluation of one model says, as a record that is written and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Limits
from madminer_workflow.errors import InputError
from madminer_workflow.statistics import AsimovSums, FisherInformation, KinematicLikelihood
from madminer_workflow.steps.data import DataSet, Key
from madminer_workflow.storage import read_json, read_npz, write_json, write_npz

__all__ = ["Evaluation"]

Floats = NDArray[np.float64]

_ALWAYS = ("joint", "learned")
_ARRAYS = (*_ALWAYS, "log_normalisation")
_SUMS = "sums"  # no set of data has this name


@dataclass(frozen=True)
class Evaluation:
    """What one model says about expected and observed data.

    Attributes:
        method: Name of the method.
        limits: The grid and the data for which it was evaluated.
        n_events: Number of held-out events that stand for expected data.
        keys: What was seen of each condition by its name, the true point or observed events.
        likelihoods: The kinematic likelihood of each of them.
        log_normalisation: log E_ref[r], zero for the true ratio; None for scores, (theta,).
        sums: What likelihoods of expected data were made of; None for methods all of whose
            members evaluate the same events, so that there is nothing to merge.
        joint: Joint log ratio, (pair,), or joint score, (pair, parameter), of held-out events.
        learned: What the model estimates for them, the same shape.
        fisher: Fisher information from the score; None for ratios or if it is not wanted.
    """

    method: str
    limits: Limits
    n_events: int
    keys: Mapping[str, Key]
    likelihoods: Mapping[str, KinematicLikelihood]
    log_normalisation: Floats | None
    sums: AsimovSums | None
    joint: Floats
    learned: Floats
    fisher: FisherInformation | None

    @property
    def largest_offset(self) -> float:
        """Largest |log E_ref[r]| over the grid, how much the normalisation changed log r."""
        offsets = np.zeros(1) if self.log_normalisation is None else self.log_normalisation
        return float(np.abs(offsets).max(initial=0.0, where=np.isfinite(offsets)))

    def likelihood(self, data: DataSet) -> KinematicLikelihood:
        """Returns the likelihood of data of any luminosity.

        Args:
            data: The data, whose key is among `keys`.
        """
        (name,) = (name for name, key in self.keys.items() if key == data.key)
        return self.likelihoods[name].scaled(data.n_events)

    def save(self, folder: Path) -> None:
        """Writes the evaluation.

        Args:
            folder: The folder to write into.
        """
        skipped = (*_ARRAYS, "likelihoods", "sums")
        record = {name: value for name, value in vars(self).items() if name not in skipped}
        arrays = {name: vars(self)[name] for name in _ARRAYS}
        for data, likelihood in self.likelihoods.items():
            arrays |= {f"{data}.{name}": value for name, value in vars(likelihood).items()}
        if self.sums is not None:
            arrays |= {f"{_SUMS}.{name}": value for name, value in self.sums.arrays().items()}
        write_npz(
            folder / "result.npz",
            **{name: np.asarray(array) for name, array in arrays.items() if array is not None},
        )
        write_json(folder / "result.json", record)

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Reads what `save` wrote.

        Args:
            folder: The folder.

        Raises:
            InputError: A file is missing, damaged, or does not hold an evaluation.
        """
        record, arrays = read_json(folder / "result.json"), read_npz(folder / "result.npz")
        try:
            special: dict[str, Any] = {name: arrays.pop(name) for name in _ALWAYS}
            special["log_normalisation"] = arrays.pop("log_normalisation", None)
            fields = _by_prefix(arrays)
            sums = fields.pop(_SUMS, None)
            special["sums"] = sums and AsimovSums.of_arrays(sums)
            special["likelihoods"] = {data: _likelihood(some) for data, some in fields.items()}
            special["limits"] = _limits(record["limits"])
            special["keys"] = {name: _tuples(key) for name, key in record["keys"].items()}
            special["fisher"] = record["fisher"] and _information(record["fisher"])
            return cls(**{**record, **special})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder}: not the result of an evaluation ({error})") from error


def _by_prefix(arrays: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    """Returns arrays with names `prefix.name` by prefix and name."""
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in arrays.items():
        prefix, name = key.split(".")
        groups.setdefault(prefix, {})[name] = array
    return groups


def _likelihood(arrays: Mapping[str, NDArray[Any]]) -> KinematicLikelihood:
    """Returns the likelihood of named arrays."""
    values: dict[str, Any] = {name: a if a.ndim else float(a) for name, a in arrays.items()}
    return KinematicLikelihood(**values)


def _limits(record: Mapping[str, Any]) -> Limits:
    """Returns the limits of a JSON record, whose lists become tuples."""
    values = {key: _tuples(value) for key, value in record.items()}
    return Limits(**values)


def _tuples(value: Any) -> Any:
    """Returns the value with tuples in place of lists."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _information(record: Mapping[str, Any]) -> FisherInformation:
    """Returns the Fisher information of a JSON record."""
    arrays = ("theta", "matrix", "uncertainty")
    return FisherInformation(**{**record, **{name: np.array(record[name]) for name in arrays}})
