"""Diagnostics of every method: how far its limits for expected data can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.estimators import Model
from madminer_workflow.events import Events
from madminer_workflow.processes import exact_likelihood
from madminer_workflow.statistics import diagnostics as of
from madminer_workflow.statistics.diagnostics import Curves, Diagnostics
from madminer_workflow.statistics.verdict import Verdict, verdict
from madminer_workflow.steps.combine import Combination
from madminer_workflow.steps.data import EXPECTED
from madminer_workflow.steps.evaluate import Part, held_out, reference_weights
from madminer_workflow.steps.members import model_of

__all__ = ["Diagnosis", "diagnose"]

Floats = NDArray[np.float64]

_N_ACCURACY = 100_000  # events that tell bias and resolution to a percent
_N_EVENTS = 2_000_000  # events that tell how well ratios are learned: more would only cost memory


@dataclass(frozen=True)
class Diagnosis:
    """What is known about how far one method can be trusted.

    Attributes:
        diagnostics: The diagnostics.
        curves: Those that depend on the parameter point.
        verdict: What follows from them.
    """

    diagnostics: Diagnostics
    curves: Curves
    verdict: Verdict


def diagnose(combination: Combination, events: Events) -> dict[str, Diagnosis]:
    """Returns the diagnosis of each method that has a limit, with the first expected data.

    Args:
        combination: The limits of all methods.
        events: All events of the file.
    """
    return {
        name: _diagnosis(combination, events, name)
        for name in combination.evaluations
        if name in combination.data[EXPECTED].limits
    }


def _diagnosis(combination: Combination, events: Events, name: str) -> Diagnosis:
    """Returns the diagnosis of one method."""
    model, data = model_of(combination.members[name]), combination.data[EXPECTED]
    judging = partial(held_out, combination.configuration, model, events)
    curves = _curves(combination, events, name, judging())
    thetas = of.contour_points(curves.q, curves.axes)
    specific = _of_score if model.kind == "score" else _of_ratio
    diagnostics = Diagnostics(
        method=name,
        parameters=events.header.parameter_names,
        thetas=thetas,
        smallest_effective_samples=of.smallest_effective_samples(curves),
        unknown=curves.unknown,
        normalisation=of.normalisation(curves),
        bias_test=of.bias_test(curves),
        stability=of.stability(curves),
        # These are copies, and those for the curves are gone by now.
        **specific(
            model, _some(judging()), thetas, data.scan.n_observed, combination.configuration
        ),
    )
    return Diagnosis(diagnostics, curves, verdict(diagnostics))


def _some(parts: Sequence[Part[Model]]) -> Sequence[Part[Model]]:
    """Returns the parts with every n-th event, if there are more than enough."""
    step = -(-sum(len(part.rows) for part in parts) // _N_EVENTS)
    if step == 1:
        return parts
    return [
        Part(part.model, part.events.take(np.arange(0, len(part.rows), step)), part.rows[::step])
        for part in parts
    ]


def _curves(
    combination: Combination, events: Events, name: str, parts: Sequence[Part[Model]]
) -> Curves:
    """Returns what depends on the parameter point; full limits decide where points lie."""
    data, evaluation = combination.data[EXPECTED], combination.evaluations[name]
    limit = data.limits[name]
    morphing = events.header.weights(limit.theta_grid)
    weights = np.concatenate([part.events.weights for part in parts])
    return Curves.of(
        limit,
        "full",
        data.scan.n_observed,
        of.effective_samples(weights, morphing),
        evaluation.log_normalisation,
        limit.replicas.get("q_full_halves"),
    )


def _of_ratio(
    model: Model,
    parts: Sequence[Part[Model]],
    thetas: Floats,
    n_expected: float,
    configuration: Configuration,
) -> Mapping[str, Any]:
    """Returns closure, calibration and accuracy of a ratio."""
    header = parts[0].events.header
    x = np.concatenate([part.events.x for part in parts])
    reweighting = of.Reweighting.of(
        np.concatenate([part.model.log_ratio(part.events.x, thetas) for part in parts]),
        np.concatenate([reference_weights(part) for part in parts]),
        np.concatenate([part.events.weights_at(thetas) for part in parts]),
    )
    found: dict[str, Any] = {
        "closure": of.closure(header.observables, x, reweighting, n_expected),
        "calibration": of.calibration(reweighting, n_expected),
    }
    exact = exact_likelihood(header.process)
    if exact is not None and len(model.theta_ref) == 1:
        some = slice(None, None, -(-len(x) // _N_ACCURACY))
        truth = exact.log_ratio(x[some], thetas, model.theta_ref[0])
        true = [part.events.weights_at(configuration.limits.thetas_true[:1]) for part in parts]
        weights = np.concatenate(true)[some, 0]
        found["accuracy"] = of.accuracy(reweighting.log_ratio[some], truth, weights)
    return found


def _of_score(
    model: Model,
    parts: Sequence[Part[Model]],
    thetas: Floats,  # noqa: ARG001
    n_expected: float,  # noqa: ARG001
    configuration: Configuration,  # noqa: ARG001
) -> Mapping[str, Any]:
    """Returns calibration, closure and accuracy of a score."""
    events, theta = parts[0].events, model.theta_ref[0]
    learned, weights = model.score(events.x), events.weights_at([theta])[:, 0]
    scores = of.Scores.of(learned, events.scores_at(theta), weights)
    found: dict[str, Any] = {
        "score_calibration": of.score_calibration(scores),
        "score_closure": of.score_closure(events.header.observables, events.x, scores),
    }
    exact = exact_likelihood(events.header.process)
    if exact is not None:
        truth = exact.score(events.x, theta)
        found["accuracy"] = of.accuracy(learned, truth, weights)
    return found
