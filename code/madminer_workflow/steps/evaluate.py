"""The evaluation step: from a trained model and held-out events to expected likelihoods."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration, Limits
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Model, load
from madminer_workflow.events import Events
from madminer_workflow.sampling import split
from madminer_workflow.seeds import seed
from madminer_workflow.statistics import AsimovSums, FisherInformation, fisher, grid, histograms
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.storage import staged

__all__ = ["evaluate", "evaluate_file", "point_events"]

Floats = NDArray[np.float64]


def evaluate_file(
    configuration: Configuration, model_file: Path, events: Events, output_dir: Path
) -> tuple[Evaluation, Path]:
    """Evaluates a model and writes the result to <output_dir>/results/<name of the model>.

    The model goes along, so that what follows needs nothing but the result.

    Args:
        configuration: The configuration.
        model_file: The folder of the model.
        events: All events of the file.
        output_dir: The folder of the run.

    Returns:
        The evaluation and its folder.

    Raises:
        InputError: The model cannot be read, or was trained on other observables or parameters.
    """
    model = load(model_file)
    evaluation = evaluate(configuration, model, events)
    target = output_dir / "results" / f"{model.method}_{model.description.member}"
    with staged(target) as folder:
        evaluation.save(folder)
        shutil.copytree(model_file, folder / "model")
    return evaluation, target


def evaluate(configuration: Configuration, model: Model, events: Events) -> Evaluation:
    """Evaluates a model on all events that no training has seen.

    Args:
        configuration: The configuration.
        model: The model, or an ensemble.
        events: All events of the file.

    Raises:
        InputError: The model was trained on other observables or parameters.
    """
    header = events.header
    if (model.parameters, model.observables) != (header.parameter_names, header.observables):
        raise InputError(
            f"{header.path}: other parameters or observables than the model of {model.method}, "
            f"which was trained with {', '.join(model.parameters + model.observables)}"
        )
    test = _held_out(configuration, events)
    cross_section = float(events.cross_sections([configuration.limits.theta_true])[0])
    n_expected = configuration.limits.luminosity_ipb * cross_section
    evaluation = _from_score if model.kind == "score" else _from_ratio
    return Evaluation(
        method=model.method,
        limits=configuration.limits,
        n_events=len(test),
        n_expected=n_expected,
        **evaluation(configuration, model, test, n_expected),
    )


def _held_out(configuration: Configuration, events: Events) -> Events:
    """Returns the events for limits and diagnostics, which no training uses."""
    partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
    return events.take(partition.test)


def point_events(theta: Floats, luminosity_ipb: float, events: Events) -> fisher.PointEvents:
    """Returns the events as the Fisher information at a parameter point needs them.

    Args:
        theta: The parameter point, (parameter,).
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        events: The events.
    """
    weights = events.weights_at([theta])[:, 0]
    return fisher.PointEvents(theta, luminosity_ipb, weights, events.gradients_at(theta))


def _from_ratio(
    configuration: Configuration, parts: Sequence[Part], n_expected: float
) -> Mapping[str, Any]:
    """Returns likelihoods from log ratios or densities."""
    limits = configuration.limits
    thetas = np.vstack([_grid(limits), limits.theta_true])
    method = parts[0].model.method
    sums = AsimovSums(len(thetas) - 1, _REPLICAS, seed(configuration.seed, "replicas", method))
    for part in parts:
        events, morphing = part.events, part.events.header.weights(thetas).T
        weights_ref = _reference_weights(part)
        for some, log_ratio in part.model.log_ratio_blocks(events.x, thetas):
            weights = events.weights[some] @ morphing
            sums.add(
                log_ratio[:, :-1],
                weights[:, -1],
                weights_ref[some],
                log_ratio[:, -1],
                weights[:, :-1],
            )
    likelihood = sums.result(n_expected)
    joint, learned = _compare_ratios(configuration, parts[0])
    return {
        "log_likelihood": likelihood.normalised,
        "log_likelihood_raw": likelihood.raw,
        "log_likelihood_corrected": likelihood.corrected,
        "replicas": likelihood.normalised_replicas,
        "replicas_corrected": likelihood.corrected_replicas,
        "log_normalisation": likelihood.log_normalisation,
        "joint": joint,
        "learned": learned,
        "fisher": None,
    }


def _from_score(
    configuration: Configuration, model: Model, events: Events, n_expected: float
) -> Mapping[str, Any]:
    """Returns likelihoods from histograms of the estimated score."""
    limits, morphing = configuration.limits, events.header.weights
    scores, theta_ref = model.score(events.x), model.theta_ref[0]
    data = histograms.Data(scores, events.weights_at([limits.theta_true])[:, 0], n_expected)
    if model.method == "sallino":
        lines = histograms.sallino_templates(scores, events.weights, theta_ref)
        log_likelihood = lines.log_likelihood(_grid(limits), morphing, data)
    else:
        bins = histograms.default_bins(scores.shape[1], len(events))
        templates = histograms.templates(scores, events.weights, bins)
        log_likelihood = templates.log_likelihood(morphing(_grid(limits)), data)
    some = slice(_n_pairs(configuration, model))
    return {
        "log_likelihood": log_likelihood,
        "log_likelihood_raw": None,
        "log_normalisation": None,
        "joint": events.scores_at(theta_ref)[some],
        "learned": scores[some],
        "fisher": _score_information(configuration, model, events, scores),
    }


def _score_information(
    configuration: Configuration, model: Model, events: Events, scores: Floats
) -> FisherInformation | None:
    """Returns the Fisher information from the score, which is known at its reference only."""
    theta = np.asarray(configuration.fisher.theta_true)
    if not configuration.fisher.enabled or not np.array_equal(theta, model.theta_ref[0]):
        return None
    at_theta = point_events(theta, configuration.limits.luminosity_ipb, events)
    return fisher.score(model.method, at_theta, scores)


def _reference_weights(events: Events, model: Model) -> Floats:
    """Returns the weights of the events under the reference density of the model, (event,)."""
    weights = events.weights_at(model.theta_ref)
    return np.asarray((weights / weights.sum(axis=0)).mean(axis=1))


def _compare_ratios(
    configuration: Configuration, model: Model, events: Events, weights_ref: Floats
) -> tuple[Floats, Floats]:
    """Returns joint and learned log ratios of pairs of an event and a point of the region."""
    some = events.take(np.arange(min(_n_pairs(configuration, model), len(events))))
    rng = np.random.default_rng(seed(configuration.seed, "evaluation", model.method))
    low, high = np.array(configuration.limits.region).T
    thetas = rng.uniform(low, high, (len(some), len(low)))
    weights = np.einsum("eb,eb->e", some.weights, some.header.weights(thetas))
    weights *= len(some) / len(events) / events.cross_sections(thetas)
    with np.errstate(divide="ignore", invalid="ignore"):
        joint = np.log(weights / weights_ref[: len(some)])
    learned = model.log_ratio_at(some.x, thetas)
    finite = np.isfinite(joint)
    return joint[finite], learned[finite]


def _n_pairs(configuration: Configuration, model: Model) -> int:
    """Returns how many held-out events serve to compare a model with the joint ratio or score."""
    for method in configuration.methods:
        if method.name == model.method:
            return method.sampling.n_test
    names = ", ".join(method.name for method in configuration.methods)
    raise InputError(f"methods: {model.method}, the method of the model, is not among {names}")


def _grid(limits: Limits) -> Floats:
    """Returns the parameter points of the scan, (theta, parameter)."""
    return grid.points(grid.axes(limits.region, limits.resolutions))
