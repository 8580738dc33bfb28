"""What enters a network: observables and parameters on comparable scales.

How an observable is transformed is found from its values, never from its name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ObservableScaler", "ParameterScaler"]

Floats = NDArray[np.float64]

# The upper tail of a heavy-tailed observable is this many times longer than the lower one.
_HEAVY_TAIL = 3.0
_TAIL = 0.001


@dataclass(frozen=True)
class ObservableScaler:
    """Takes the logarithm of heavy-tailed positive observables and standardises all of them.

    Median and central 68 % interval take the place of mean and standard deviation, which a few
    events in a tail would decide. Values outside the range of the training samples count as the
    nearest value inside, where the network knows something, so that no input gives NaN.

    Attributes:
        minimum: Smallest value among the training samples, (observable,).
        maximum: Largest value among the training samples, (observable,).
        logarithm: Whether the logarithm is taken, (observable,).
        center: Median after the logarithm, (observable,).
        scale: Half the central 68 % interval after the logarithm, (observable,).
    """

    minimum: Floats
    maximum: Floats
    logarithm: NDArray[np.bool_]
    center: Floats
    scale: Floats

    @classmethod
    def of(cls, x: ArrayLike) -> ObservableScaler:
        """Finds the transformation of each observable.

        Args:
            x: Observables of the training samples, (event, observable).

        >>> m = np.random.default_rng(1).pareto(4.0, 1000) + 1
        >>> ObservableScaler.of(np.stack([m, np.cos(m)], axis=1)).logarithm
        array([ True, False])
        """
        x = np.asarray(x, float)
        logarithm = np.array([_is_heavy_tailed(column) for column in x.T])
        transformed = _log_where(logarithm, x)
        low, center, high = np.quantile(transformed, (0.16, 0.5, 0.84), axis=0)
        # An observable that takes one value most of the time has no central interval.
        spread = _nonzero(transformed.std(axis=0), transformed)
        scale = np.where(high > low, (high - low) / 2, spread)
        return cls(x.min(axis=0), x.max(axis=0), logarithm, center, scale)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ObservableScaler:
        """Returns the scaler that a JSON record describes.

        Args:
            record: The attributes by name.
        """
        floats = {name: np.asarray(value, float) for name, value in record.items()}
        return cls(**{**floats, "logarithm": floats["logarithm"].astype(bool)})

    def __call__(self, x: ArrayLike) -> Floats:
        """Returns what enters the network, (event, observable).

        Args:
            x: Observables, (event, observable).
        """
        inside = np.clip(np.asarray(x, float), self.minimum, self.maximum)
        return (_log_where(self.logarithm, inside) - self.center) / self.scale


@dataclass(frozen=True)
class ParameterScaler:
    """Shifts and scales parameter points, and scores with them.

    Attributes:
        center: What becomes zero, (parameter,).
        scale: What becomes one, (parameter,).
    """

    center: Floats
    scale: Floats

    @classmethod
    def standard(cls, thetas: ArrayLike) -> ParameterScaler:
        """Returns the scaler to mean zero and standard deviation one.

        Args:
            thetas: Parameter points, (sample, parameter).
        """
        thetas = np.asarray(thetas, float)
        return cls(thetas.mean(axis=0), _nonzero(thetas.std(axis=0), thetas))

    @classmethod
    def around(cls, center: ArrayLike, thetas: ArrayLike) -> ParameterScaler:
        """Returns the scaler that takes a point to zero and the others into [-1, 1].

        Args:
            center: The point, (parameter,).
            thetas: Parameter points, (sample, parameter).
        """
        center, thetas = np.asarray(center, float), np.asarray(thetas, float)
        return cls(center, _nonzero(np.abs(thetas - center).max(axis=0), thetas))

    @classmethod
    def of_scores(cls, center: ArrayLike, scores: ArrayLike) -> ParameterScaler:
        """Returns the scaler after which scores have the mean square one.

        Args:
            center: Where the scores are taken, (parameter,).
            scores: Scores, (sample, parameter).
        """
        scores = np.asarray(scores, float)
        return cls(
            np.asarray(center, float), 1 / _nonzero(np.sqrt((scores**2).mean(axis=0)), scores)
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ParameterScaler:
        """Returns the scaler that a JSON record describes.

        Args:
            record: The attributes by name.
        """
        return cls(**{name: np.asarray(value, float) for name, value in record.items()})

    def __call__(self, thetas: ArrayLike) -> Floats:
        """Returns what enters the network, (theta, parameter).

        Args:
            thetas: Parameter points, (theta, parameter).
        """
        return (np.asarray(thetas, float) - self.center) / self.scale

    def scale_scores(self, scores: ArrayLike) -> Floats:
        """Returns the derivatives by the scaled parameters, (event, parameter).

        Args:
            scores: Derivatives by the parameters, (event, parameter).
        """
        return np.asarray(scores, float) * self.scale

    def unscale_scores(self, scores: ArrayLike) -> Floats:
        """Returns the derivatives by the parameters, (event, parameter).

        Args:
            scores: Derivatives by the scaled parameters, (event, parameter).
        """
        return np.asarray(scores, float) / self.scale


def _is_heavy_tailed(values: Floats) -> bool:
    """Returns whether values are positive with a long upper tail that the logarithm shortens."""
    if values.min() <= 0:
        return False
    asymmetry = _asymmetry(values)
    return asymmetry > math.log(_HEAVY_TAIL) and abs(_asymmetry(np.log(values))) < asymmetry


def _asymmetry(values: Floats) -> float:
    """Returns the logarithm of the length of the upper tail in units of the lower one."""
    low, middle, high = np.quantile(values, (_TAIL, 0.5, 1 - _TAIL))
    tiny = np.finfo(float).eps * max(abs(low), abs(high), 1.0)
    return math.log(max(high - middle, tiny) / max(middle - low, tiny))


def _log_where(logarithm: NDArray[np.bool_], x: Floats) -> Floats:
    """Returns the observables, the logarithm of some, (event, observable)."""
    return np.log(x, out=x.copy(), where=logarithm)


def _nonzero(scale: Floats, values: Floats) -> Floats:
    """Returns the scales of values, (value, axis); one where all values are equal, (axis,)."""
    rounding = 1e-12 * np.abs(values).max(axis=0)
    return np.where(scale > rounding, scale, 1.0)
