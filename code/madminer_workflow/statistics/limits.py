"""Limits: the test statistic on a grid of parameter points, with and without the rate."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics import grid, teststatistic
from madminer_workflow.statistics.interpolation import Minimum, minimum
from madminer_workflow.statistics.likelihood import KinematicLikelihood

__all__ = ["Limit", "Scan", "Which", "combine", "mean_limit", "rate_limit"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Which = Literal["full", "kinematics"]
Source = Literal["mc_std", "std"]

_OPTIONAL = tuple(
    f"q_{which}_{form}"
    for form in ("raw", "plug_in", "corrected", "mc_std", "std")
    for which in ("full", "kinematics")
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
        q_full_raw: The same from the ratio as it was learned; None for methods without a ratio.
        q_kinematics_raw: The same from the ratio as it was learned; None likewise.
        q_full_plug_in: The same from the normalised ratio; None likewise.
        q_kinematics_plug_in: The same from the normalised ratio; None likewise.
        q_full_corrected: The same with the one-step correction; None likewise, and for observed
            data. `q_full` takes a share of the correction.
        q_kinematics_corrected: The same with the one-step correction; None likewise.
        q_full_mc_std: Monte Carlo error of `q_full`, from the number of simulated events; None
            without ratios.
        q_kinematics_mc_std: Monte Carlo error of `q_kinematics`; None likewise.
        q_full_std: Standard deviation of `q_full` between the members of an ensemble; None if there
            is one member only.
        q_kinematics_std: Standard deviation of `q_kinematics` between members; None likewise.
        correction_share: The share of the one-step correction in `q_full` and `q_kinematics`, that
            which is not noise; None where there is no correction.
        replicas: Test statistics of resampled simulation by the names of their fields, and of its
            halves, relative to the smallest value on the grid; not saved, (replica, theta) each.
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
    q_full_plug_in: Floats | None = field(default=None, repr=False)
    q_kinematics_plug_in: Floats | None = field(default=None, repr=False)
    q_full_corrected: Floats | None = field(default=None, repr=False)
    q_kinematics_corrected: Floats | None = field(default=None, repr=False)
    q_full_mc_std: Floats | None = field(default=None, repr=False)
    q_kinematics_mc_std: Floats | None = field(default=None, repr=False)
    q_full_std: Floats | None = field(default=None, repr=False)
    q_kinematics_std: Floats | None = field(default=None, repr=False)
    correction_share: float | None = None
    replicas: Mapping[str, Floats] = field(default_factory=dict, repr=False)

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

    def best_replicas(self, which: Which) -> Floats | None:
        """Returns the replicas of the test statistic, (replica, theta); None if there are none.

        Args:
            which: With the rate (full) or without.
        """
        return self.replicas.get(f"q_{which}")

    def on_grid(self, which: Which) -> Floats:
        """Returns the test statistic with one axis a parameter.

        Args:
            which: With the rate (full) or without.
        """
        q = self.q_full if which == "full" else self.q_kinematics
        return q.reshape(self.shape)

    def uncertainty(
        self, which: Which, sources: Sequence[Source] = ("mc_std", "std")
    ) -> Floats | None:
        """Returns the standard deviation of the test statistic, (theta,); None if it is unknown.

        The Monte Carlo error and the spread between members are added in quadrature: all members
        see the same simulated events, so neither contains the other.

        Args:
            which: With the rate (full) or without.
            sources: What to include, of what is known: the Monte Carlo error, the spread.
        """
        stds = [getattr(self, f"q_{which}_{source}") for source in sources]
        known = [std for std in stds if std is not None and np.isfinite(std).any()]
        return np.sqrt(np.sum(np.square(known), axis=0)) if known else None

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
        if self.correction_share is not None:
            arrays["correction_share"] = np.array(self.correction_share)
        return arrays | {name: q for name, q in optional.items() if q is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Limit:
        """Returns the limit of named arrays.

        Args:
            arrays: Arrays by name, as `arrays` gives them.
        """
        share = arrays.get("correction_share")
        return cls(
            name=str(arrays["name"]),
            parameters=tuple(str(name) for name in arrays["parameters"]),
            axes=tuple(np.unique(column) for column in arrays["theta_grid"].T),
            theta_true=arrays["theta_true"],
            luminosity_ipb=float(arrays["luminosity_ipb"]),
            q_full=arrays["q_full"],
            q_kinematics=arrays["q_kinematics"],
            correction_share=float(share) if share is not None else None,
            **_optional(arrays),
        )


def _optional(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Returns those arrays that some methods do not have."""
    return {name: arrays.get(name) for name in _OPTIONAL}


