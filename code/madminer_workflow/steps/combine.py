"""The gathering of all members: ensembles, baselines, the truth where it is known, and limits."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.errors import InputError
from madminer_workflow.events import Events, out_of_range
from madminer_workflow.processes import exact_likelihood
from madminer_workflow.statistics import (
    FisherInformation,
    KinematicLikelihood,
    Limit,
    Scan,
    combine,
    fisher,
    grid,
    histograms,
    rate_limit,
)
from madminer_workflow.statistics.limits import Which
from madminer_workflow.steps.data import DataSet, data_sets
from madminer_workflow.steps.evaluate import evaluate, histogram_data, point_events
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.steps.members import Member, model_of, off, spread_of, sums_of

if TYPE_CHECKING:
    from madminer_workflow.processes.drell_yan.likelihood import ExactLikelihood

__all__ = ["Combination", "DataLimits", "combine_members"]

log = logging.getLogger(__name__)

# Grid and data, which all members must agree on, and their keys in the input file.
_SHARED = {
    "region": "asymptotic_limits.region",
    "resolutions": "asymptotic_limits.resolutions",
    "thetas_true": "asymptotic_limits.theta_true",
    "luminosity_ipb": "luminosity",
}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DataLimits:
    """The limits of all methods for one set of data.

    Attributes:
        scan: The grid, the data, and the rate.
        limits: The limits by name: methods, then `histogram` and `rate`.
        exact: The limit from the exact likelihood; None where it is not known.
        shown: Which limits are drawn and printed, with the rate or without.
        is_experiment: Whether the data are from the table of experiments.
    """

    scan: Scan
    limits: Mapping[str, Limit]
    exact: Limit | None
    shown: tuple[Which, ...]
    is_experiment: bool = False

    @property
    def is_observed(self) -> bool:
        """Whether the data were observed."""
        return bool(np.isnan(self.scan.theta_true).any())

    def all(self) -> dict[str, Limit]:
        """Returns all limits by name, the exact one last."""
        return {**self.limits, **({} if self.exact is None else {"exact": self.exact})}


@dataclass(frozen=True)
class Combination:
    """The limits of all methods and what belongs to them.

    Attributes:
        configuration: The configuration, with the luminosity of the evaluations.
        data: The limits for each set of data by its name, expected data first.
        evaluations: The evaluation of each method, of the ensemble if it has several members.
        members: The members of each method.
        fisher: Fisher informations.
    """

    configuration: Configuration
    data: Mapping[str, DataLimits]
    evaluations: Mapping[str, Evaluation]
    members: Mapping[str, Sequence[Member]]
    fisher: Sequence[FisherInformation]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return next(iter(self.data.values())).scan.parameters


def combine_members(
    configuration: Configuration, events: Events, members: Sequence[Member]
) -> Combination:
    """Turns the evaluations of all members into limits, and adds the baselines.

    Args:
        configuration: The configuration.
        events: All events of the file.
        members: The members in any order.

    Raises:
        InputError: Members were evaluated for another grid or other data.
    """
    _warn_outside(configuration, events)
    by_method = _by_method(configuration, members)
    _warn_off(by_method)
    evaluated = [member for group in by_method.values() for member in group]
    configuration = _evaluated(configuration, evaluated)
    data = data_sets(configuration, events)
    _check_data(data, evaluated)
    evaluations = {
        name: _ensemble(configuration, events, group) for name, group in by_method.items()
    }
    usable = {name: e for name, e in evaluations.items() if _usable(e)}
    return Combination(
        configuration=configuration,
        data={one.name: _limits(configuration, events, one, usable, by_method) for one in data},
        evaluations=evaluations,
        members=by_method,
        fisher=_fisher(configuration, events, evaluations),
    )


def _by_method(
    configuration: Configuration, members: Sequence[Member]
) -> dict[str, Sequence[Member]]:
    """Returns the members of each method, methods in the order of the configuration."""
    groups: dict[str, list[Member]] = {method.name: [] for method in configuration.methods}
    for member in sorted(members, key=lambda member: member.number):
        name = member.evaluation.method
        if name in groups:
            groups[name].append(member)
        else:
            log.warning("%s: left out, %s is not among the methods", member.folder, name)
    for name in (name for name, group in groups.items() if not group):
        log.warning("%s: no result was given, so it has no limit", name)
    return {name: group for name, group in groups.items() if group}


def _evaluated(configuration: Configuration, members: Sequence[Member]) -> Configuration:
    """Returns the configuration with the luminosity for which the members were evaluated."""
    wanted = configuration.limits
    for member in members:
        limits = member.evaluation.limits
        wanted = replace(wanted, luminosity_ipb=members[0].evaluation.limits.luminosity_ipb)
        for name, key in _SHARED.items():
            found, expected = getattr(limits, name), getattr(wanted, name)
            if found != expected:
                raise InputError(
                    f"{member.folder}: {key}: evaluated for {found}, expected {expected}"
                )
    return replace(configuration, limits=wanted)


def _check_data(data: Sequence[DataSet], members: Sequence[Member]) -> None:
    """Raises InputError unless all members were evaluated for all data."""
    expected = {one.key: one.n_events for one in data if one.x is not None}
    for member in members:
        names = {key: name for name, key in member.evaluation.keys.items()}
        likelihoods = member.evaluation.likelihoods
        found = {
            key: likelihoods[name].n_events for key, name in names.items() if isinstance(key, str)
        }
        if found.keys() != expected.keys():
            words = [
                ", ".join(f"{n:.0f} events" for n in some.values()) or "none"
                for some in (found, expected)
            ]
            raise InputError(
                f"{member.folder}: observed.data: evaluated for {words[0]}, expected {words[1]}"
            )
        for one in data:
            if one.key not in names:
                raise InputError(
                    f"{member.folder}: experiments: not evaluated for theta_true {one.key}, "
                    f"expected a result for it ({one.name})"
                )


def _warn_off(members: Mapping[str, Sequence[Member]]) -> None:
    """Names the networks whose training has failed; they are averaged all the same."""
    for name, group in members.items():
        for member in off(group):
            log.warning(
                "%s: the training of member %d has failed, its validation loss is %.5g and the "
                "smallest one %.5g",
                name,
                member.number,
                member.validation_loss,
                min(other.validation_loss for other in group),
            )


def _warn_outside(configuration: Configuration, events: Events) -> None:
    """Tells which observed events are unlike all simulated ones."""
    tables = [(f"experiments: {one.name}", one.observed) for one in configuration.experiments]
    for where, observed in [("observed.data", configuration.observed), *tables]:
        for line in out_of_range(observed, events.x) if observed is not None else ():
            log.warning("%s: %s", where, line)


def _limits(
    configuration: Configuration,
    events: Events,
    data: DataSet,
    evaluations: Mapping[str, Evaluation],
    members: Mapping[str, Sequence[Member]],
) -> DataLimits:
    """Returns the limits of all methods and of the baselines for one set of data."""
    scan = _scan(configuration, events, data)
    limits = {
        name: combine(scan, name, evaluation.likelihood(data), spread_of(members[name], data))
        for name, evaluation in evaluations.items()
    }
    limits["histogram"] = _histogram(configuration, events, scan, data)
    limits["rate"] = rate_limit(scan)
    return DataLimits(
        scan=scan,
        limits=limits,
        exact=_exact(events, scan, data),
        shown=tuple("full" if rate else "kinematics" for rate in data.include_xsec),
        is_experiment=data.name in {one.name for one in configuration.experiments},
    )


def _ensemble(
    configuration: Configuration, events: Events, members: Sequence[Member]
) -> Evaluation:
    """Returns the evaluation of one member, or of the average of several."""
    if len(members) == 1:
        return members[0].evaluation
    return evaluate(configuration, model_of(members), events, sums_of(members))


def _usable(evaluation: Evaluation) -> bool:
    """Tells whether any point has a likelihood, which a network that diverged does not give."""
    likelihoods = evaluation.likelihoods.values()
    usable = all(np.isfinite(one.log_likelihood).any() for one in likelihoods)
    if not usable:
        log.warning(
            "%s: no likelihood at any parameter point, so it has no limit", evaluation.method
        )
    return usable


def _scan(configuration: Configuration, events: Events, data: DataSet) -> Scan:
    """Returns grid, data and rate; cross sections are those of all events of the file."""
    limits = configuration.limits
    axes = grid.axes(limits.region, limits.resolutions)
    return Scan(
        parameters=events.header.parameter_names,
        axes=axes,
        theta_true=data.theta_true,
        luminosity_ipb=data.luminosity_ipb,
        n_observed=data.n_events,
        n_predicted=data.luminosity_ipb * events.cross_sections(grid.points(axes)),
    )


def _histogram(configuration: Configuration, events: Events, scan: Scan, data: DataSet) -> Limit:
    """Returns the limit from a histogram of observables, which needs no training."""
    settings, header = configuration.histogram, events.header
    columns = [header.observables.index(name) for name in settings.observables]
    values = events.x[:, columns]
    templates = histograms.templates(values, events.weights, (settings.bins,) * len(columns))
    filled = histogram_data(data, values, events, lambda x: x[:, columns])
    morphing = header.weights(grid.points(scan.axes))
    log_likelihood = templates.log_likelihood(morphing, filled)
    return combine(scan, "histogram", KinematicLikelihood(data.n_events, log_likelihood))


def _exact(events: Events, scan: Scan, data: DataSet) -> Limit | None:
    """Returns the limit from the exact likelihood of the process, where it is known."""
    likelihood = exact_likelihood(events.header.process)
    if likelihood is None or (data.x is not None and not _all_accepted(likelihood, data.x)):
        return None
    thetas = grid.points(scan.axes)
    n_observed = data.n_events
    if data.x is None:
        expected = likelihood.asimov_q(thetas, scan.theta_true, scan.luminosity_ipb)
        n_observed, log_likelihood = expected.n_expected, -0.5 * expected.q_kinematics
    else:
        log_likelihood = likelihood.log_likelihood(data.x, thetas, scan.luminosity_ipb).kinematics
    predicted = scan.luminosity_ipb * likelihood.cross_sections(thetas)
    truth = replace(scan, n_observed=n_observed, n_predicted=predicted)
    return combine(truth, "exact", KinematicLikelihood(n_observed, log_likelihood))


def _all_accepted(likelihood: ExactLikelihood, x: Floats) -> bool:
    """Tells whether all observed events can be of the process, and the user if they cannot."""
    n_outside = int(np.count_nonzero(~likelihood.accepted(x)))
    if n_outside:
        log.warning(
            "observed.data: %d of %d events do not pass the cuts of the process, so there is no "
            "exact limit",
            n_outside,
            len(x),
        )
    return n_outside == 0


def _fisher(
    configuration: Configuration, events: Events, evaluations: Mapping[str, Evaluation]
) -> list[FisherInformation]:
    """Returns the Fisher informations of the events, of a histogram and of the scores."""
    settings = configuration.fisher
    if not settings.enabled:
        return []
    theta = np.array(settings.theta_true)
    at_theta = point_events(theta, configuration.limits.luminosity_ipb, events)
    values = events.x[:, events.header.observables.index(settings.observable)]
    bins = fisher.bin_numbers(values, settings.bins, settings.range)
    learned = [e.fisher for e in evaluations.values() if e.fisher is not None]
    return [*fisher.joint(at_theta), fisher.histogram("histogram", at_theta, bins), *learned]
