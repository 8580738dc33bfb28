"""The best of several methods for each set of data, by the criterion of the input file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.estimators import Model
from madminer_workflow.events import Events
from madminer_workflow.sampling import split
from madminer_workflow.seeds import seed
from madminer_workflow.statistics import Ranking, histograms, ranking
from madminer_workflow.statistics.diagnostics import Reweighting, contour_points
from madminer_workflow.statistics.ranking import Judged
from madminer_workflow.steps.combine import Combination, DataLimits
from madminer_workflow.steps.evaluate import held_out, score_templates
from madminer_workflow.steps.members import model_of

__all__ = ["Contest", "best", "judged"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_N_EVENTS = 200_000  # events whose noise is far below what matters for limits


@dataclass(frozen=True)
class Contest:
    """What the criterion says about all methods for one set of data.

    Attributes:
        configuration: The configuration.
        n_expected: Expected number of events of the data.
        points: The true point and others, (theta, parameter).
        judged: What the criterion says about each method.
    """

    configuration: Configuration
    n_expected: float
    points: Floats
    judged: Mapping[str, Judged]

    @property
    def ranking(self) -> Ranking[str]:
        """The best method."""
        return ranking.ranking(self.configuration.pick_best, self.judged)

    def is_comparable(self, other: Contest) -> bool:
        """Returns whether the same events and points can judge, or have judged, methods of both.

        Args:
            other: Another contest, with its own or the same points.
        """
        return self._conditions == other._conditions

    @property
    def _conditions(self) -> tuple[Any, ...]:
        """What values depend on besides methods, and points further from the truth."""
        one = self.configuration
        n_expected = self.n_expected if one.pick_best == "closure" else None
        return one.pick_best, one.seed, one.splits, n_expected, *self.points[0]


def best(
    combination: Combination, events: Events, others: Mapping[str, Contest] | None = None
) -> dict[str, Contest]:
    """Returns what tells the best method for each set of data by its name; nothing without methods.

    Points are those around the 95 % regions at which the methods are diagnosed, of all methods
    together. For observed data, whose truth nobody knows, the first true point takes its place.

    Args:
        combination: The limits of all methods.
        events: All events of the file.
        others: Contests with methods of other settings. Where the same events can judge those,
            their points are used, so that values can be compared.
    """
    configuration, found = combination.configuration, {}
    models = {name: model_of(combination.members[name]) for name in combination.evaluations}
    partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
    rows = partition.test[:: -(-len(partition.test) // _N_EVENTS)]
    for name, data in combination.data.items():
        methods = [method for method in models if method in data.limits]
        if not methods:
            continue
        points = _points(combination, data, methods)
        contest = Contest(configuration, data.scan.n_observed, points, {})
        other = (others or {}).get(name)
        if other and contest.is_comparable(other):
            contest = replace(contest, points=other.points)
        values = {method: judged(contest, models[method], events, rows) for method in methods}
        found[name] = replace(contest, judged=values)
    return found


def _points(combination: Combination, data: DataLimits, methods: Sequence[str]) -> Floats:
    """Returns the true point and, after it, those around the regions, (theta, parameter)."""
    limits = [data.limits[name] for name in methods]
    around = [contour_points(limit.on_grid("full").ravel(), limit.axes) for limit in limits]
    truth = data.scan.theta_true
    if np.isnan(truth).any():
        truth = np.array(combination.configuration.limits.thetas_true[0])
    return np.vstack([truth, np.unique(np.vstack(around), axis=0)])


def judged(contest: Contest, model: Model, events: Events, rows: Rows) -> Judged:
    """Returns what the criterion says about one method.

    Args:
        contest: The criterion and the points, the true one first.
        model: The model of the method.
        events: All events of the file.
        rows: Those that judge, which no training has seen, (event,).
    """
    configuration, points = contest.configuration, contest.points
    of = _of_score if model.kind == "score" else _of_ratio
    log_p = of(configuration, model, events, rows, points)
    log_r = log_p[:, 1:] - log_p[:, :1]
    log_r = np.where(np.isfinite(log_r), log_r, 0.0)  # an event without a ratio tells nothing
    weights = events.take(rows).weights_at(points)
    reweighting = Reweighting.of(log_r, weights[:, 0], weights[:, 1:])
    base = seed(configuration.seed, "best")
    if configuration.pick_best == "closure":
        return ranking.closure(events.x[rows], reweighting, contest.n_expected, base)
    return ranking.cross_entropy(reweighting, base)


def _of_ratio(
    configuration: Configuration, model: Model, events: Events, rows: Rows, points: Floats
) -> Floats:
    """Returns log p(x|theta), up to a term that depends on x alone, (event, theta)."""
    place = np.full(len(events), -1)
    place[rows] = np.arange(len(rows))
    log_p = np.empty((len(rows), len(points)))
    for part in held_out(configuration, model, events):
        wanted = place[part.rows] >= 0
        log_p[place[part.rows[wanted]]] = part.model.log_ratio(part.events.x[wanted], points)
    return log_p


def _of_score(
    configuration: Configuration,  # noqa: ARG001
    model: Model,
    events: Events,
    rows: Rows,
    points: Floats,
) -> Floats:
    """Returns the same from histograms of the score, either half of the events by the other."""
    some, morphing = events.take(rows), events.header.weights
    scores = model.score(some.x)
    log_p = np.empty((len(rows), len(points)))
    for first in (0, 1):
        fill, asked = np.arange(first, len(rows), 2), np.arange(1 - first, len(rows), 2)
        templates = score_templates(model, some.take(fill), scores[fill])
        if isinstance(templates, histograms.SallinoTemplates):
            log_p[asked] = templates.log_density(points, morphing, scores[asked])
        else:
            log_p[asked] = templates.log_density(morphing(points), scores[asked])
    return log_p
