"""The evaluation step: from a trained model and held-out events to expected likelihoods."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.configuration.model import Configuration, Limits
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Ensemble, Model, load
from madminer_workflow.estimators.chebyshev import Interpolation, scattered
from madminer_workflow.estimators.model import Description
from madminer_workflow.events import Events
from madminer_workflow.sampling import split
from madminer_workflow.seeds import seed
from madminer_workflow.statistics import (
    AsimovSums,
    Expectation,
    FisherInformation,
    KinematicLikelihood,
    fisher,
    grid,
    histograms,
)
from madminer_workflow.steps.data import DataSet, conditions
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.steps.folds import fold_of_events, fold_of_member
from madminer_workflow.storage import staged

__all__ = [
    "Part",
    "evaluate",
    "evaluate_file",
    "expectation",
    "held_out",
    "histogram_data",
    "point_events",
    "reference_weights",
    "score_templates",
    "sums_over",
]

Floats = NDArray[np.float64]

_DEGREES = (16, 24)
_MANY = 2000  # parameter points: sums at fewer are not interpolated
_WORTHWHILE = 4  # nor if there are not so many times more of them than Chebyshev points
_N_TRIED = 64  # points at which the interpolation is compared
_TOLERANCE = 2e-6  # of means of log r: an error of 0.01 in q for 2000 events

M = TypeVar("M", bound="Ratios", covariant=True)


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
    """Events and a model that was not trained on them.

    Attributes:
        model: The model.
        events: The events.
        rows: Which events of the file they are, (event,).
    """

    model: M
    events: Events
    rows: NDArray[np.int64]


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
    model = load(model_file).on(configuration.device)
    evaluation = evaluate(configuration, model, events)
    target = output_dir / "results" / f"{model.method}_{model.description.member}"
    with staged(target) as folder:
        evaluation.save(folder)
        shutil.copytree(model_file, folder / "model")
    return evaluation, target


def evaluate(
    configuration: Configuration, model: Model, events: Events, sums: AsimovSums | None = None
) -> Evaluation:
    """Evaluates a model on all events that no training has seen.

    Args:
        configuration: The configuration.
        model: The model, or an ensemble.
        events: All events of the file.
        sums: The sums over these events where they are known, so that none is evaluated again.

    Raises:
        InputError: The model was trained on other observables or parameters.
    """
    header = events.header
    if (model.parameters, model.observables) != (header.parameter_names, header.observables):
        raise InputError(
            f"{header.path}: other parameters or observables than the model of {model.method}, "
            f"which was trained with {', '.join(model.parameters + model.observables)}"
        )
    parts, data = held_out(configuration, model, events), conditions(configuration, events)
    evaluation = _from_score if model.kind == "score" else _from_ratio
    return Evaluation(
        method=model.method,
        limits=configuration.limits,
        n_events=sum(len(part.events) for part in parts),
        keys={one.name: one.key for one in data},
        **evaluation(configuration, model, parts, data, sums),
    )


def held_out(configuration: Configuration, model: Model, events: Events) -> list[Part[Model]]:
    """Returns the events that no training of a model has seen.

    For cross-fitted members these are all events, each of which its own member evaluates.

    Args:
        configuration: The configuration.
        model: The model, or an ensemble.
        events: All events of the file.

    Raises:
        InputError: The members of an ensemble have left out different folds of the events.
    """
    if not model.spec.weighted:
        partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
        return [Part(model, events.take(partition.test), partition.test)]
    members: Sequence[Any] = model.models if isinstance(model, Ensemble) else [model]
    _check_folds([member.description for member in members])
    first = members[0].description
    n_folds = first.training.n_folds
    by_fold: dict[int, list[Model]] = {}
    for member in members:
        fold = fold_of_member(member.description.member, n_folds)
        by_fold.setdefault(fold, []).append(member)
    fold_of = fold_of_events(len(events), n_folds, first.method, first.seed)
    folds = [(models, np.flatnonzero(fold_of == fold)) for fold, models in sorted(by_fold.items())]
    return [Part(Ensemble(models), events.take(rows), rows) for models, rows in folds]


def _check_folds(descriptions: Sequence[Description]) -> None:
    """Raises InputError unless all members have learned from the same folds of the events."""
    first, *others = descriptions
    for other in others:
        if (other.training.n_folds, other.seed) != (first.training.n_folds, first.seed):
            raise InputError(
                f"{first.method}: member {other.member} was trained with {other.training.n_folds} "
                f"folds and seed {other.seed}, expected {first.training.n_folds} folds and seed "
                f"{first.seed} as for member {first.member}"
            )


def point_events(theta: Floats, luminosity_ipb: float, events: Events) -> fisher.PointEvents:
    """Returns the events as the Fisher information at a parameter point needs them.

    Args:
        theta: The parameter point, (parameter,).
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        events: The events.
    """
    weights = events.weights_at([theta])[:, 0]
    return fisher.PointEvents(theta, luminosity_ipb, weights, events.gradients_at(theta))


def sums_over(
    configuration: Configuration, parts: Sequence[Part[Ratios]], data: Sequence[DataSet]
) -> AsimovSums:
    """Returns the sums over events that expected likelihoods are made of.

    Args:
        configuration: The configuration.
        parts: Events and the models that give their log ratios.
        data: The sets of data, of which the observed ones are left out.
    """
    thetas = _grid(configuration.limits)
    true = [one.theta_true for one in data if one.x is None]
    return _interpolated_sums(parts, thetas, true) or _sums(parts, thetas, true)


def _interpolated_sums(
    parts: Sequence[Part[Ratios]], thetas: Floats, true: Sequence[Floats]
) -> AsimovSums | None:
    """Returns sums at many points from those at few, if that is precise: they are smooth.

    None is returned if it is not, or if there are not many points. Some of them are computed too;
    there the interpolation must be right.
    """
    tried = scattered(len(thetas), _N_TRIED)
    n_tried = len(tried)
    for degree in _DEGREES if len(thetas) >= _MANY else ():
        interpolation = Interpolation.between(thetas, degree)
        if _WORTHWHILE * len(interpolation.nodes) > len(thetas):
            break
        sums = _sums(parts, np.vstack([thetas[tried], interpolation.nodes]), true)
        if sums.any_lost:
            break
        exact = sums.at(lambda values: values[..., :n_tried])
        at_nodes = sums.at(lambda values: values[..., n_tried:])
        if at_nodes.at(interpolation.at(tried)).distance(exact) < _TOLERANCE:
            return at_nodes.at(interpolation)
    return None


def _sums(parts: Sequence[Part[Ratios]], thetas: Floats, true: Sequence[Floats]) -> AsimovSums:
    """Returns sums at parameter points, (theta, parameter), and at true ones."""
    thetas = np.vstack([thetas, *true])
    sums = AsimovSums(len(thetas), len(true))
    for part in parts:
        morphing, weights_ref = part.events.header.weights(thetas).T, reference_weights(part)
        for some, log_ratio in part.model.log_ratio_blocks(part.events.x, thetas):
            sums.add(log_ratio, part.events.weights[some] @ morphing, weights_ref[some])
    return sums


def expectation(
    configuration: Configuration, method: str, sums: AsimovSums, data: Sequence[DataSet]
) -> Expectation:
    """Returns what log ratios say about expected data.

    Args:
        configuration: The configuration.
        method: Name of the method, on which the seed of the replicas depends.
        sums: The sums over events.
        data: The sets of data, of which the observed ones are left out.
    """
    n_events = [one.n_events for one in data if one.x is None]
    return sums.result(n_events, seed(configuration.seed, "replicas", method))


def _from_ratio(
    configuration: Configuration,
    model: Model,
    parts: Sequence[Part[Model]],
    data: Sequence[DataSet],
    sums: AsimovSums | None,
) -> Mapping[str, Any]:
    """Returns likelihoods from log ratios or densities."""
    sums = sums or sums_over(configuration, parts, data)
    expected = expectation(configuration, model.method, sums, data)
    likelihoods = dict(zip([one.name for one in data], expected.expected, strict=False))
    thetas = _grid(configuration.limits)
    for one in data:
        if one.x is not None:
            blocks = model.log_ratio_blocks(one.x, thetas)
            total = sum((block.sum(axis=0) for _, block in blocks), start=np.zeros(len(thetas)))
            likelihoods[one.name] = expected.observed(total, len(one.x))
    joint, learned = _compare_ratios(configuration, parts[0])
    return {
        "likelihoods": likelihoods,
        "log_normalisation": expected.log_normalisation,
        "sums": sums if model.spec.weighted else None,
        "joint": joint,
        "learned": learned,
        "fisher": None,
    }


def _from_score(
    configuration: Configuration,
    model: Model,
    parts: Sequence[Part[Model]],
    data: Sequence[DataSet],
    _: AsimovSums | None,
) -> Mapping[str, Any]:
    """Returns likelihoods from histograms of the estimated score."""
    events, theta_ref = parts[0].events, model.theta_ref[0]
    scores = model.score(events.x)
    some = slice(_n_pairs(configuration, model))
    return {
        "likelihoods": _score_likelihoods(configuration, model, events, scores, data),
        "log_normalisation": None,
        "sums": None,
        "joint": events.scores_at(theta_ref)[some],
        "learned": scores[some],
        "fisher": _score_information(configuration, model, events, scores),
    }


def _score_likelihoods(
    configuration: Configuration,
    model: Model,
    events: Events,
    scores: Floats,
    data: Sequence[DataSet],
) -> dict[str, KinematicLikelihood]:
    """Returns the likelihood of each set of data, from all events and from either half of them."""
    parts = [np.arange(len(events)), *(np.arange(first, len(events), 2) for first in (0, 1))]
    log_likelihoods: dict[str, list[Floats]] = {one.name: [] for one in data}
    for rows in parts:
        some, values = events.take(rows), scores[rows]
        log_likelihood = _score_likelihood(configuration, model, some, values)
        for one in data:
            filled = histogram_data(one, values, some, model.score)
            log_likelihoods[one.name].append(log_likelihood(filled))
    return {
        one.name: KinematicLikelihood(one.n_events, whole, halves=np.stack(halves))
        for one in data
        for whole, *halves in [log_likelihoods[one.name]]
    }


def histogram_data(
    data: DataSet,
    values: Floats,
    events: Events,
    of_observables: Callable[[Floats], Floats],
) -> histograms.Data:
    """Returns the values that fill a histogram: those of simulated or of observed events.

    Args:
        data: The data.
        values: Values of the simulated events, (event, dimension).
        events: The simulated events, which stand for expected data.
        of_observables: Gives the values of observed events.
    """
    if data.x is None:
        weights = events.weights_at([data.theta_true])[:, 0]
        return histograms.Data(values, weights, data.n_events)
    return histograms.Data(of_observables(data.x), np.ones(len(data.x)), data.n_events)


def _score_likelihood(
    configuration: Configuration, model: Model, events: Events, scores: Floats
) -> Callable[[histograms.Data], Floats]:
    """Returns the function that gives the log-likelihood of data on the grid."""
    thetas, morphing = _grid(configuration.limits), events.header.weights
    templates = score_templates(model, events, scores)
    if isinstance(templates, histograms.SallinoTemplates):
        return lambda data: templates.log_likelihood(thetas, morphing, data)
    return lambda data: templates.log_likelihood(morphing(thetas), data)


def score_templates(
    model: Model, events: Events, scores: Floats
) -> histograms.Templates | histograms.SallinoTemplates:
    """Returns the histograms of the score that a method uses.

    Args:
        model: The model.
        events: The events that fill them.
        scores: Their estimated scores, (event, parameter).
    """
    if model.method == "sallino":
        return histograms.sallino_templates(scores, events.weights, model.theta_ref[0])
    bins = histograms.default_bins(scores.shape[1], len(events))
    return histograms.templates(scores, events.weights, bins)


def _score_information(
    configuration: Configuration, model: Model, events: Events, scores: Floats
) -> FisherInformation | None:
    """Returns the Fisher information from the score, which is known at its reference only."""
    theta = np.asarray(configuration.fisher.theta_true)
    if not configuration.fisher.enabled or not np.array_equal(theta, model.theta_ref[0]):
        return None
    at_theta = point_events(theta, configuration.limits.luminosity_ipb, events)
    return fisher.score(model.method, at_theta, scores)


def reference_weights(part: Part[Ratios]) -> Floats:
    """Returns the weights of events under the reference density of their model, (event,).

    Args:
        part: The events and the model; all weights add up to one.
    """
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
        joint = np.log(densities / reference_weights(part)[:n_pairs])
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
