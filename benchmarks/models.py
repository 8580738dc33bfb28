"""One network in both worlds, hardly trained: what it says does not matter, but it is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Learner, Method, Sampling, Thetas, Training
from madminer_workflow.estimators.inputs import ObservableScaler, ParameterScaler
from madminer_workflow.estimators.network_model import NetworkDescription
from madminer_workflow.estimators.networks import seeded
from madminer_workflow.estimators.ratio import ParameterizedRatio
from madminer_workflow.estimators.score import LocalScore
from madminer_workflow.estimators.weighted import WeightedQuadraticRatio
from madminer_workflow.events import Events, Header
from madminer_workflow.sampling import Samples, draw_samples, weighted_samples

__all__ = [
    "FOLDER",
    "RATIO",
    "madminer_ratio",
    "madminer_score",
    "points",
    "quadratic",
    "ratio",
    "ratio_samples",
    "score",
]

FOLDER = Path(__file__).parents[1] / "build" / "models"
_SM = Thetas("benchmark", benchmarks=("sm",))
RATIO = Training(1, 1, 1, (100, 100, 100), "tanh", 2, 1024, 1e-3, 1e-4, 1.0, 0)
"""Settings of networks for ratios."""

_TRAINING = Training(1, 1, 1, (100,), "tanh", 2, 128, 1e-3, 1e-4, 0.0, 0)


def score(events: Events) -> LocalScore:
    """Returns a network for the score at the Standard Model, without transformations of ours.

    Args:
        events: The events, some of which it learns from.
    """
    method = Method("sally", "parameterized", Sampling(_SM, _SM, 0, 0, 0, 0.0), _TRAINING)
    samples = draw_samples(method, events, 2000, np.random.default_rng(1))
    learner = Learner(1, "sally", "parameterized", _TRAINING)
    model, _ = LocalScore.fit(learner, samples, samples, 0, lambda _: None)
    model.description = replace(
        model.description,
        observable_scaler=_standard(samples.x),
        parameter_scaler=ParameterScaler(*np.array([[0.0, 0.0], [1.0, 1.0]])),
    )
    return model


def quadratic(events: Events) -> WeightedQuadraticRatio:
    """Returns a network for the ratio to the Standard Model, of the default size.

    Args:
        events: The events, some of which it learns from.
    """
    training = replace(_TRAINING, hidden_layers=(64, 64, 64), activation="silu", epochs=20)
    method = Method("quadratic", "quadratic", Sampling(_SM, _SM, 0, 0, 0, 0.0), training)
    samples = weighted_samples(
        method, events.take(np.arange(min(len(events), 20_000))), np.random.default_rng(1)
    )
    low, high = events.header.ranges.T
    thetas = np.random.default_rng(2).uniform(low, high, samples.theta.shape)
    samples = replace(samples, theta=thetas)
    learner = Learner(1, "quadratic", "quadratic", training)
    return WeightedQuadraticRatio.fit(learner, samples, samples, 0, lambda _: None)[0]


def madminer_score(model: LocalScore) -> str:
    """Writes the same network as MadMiner writes its own; returns the name to load it with.

    Args:
        model: The network.
    """
    from madminer.ml import ScoreEstimator

    estimator = _filled(model, ScoreEstimator, model.description.training.activation)
    estimator.save(str(FOLDER / "score"))
    return str(FOLDER / "score")


def ratio_samples(events: Events, n: int) -> Samples:
    """Returns samples for ALICES at a hundred points of the parameter ranges.

    Args:
        events: The events that they are drawn from.
        n: Their number.
    """
    chosen = tuple(map(tuple, points(events.header).tolist()))
    theta_0 = Thetas("morphing_points", points=chosen)
    method = Method("alices", "parameterized", Sampling(theta_0, _SM, 0, 0, 0, 0.0), RATIO)
    return draw_samples(method, events, n, np.random.default_rng(1))


def points(header: Header) -> NDArray[np.float64]:
    """Returns a hundred points of the parameter ranges, (theta, parameter).

    Args:
        header: The header of the event file.
    """
    low, high = header.ranges.T
    return np.random.default_rng(2).uniform(low, high, (100, len(low)))


def ratio(samples: Samples, training: Training = RATIO) -> ParameterizedRatio:
    """Returns a network for the ratio with initial weights, without transformations of ours.

    Args:
        samples: What it is to learn from.
        training: Settings of its training.
    """
    description = NetworkDescription.of(
        Learner(1, "alices", "parameterized", training),
        samples,
        samples,
        member=0,
        estimator="parameterized",
        inputs=samples.observables,
        observable_scaler=_standard(samples.x),
        parameter_scaler=ParameterScaler.standard(samples.theta),
    )
    family: Any = ParameterizedRatio
    with seeded(1):
        model: ParameterizedRatio = family(description)
    return model


def madminer_ratio(model: ParameterizedRatio) -> Any:
    """Returns the same network as an estimator of MadMiner.

    Args:
        model: The network.
    """
    from madminer.ml import ParameterizedRatioEstimator

    training, scaler = model.description.training, model.description.parameter_scaler
    estimator: Any = _filled(model, ParameterizedRatioEstimator, training.activation)
    estimator.theta_scaling_means, estimator.theta_scaling_stds = scaler.center, scaler.scale
    return estimator


def _filled(model: LocalScore | ParameterizedRatio, of: Any, activation: str) -> Any:
    """Returns an estimator of MadMiner with the network of a model and its scaling of x."""
    estimator = of(n_hidden=model.description.training.hidden_layers, activation=activation)
    estimator.n_observables, estimator.n_parameters = len(model.observables), len(model.parameters)
    estimator._create_model()
    estimator.model.load_state_dict(model.network.state_dict())
    scaler = model.description.observable_scaler
    estimator.x_scaling_means, estimator.x_scaling_stds = scaler.center, scaler.scale
    return estimator


def _standard(x: NDArray[np.float64]) -> ObservableScaler:
    """Returns MadMiner's scaling of observables: mean zero and standard deviation one."""
    infinite = np.full(x.shape[1], np.inf)
    return ObservableScaler(-infinite, infinite, np.zeros(x.shape[1], bool), x.mean(0), x.std(0))