def combine(
    scan: Scan,
    name: str,
    likelihood: KinematicLikelihood,
    members: Sequence[KinematicLikelihood] = (),
) -> Limit:
    """Returns the limit from a kinematic likelihood and the rate.

    Args:
        scan: The grid, the data, and the rate.
        name: Name of the method.
        likelihood: The kinematic likelihood of the data.
        members: The same from the single members of an ensemble.
    """
    terms = {"full": scan.rate_term, "kinematics": np.zeros(len(scan.n_predicted))}
    statistics: dict[str, Any] = {}
    replicas: dict[str, Floats] = {}
    for which, term in terms.items():
        resampled = _replicas(term, likelihood)
        found = _statistics(scan, term, likelihood)
        if "" in resampled:
            found["_mc_std"] = _spread(resampled[""])
        if len(members) > 1:
            singles = [_statistics(scan, term, member)[""] for member in members]
            found["_std"] = _spread(singles, ddof=1)
        statistics |= {f"q_{which}{ending}": values for ending, values in found.items()}
        replicas |= {f"q_{which}{ending}": values for ending, values in resampled.items()}
    return Limit(
        name=name,
        parameters=scan.parameters,
        axes=scan.axes,
        theta_true=scan.theta_true,
        luminosity_ipb=scan.luminosity_ipb,
        correction_share=None if likelihood.corrected is None else likelihood.correction_share,
        replicas=replicas,
        **statistics,
    )


def rate_limit(scan: Scan) -> Limit:
    """Returns the limit from the number of events alone; its kinematics excludes nothing.

    Args:
        scan: The grid, the data, and the rate.
    """
    nothing = KinematicLikelihood(scan.n_observed, np.zeros(len(scan.n_predicted)))
    return combine(scan, "rate", nothing)


def mean_limit(limits: Sequence[Limit]) -> Limit:
    """Returns the mean test statistic of several limits on one grid, with its standard deviation.

    Args:
        limits: Limits of one method for the same data; where they are all the same, as those of
            baselines, there is no standard deviation.
    """
    first = limits[0]
    statistics: dict[str, Any] = {}
    for name in ("q_full", "q_kinematics"):
        values = np.stack([getattr(limit, name) for limit in limits])
        statistics[name] = values[0]
        if not (values == values[0]).all():
            statistics[name] = values.mean(axis=0)
            statistics[f"{name}_std"] = _spread(values, ddof=1)
    return Limit(
        name=first.name,
        parameters=first.parameters,
        axes=first.axes,
        theta_true=first.theta_true,
        luminosity_ipb=first.luminosity_ipb,
        **statistics,
    )


def _statistics(scan: Scan, term: Floats, likelihood: KinematicLikelihood) -> dict[str, Floats]:
    """Returns the test statistics, with the term of the rate, by the endings of their names."""
    forms = {
        "": likelihood.log_likelihood,
        "_raw": likelihood.raw,
        "_plug_in": None if likelihood.raw is None else likelihood.plug_in,
        "_corrected": likelihood.corrected,
    }
    return {
        ending: _relative(term - 2.0 * values, scan)
        for ending, values in forms.items()
        if values is not None
    }


def _relative(q: Floats, scan: Scan) -> Floats:
    """Returns the test statistic relative to its minimum, never negative; NaN if nowhere known."""
    if not np.isfinite(q).any():
        return np.full_like(q, np.nan)
    return q - minimum(q.reshape(grid.shape(scan.axes)), scan.axes).value


def _replicas(term: Floats, likelihood: KinematicLikelihood) -> dict[str, Floats]:
    """Returns the test statistics of resampled events and of halves by the endings of their names.

    They are relative to their smallest values on the grid, (replica, theta) each.
    """
    forms = {
        "": likelihood.replicas,
        "_plug_in": likelihood.replicas_plug_in,
        "_corrected": likelihood.replicas_corrected,
        "_halves": likelihood.halves,
    }
    found = {ending: term - 2.0 * values for ending, values in forms.items() if values is not None}
    return {
        ending: q - q.min(axis=1, keepdims=True, initial=np.inf, where=np.isfinite(q))
        for ending, q in found.items()
    }


def _spread(q: Floats | Sequence[Floats], ddof: int = 0) -> Floats:
    """Returns standard deviations over the first axis, NaN where one is not finite, (theta,)."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.std(q, axis=0, ddof=ddof))
