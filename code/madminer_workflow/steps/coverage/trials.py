"""Toys of the methods of a run: the test statistic of each at its true point."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration, Limits
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Ensemble, Model, load
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.events import Events
from madminer_workflow.processes import exact_likelihood
from madminer_workflow.seeds import seed
from madminer_workflow.statistics import grid
from madminer_workflow.statistics.coverage import q_true
from madminer_workflow.statistics.limits import Which
from madminer_workflow.statistics.toys import Toys, ToySums, draw
from madminer_workflow.steps.coverage.points import chosen_points, given_points
from madminer_workflow.steps.coverage.records import EXACT, Study, Tried
from madminer_workflow.steps.evaluate import Part, held_out
from madminer_workflow.steps.members import Member

__all__ = ["Wanted", "study"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

_MOST_EVENTS = 200_000_000  # in all toys together: 1 GB
_NEGATIVE = 0.01  # share of negative weight that is worth a warning
_SHIFT = 0.15  # of best fits that is worth one, in standard deviations


@dataclass(frozen=True)
class Wanted:
    """What is to be tried out.

    Attributes:
        n_toys: Number of toys at each true point.
        thetas: True points; chosen from the expected 95 % region if there are none.
        methods: Names of the methods; all that can be tried if there are none.
        construct: Whether to make the construction of Neyman.
    """

    n_toys: int = 1000
    thetas: Sequence[Sequence[float]] = ()
    methods: Sequence[str] = ()
    construct: bool = False


@dataclass(frozen=True)
class _Points:
    """The points at which likelihoods are needed: the grid, and the true ones.

    Attributes:
        limits: The grid and the luminosity.
        true: The true points, (true point, parameter).
        events: The events, which tell the cross sections.
    """

    limits: Limits
    true: Floats
    events: Events

    @cached_property
    def axes(self) -> tuple[Floats, ...]:
        """The grid values of each parameter."""
        return grid.axes(self.limits.region, self.limits.resolutions)

    @cached_property
    def all(self) -> Floats:
        """The points of the grid and then the true ones, (theta, parameter)."""
        return np.vstack([grid.points(self.axes), self.true])

    @cached_property
    def n_predicted(self) -> Floats:
        """Predicted number of events at all points, (theta,)."""
        return self.limits.luminosity_ipb * self.events.cross_sections(self.all)

    @property
    def n_expected(self) -> Floats:
        """Mean number of events at the true points, (true point,)."""
        return self.n_predicted[-len(self.true) :]


@dataclass(frozen=True)
class _ToySet:
    """Toys, the observables of the events they were drawn from, and q of each method."""

    x: Floats
    toys: Toys
    q: dict[str, dict[Which, Floats]]

    def tried(self, number: int) -> Iterator[Tried]:
        """Yields all methods on these toys, which are the set with a number."""
        for method, q in self.q.items():
            name = f"{method}_{number}" if method == EXACT and number > 1 else method
            yield Tried(name, method, number, len(self.x), q)


def study(
    configuration: Configuration, events: Events, members: Sequence[Member], wanted: Wanted
) -> Study:
    """Draws toys at several points and computes the test statistic of each at its true point.

    Methods with the same held-out events get the same toys.

    Args:
        configuration: The configuration.
        events: All events of the file.
        members: The results of the run.
        wanted: What is to be tried out.

    Raises:
        InputError: The results do not belong to the input, or what is wanted cannot be done.
    """
    groups = _chosen(configuration, members, wanted.methods)
    points = _points(events, next(iter(groups.values())), wanted.thetas)
    _check_size(wanted.n_toys, points.n_expected)
    sets = _toy_sets(configuration, events, groups, points, wanted.n_toys)
    return Study(
        parameters=events.header.parameter_names,
        luminosity_ipb=points.limits.luminosity_ipb,
        n_toys=wanted.n_toys,
        thetas=points.true,
        n_expected=points.n_expected,
        tried=tuple(one for number, toys in enumerate(sets, 1) for one in toys.tried(number)),
        construct=wanted.construct,
    )


def _toy_sets(
    configuration: Configuration,
    events: Events,
    groups: Mapping[str, Sequence[Member]],
    points: _Points,
    n_toys: int,
) -> list[_ToySet]:
    """Returns the toys with the test statistic of each method, and of the exact likelihood."""
    base = seed(configuration.seed, "coverage", "toys")
    sets: list[_ToySet] = []
    for name, members in groups.items():
        parts = held_out(configuration, _model(events, members), events)
        x = np.concatenate([part.events.x for part in parts])
        toys = next((one for one in sets if np.array_equal(one.x, x)), None)
        if toys is None:
            toys = _ToySet(x, _draw(parts, points, n_toys, base), {})
            sets.append(toys)
        toys.q[name] = _learned(parts, toys.toys, points)
    for toys in sets:
        toys.q.update(_exact(events, toys, points))
    return sets


def _chosen(
    configuration: Configuration, members: Sequence[Member], wanted: Sequence[str]
) -> dict[str, list[Member]]:
    """Returns the members of each method that is to be tried, in the order of the input file."""
    groups: dict[str, list[Member]] = {}
    for method in configuration.methods:
        group = [member for member in members if member.evaluation.method == method.name]
        if group and method.spec.kind != "score":
            groups[method.name] = group
        elif group and not wanted:
            log.warning("%s: left out, it has no likelihood of single events", method.name)
    for name in wanted:
        if name not in groups:
            raise InputError(f"methods: {name}, allowed: {', '.join(groups) or 'none'}")
    if not groups:
        raise InputError("methods: no result of one that gives ratios or densities")
    chosen = {name: group for name, group in groups.items() if not wanted or name in wanted}
    _check_agreement(configuration, [member for group in chosen.values() for member in group])
    return chosen


def _check_agreement(configuration: Configuration, members: Sequence[Member]) -> None:
    """Refuses results of different grids, or of another run than that of the input file."""
    for member in members:
        if member.evaluation.limits != members[0].evaluation.limits:
            raise InputError(f"{member.folder}: other limits than {members[0].folder}")
        if member.model["seed"] != configuration.seed:
            raise InputError(
                f"{member.folder}: trained with the seed {member.model['seed']}, expected "
                f"{configuration.seed} as in the input file"
            )


def _model(events: Events, members: Sequence[Member]) -> Ensemble:
    """Returns the average of the networks of a method."""
    model = Ensemble([load(member.folder / "model") for member in members])
    header = events.header
    if (model.parameters, model.observables) != (header.parameter_names, header.observables):
        raise InputError(
            f"{header.path}: other parameters or observables than the model of {model.method}"
        )
    return model


def _points(
    events: Events, members: Sequence[Member], thetas: Sequence[Sequence[float]]
) -> _Points:
    """Returns the grid of a method and the true points: the given ones, or a choice."""
    limits = members[0].evaluation.limits
    if thetas:
        return _Points(limits, given_points(events, limits, thetas), events)
    return _Points(limits, chosen_points(events, limits, members), events)


def _check_size(n_toys: int, n_expected: Floats) -> None:
    """Refuses toys that do not fit into memory."""
    most = int(_MOST_EVENTS / n_expected.sum())
    if n_toys > most:
        raise InputError(
            f"toys: {n_toys} with {n_expected.max():.0f} events at {len(n_expected)} points, "
            f"allowed: up to {most} with as many events"
        )


def _draw(parts: Sequence[Part[Model]], points: _Points, n_toys: int, base: int) -> Toys:
    """Draws toys of held-out events, in the order of the parts."""
    weights = np.concatenate([part.events.weights_at(points.true) for part in parts])
    _check_weights(weights, points.n_expected)
    return draw(weights, points.n_expected, n_toys, base)


def _check_weights(weights: Floats, n_expected: Floats) -> None:
    """Tells where toys are not like experiments."""
    negative = float((-np.minimum(weights, 0.0).sum(axis=0) / np.abs(weights).sum(axis=0)).max())
    if negative > _NEGATIVE:
        log.warning("toys leave out negative weights, up to %.2g of all", negative)
    n_effective = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    shift = float(np.sqrt(n_expected / n_effective).max())
    if shift > _SHIFT:
        log.warning(
            "toys of %.0f events repeat %.0f effective ones: even of a perfect method the best fits"
            " are off by %.1g standard deviations on average, and the coverage is with them",
            n_expected.max(),
            n_effective.min(),
            shift,
        )


def _learned(parts: Sequence[Part[Model]], toys: Toys, points: _Points) -> dict[Which, Floats]:
    """Returns the test statistic of a method, with the cross sections of the event file."""
    sums, start = ToySums(toys, len(points.all)), 0
    for part in parts:
        weights = part.events.weights_at(part.model.theta_ref)
        weights_ref = (weights / weights.sum(axis=0)).mean(axis=1)
        for some, log_ratio in part.model.log_ratio_blocks(part.events.x, points.all):
            rows = slice(start + some.start, start + some.stop)
            sums.add(rows, log_ratio, weights_ref[some])
        start += len(part.events)
    kinematics = sums.log_likelihoods()
    if np.isnan(kinematics[:, 0, -len(points.true) :]).any():
        raise InputError(f"methods: {parts[0].model.method}: no likelihood at a true point")
    return q_true(kinematics, toys.n_observed, points.n_predicted, points.axes)


def _exact(events: Events, toys: _ToySet, points: _Points) -> dict[str, dict[Which, Floats]]:
    """Returns the test statistic of the exact likelihood by its name; nothing if not known."""
    likelihood = exact_likelihood(events.header.process)
    if likelihood is None:
        return {}
    sums, reference = ToySums(toys.toys, len(points.all)), points.true[0]
    for some in event_blocks(len(toys.x), len(points.all)):
        log_ratio = likelihood.log_ratio(toys.x[some], points.all, reference)
        sums.add(some, log_ratio, np.ones(len(log_ratio)))
    n_predicted = points.limits.luminosity_ipb * likelihood.cross_sections(points.all)
    kinematics = sums.log_likelihoods(normalised=False)
    return {EXACT: q_true(kinematics, toys.toys.n_observed, n_predicted, points.axes)}
