"""The evaluation step: from a trained model and held-out events to expected likelihoods."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.configuration.model import Configuration, Limits
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import METHODS, Ensemble, Model, load
from madminer_workflow.estimators.model import Description
from madminer_workflow.events import Events
from madminer_workflow.sampling import folds, split
from madminer_workflow.seeds import seed
from madminer_workflow.statistics import (
    AsimovSums,
    FisherInformation,
    KinematicLikelihood,
    fisher,
    grid,
    histograms,
)
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.storage import staged

__all__ = ["Part", "evaluate", "evaluate_file", "held_out", "likelihoods", "point_events"]

Floats = NDArray[np.float64]

M = TypeVar("M", bound="Ratios", covariant=True)

_REPLICAS = 24  # resampled sets of events; their spread is known to a seventh


class Ratios(Protocol):
    """What gives log ratios: a model, or the exact likelihood."""

    @property
    def method(self) -> str:
        """Its name."""

    @property
    def theta_ref(self) -> Floats:
        """Points whose mixture is the reference density, (reference, parameter)."""

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields log p(x|theta) / p(x|reference) in blocks of events, in bounded memory.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).
        """


@dataclass(frozen=True)
class Part(Generic[M]):
    """Events and a model that was not trained on them."""

    model: M
    events: Events


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
    parts = held_out(configuration, model, events)
    cross_section = float(events.cross_sections([configuration.limits.theta_true])[0])
    n_expected = configuration.limits.luminosity_ipb * cross_section
    evaluation = _from_score if model.kind == "score" else _from_ratio
    return Evaluation(
        method=model.method,
        limits=configuration.limits,
        n_events=sum(len(part.events) for part in parts),
        n_expected=n_expected,
        **evaluation(configuration, parts, n_expected),
    )


def held_out(configuration: Configuration, model: Model, events: Events) -> list[Part[Model]]:
    """Returns the events that no training of a model has seen.

    For cross-fitted members these are all events, each of which its own member evaluates.

    Args:
        configuration: The configuration.
        model: The model, or an ensemble.
        events: All events of the file.
    """
    if not METHODS[model.method].weighted:
        partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
        return [Part(model, events.take(partition.test))]
    members: Sequence[Any] = model.models if isinstance(model, Ensemble) else [model]
    return [Part(member, events.take(_fold(member.description, len(events)))) for member in members]


def _fold(description: Description, n_events: int) -> NDArray[np.int64]:
    """Returns the events of the fold that a cross-fitted member has left out."""
    fold_seed = seed(description.seed, "folds", description.method)
    fold = folds(n_events, description.training.n_members, fold_seed)
    return np.flatnonzero(fold == description.member)


def point_events(theta: Floats, luminosity_ipb: float, events: Events) -> fisher.PointEvents:
    """Returns the events as the Fisher information at a parameter point needs them.

    Args:
        theta: The parameter point, (parameter,).
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        events: The events.
    """
    weights = events.weights_at([theta])[:, 0]
    return fisher.PointEvents(theta, luminosity_ipb, weights, events.gradients_at(theta))


def likelihoods(
    configuration: Configuration, parts: Sequence[Part[Ratios]], n_expected: float
) -> KinematicLikelihood:
    """Returns the expected likelihoods from log ratios, their correction and their replicas.

    Args:
        configuration: The configuration.
        parts: Events and the models that give their log ratios.
        n_expected: Expected number of events.
    """
    limits = configuration.limits
    thetas = np.vstack([_grid(limits), limits.theta_true])
    replica_seed = seed(configuration.seed, "replicas", parts[0].model.method)
    sums = AsimovSums(len(thetas) - 1, _REPLICAS, replica_seed)
    for part in parts:
        morphing, weights_ref = part.events.header.weights(thetas).T, _reference_weights(part)
        for some, log_ratio in part.model.log_ratio_blocks(part.events.x, thetas):
            weights = part.events.weights[some] @ morphing
            grid_weights, weights_true = weights[:, :-1], weights[:, -1]
            on_grid, at_true = log_ratio[:, :-1], log_ratio[:, -1]
            sums.add(on_grid, weights_true, weights_ref[some], at_true, grid_weights)
    return sums.result(n_expected)


def _from_ratio(
    configuration: Configuration, parts: Sequence[Part[Model]], n_expected: float
) -> Mapping[str, Any]:
    """Returns likelihoods from log ratios or densities."""
    likelihood = likelihoods(configuration, parts, n_expected)
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
    configuration: Configuration, parts: Sequence[Part[Model]], n_expected: float
) -> Mapping[str, Any]:
    """Returns likelihoods from histograms of the estimated score."""
    ((model, events),) = ((part.model, part.events) for part in parts)
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
        "log_likelihood_corrected": None,
        "replicas": None,
        "replicas_corrected": None,
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


def _reference_weights(part: Part[Ratios]) -> Floats:
    """Returns the weights of the events under the reference density of the model, (event,)."""
    weights = part.events.weights_at(part.model.theta_ref)
    return np.asarray((weights / weights.sum(axis=0)).mean(axis=1))


def _compare_ratios(configuration: Configuration, part: Part[Model]) -> tuple[Floats, Floats]:
    """Returns joint and learned log ratios of pairs of an event and a point of the region."""
    model, events, header = part.model, part.events, part.events.header
    n_pairs = min(_n_pairs(configuration, model), len(events))
    rng = np.random.default_rng(seed(configuration.seed, "evaluation", model.method))
    low, high = np.array(configuration.limits.region).T
    thetas = rng.uniform(low, high, (n_pairs, len(low)))
    weights = np.einsum("eb,eb->e", events.weights[:n_pairs], header.weights(thetas))
    with np.errstate(divide="ignore", invalid="ignore"):
        densities = weights / events.cross_sections(thetas)
        joint = np.log(densities / _reference_weights(part)[:n_pairs])
    learned = model.log_ratio_at(events.x[:n_pairs], thetas)
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
