"""The best of several methods for each set of data, by the criterion of the input file."""

from __future__ import annotations

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

__all__ = ["best"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_N_EVENTS = 200_000  # events whose noise is far below what matters for limits


def best(combination: Combination, events: Events) -> dict[str, Ranking]:
    """Returns the best method for each set of data by its name; nothing without methods.

    Points are those around the 95 % regions at which the methods are diagnosed, of all methods
    together. For observed data, whose truth nobody knows, the first true point takes its place.

    Args:
        combination: The limits of all methods.
        events: All events of the file.
    """
    configuration = combination.configuration
    partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
    rows = partition.test[:: -(-len(partition.test) // _N_EVENTS)]
    data = {name: one for name, one in combination.data.items() if _methods(combination, one)}
    points = {name: _points(combination, one) for name, one in data.items()}
    judged: dict[str, dict[str, Judged]] = {name: {} for name in data}
    for method in combination.evaluations:
        model = model_of(combination.members[method])
        for name, one in data.items():
            if method in one.limits:
                judged[name][method] = _judged(
                    configuration, model, events, rows, points[name], one
                )
    return {name: ranking.ranking(configuration.pick_best, found) for name, found in judged.items()}


def _methods(combination: Combination, data: DataLimits) -> list[str]:
    """Returns the methods that have a limit."""
    return [name for name in combination.evaluations if name in data.limits]


def _points(combination: Combination, data: DataLimits) -> Floats:
    """Returns the true point and, after it, those around the regions, (theta, parameter)."""
    limits = [data.limits[name] for name in _methods(combination, data)]
    around = [contour_points(limit.on_grid("full").ravel(), limit.axes) for limit in limits]
    truth = data.scan.theta_true
    if np.isnan(truth).any():
        truth = np.array(combination.configuration.limits.thetas_true[0])
    return np.vstack([truth, np.unique(np.vstack(around), axis=0)])


def _judged(
    configuration: Configuration,
    model: Model,
    events: Events,
    rows: Rows,
    points: Floats,
    data: DataLimits,
) -> Judged:
    """Returns what the criterion says about one method."""
    of = _of_score if model.kind == "score" else _of_ratio
    log_p = of(configuration, model, events, rows, points)
    log_r = log_p[:, 1:] - log_p[:, :1]
    log_r = np.where(np.isfinite(log_r), log_r, 0.0)  # an event without a ratio tells nothing
    weights = events.take(rows).weights_at(points)
    reweighting = Reweighting.of(log_r, weights[:, 0], weights[:, 1:])
    base = seed(configuration.seed, "best")
    if configuration.pick_best == "closure":
        return ranking.closure(events.x[rows], reweighting, data.scan.n_observed, base)
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
