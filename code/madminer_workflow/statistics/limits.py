"""Limits: the test statistic on a grid of parameter points, with and without the rate."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics import grid, teststatistic
from madminer_workflow.statistics.interpolation import Minimum, minimum

__all__ = ["Limit", "Scan", "Which", "combine", "rate_limit"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Which = Literal["full", "kinematics"]

_OPTIONAL = (
    "q_full_raw",
    "q_kinematics_raw",
    "q_full_corrected",
    "q_kinematics_corrected",
    "replicas_full",
    "replicas_kinematics",
    "replicas_full_corrected",
    "replicas_kinematics_corrected",
)


@dataclass(frozen=True)
class Scan:
    """What the limits of all methods have in common: the grid, the data, and the rate.

    Attributes:
        parameters: Names of the parameters.
        axes: The grid values of each parameter.
        theta_true: Parameter point of expected data, NaN for observed data, (parameter,).
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        n_observed: Number of events, for expected limits the mean at the true point.
        n_predicted: Predicted number of events at each grid point, (theta,).
    """

    parameters: tuple[str, ...]
    axes: tuple[Floats, ...]
    theta_true: Floats
    luminosity_ipb: float
    n_observed: float
    n_predicted: Floats

    @cached_property
    def rate_term(self) -> Floats:
        """The contribution of the rate to the test statistic, (theta,)."""
        impossible = np.count_nonzero(~(self.n_predicted > 0.0))
        if impossible:
            log.warning(
                "no positive cross section at %d of %d parameter points of the scan, which are"
                " excluded: too few events, or outside of where morphing is valid",
                impossible,
                len(self.n_predicted),
            )
        return teststatistic.rate_term(self.n_observed, self.n_predicted)


@dataclass(frozen=True)
class Limit:
    """The test statistic of one method on a grid of parameter points.

    `q` is relative to its minimum over the region, which is sought between the grid points too.
    Arrays over theta are in the order of `theta_grid`, the first parameter slowest.

    Attributes:
        name: Name of the method.
        parameters: Names of the parameters.
        axes: The grid values of each parameter.
        theta_true: Parameter point of expected data, NaN for observed data, (parameter,).
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        q_full: Test statistic with the rate, (theta,).
        q_kinematics: Test statistic without the rate, (theta,).
        q_full_raw: The same before the ratio was normalised; None for methods without a ratio.
        q_kinematics_raw: The same before the ratio was normalised; None likewise.
        q_full_corrected: The same with the one-step correction; None likewise.
        q_kinematics_corrected: The same with the one-step correction; None likewise.
        replicas_full: `q_full` for resampled events, relative to the smallest value on the grid;
            None likewise, (replica, theta).
        replicas_kinematics: `q_kinematics` for resampled events; None likewise.
        replicas_full_corrected: `q_full_corrected` for resampled events; None likewise.
        replicas_kinematics_corrected: `q_kinematics_corrected` for the same; None likewise.
    """

    name: str
    parameters: tuple[str, ...]
    axes: tuple[Floats, ...] = field(repr=False)
    theta_true: Floats
    luminosity_ipb: float
    q_full: Floats = field(repr=False)
    q_kinematics: Floats = field(repr=False)
    q_full_raw: Floats | None = field(default=None, repr=False)
    q_kinematics_raw: Floats | None = field(default=None, repr=False)
    q_full_corrected: Floats | None = field(default=None, repr=False)
    q_kinematics_corrected: Floats | None = field(default=None, repr=False)
    replicas_full: Floats | None = field(default=None, repr=False)
    replicas_kinematics: Floats | None = field(default=None, repr=False)
    replicas_full_corrected: Floats | None = field(default=None, repr=False)
    replicas_kinematics_corrected: Floats | None = field(default=None, repr=False)

    @property
    def theta_grid(self) -> Floats:
        """The parameter points, (theta, parameter)."""
        return grid.points(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of grid values of each parameter."""
        return grid.shape(self.axes)

    @property
    def p_full(self) -> Floats:
        """p-values with the rate, (theta,)."""
        return teststatistic.p_values(self.q_full, len(self.parameters))

    @property
    def p_kinematics(self) -> Floats:
        """p-values without the rate, (theta,)."""
        return teststatistic.p_values(self.q_kinematics, len(self.parameters))

    @property
    def best_fit_full(self) -> Floats:
        """Where the test statistic with the rate is smallest, (parameter,)."""
        return self.minimum_full.theta

    @property
    def best_fit_kinematics(self) -> Floats:
        """Where the test statistic without the rate is smallest, NaN if constant, (parameter,)."""
        return self.minimum_kinematics.theta

    @cached_property
    def minimum_full(self) -> Minimum:
        """The minimum of the test statistic with the rate."""
        return minimum(self.on_grid("full"), self.axes)

    @cached_property
    def minimum_kinematics(self) -> Minimum:
        """The minimum of the test statistic without the rate."""
        return minimum(self.on_grid("kinematics"), self.axes)

    def minimum(self, which: Which) -> Minimum:
        """Returns the minimum of the test statistic.

        Args:
            which: With the rate (full) or without.
        """
        return self.minimum_full if which == "full" else self.minimum_kinematics

    def on_grid(self, which: Which) -> Floats:
        """Returns the test statistic with one axis a parameter.

        Args:
            which: With the rate (full) or without.
        """
        q = self.q_full if which == "full" else self.q_kinematics
        return q.reshape(self.shape)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the limit as named arrays, which `from_arrays` takes back."""
        arrays: dict[str, NDArray[Any]] = {
            "name": np.array(self.name),
            "parameters": np.array(self.parameters),
            "theta_grid": self.theta_grid,
            "theta_true": self.theta_true,
            "luminosity_ipb": np.array(self.luminosity_ipb),
            "q_full": self.q_full,
            "q_kinematics": self.q_kinematics,
            "p_full": self.p_full,
            "p_kinematics": self.p_kinematics,
        }
        optional = {name: vars(self)[name] for name in _OPTIONAL}
        return arrays | {name: q for name, q in optional.items() if q is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Limit:
        """Returns the limit of named arrays.

        Args:
            arrays: Arrays by name, as `arrays` gives them.
        """
        return cls(
            name=str(arrays["name"]),
            parameters=tuple(str(name) for name in arrays["parameters"]),
            axes=tuple(np.unique(column) for column in arrays["theta_grid"].T),
            theta_true=arrays["theta_true"],
            luminosity_ipb=float(arrays["luminosity_ipb"]),
            q_full=arrays["q_full"],
            q_kinematics=arrays["q_kinematics"],
            **{name: arrays.get(name) for name in _OPTIONAL},
        )


def combine(
    scan: Scan,
    name: str,
    log_likelihood: Floats,
    log_likelihood_raw: Floats | None = None,
    log_likelihood_corrected: Floats | None = None,
    replicas: Floats | None = None,
    replicas_corrected: Floats | None = None,
) -> Limit:
    """Returns the limit from a kinematic likelihood and the rate.

    Args:
        scan: The grid, the data, and the rate.
        name: Name of the method.
        log_likelihood: Kinematic log-likelihood of the data up to a constant, (theta,).
        log_likelihood_raw: The same before it was normalised, if it was, (theta,).
        log_likelihood_corrected: The same with the one-step correction, if there is one, (theta,).
        replicas: `log_likelihood` for resampled events, if there are any, (replica, theta).
        replicas_corrected: `log_likelihood_corrected` for the same.
    """
    likelihoods = {
        "q_{}": log_likelihood,
        "q_{}_raw": log_likelihood_raw,
        "q_{}_corrected": log_likelihood_corrected,
        "replicas_{}": replicas,
        "replicas_{}_corrected": replicas_corrected,
    }
    terms = {"full": scan.rate_term, "kinematics": np.zeros(len(scan.n_predicted))}
    statistics: Any = {
        key.format(which): None if values is None else _relative(term - 2.0 * values, scan)
        for key, values in likelihoods.items()
        for which, term in terms.items()
    }
    return Limit(
        name=name,
        parameters=scan.parameters,
        axes=scan.axes,
        theta_true=scan.theta_true,
        luminosity_ipb=scan.luminosity_ipb,
        **statistics,
    )


def rate_limit(scan: Scan) -> Limit:
    """Returns the limit from the number of events alone; its kinematics excludes nothing.

    Args:
        scan: The grid, the data, and the rate.
    """
    return combine(scan, "rate", np.zeros(len(scan.n_predicted)))


def _relative(q: Floats, scan: Scan) -> Floats:
    """Returns the test statistic relative to its minimum, never negative.

    For replicas, (replica, theta), the smallest value on the grid is close enough.
    """
    if q.ndim == 2:
        lowest = np.nanmin(q, axis=1, keepdims=True) if q.size else 0.0
        return np.asarray(q - lowest)
    return q - minimum(q.reshape(grid.shape(scan.axes)), scan.axes).value
