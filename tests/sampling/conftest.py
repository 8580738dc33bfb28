"""A toy process with two parameters, two observables and latent variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Method, Prior, Sampling, Thetas, Training
from madminer_workflow.events import Events, Header, Morphing, Parameter

Floats = NDArray[np.float64]

COMPONENTS = np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [2, 0]])
BENCHMARKS = np.array([[0, 0], [-1.5, -1.5], [-1.5, 1.5], [1, -1.7], [2, 1.8], [1.8, -0.5]])
NAMES = ("sm", "b1", "b2", "b3", "b4", "b5")
MATRIX = np.linalg.inv(np.prod(BENCHMARKS[:, None, :] ** COMPONENTS, axis=2))


def toy_events(n_events: int = 4000, sources: tuple[int, ...] = (0,), seed: int = 1) -> Events:
    """Draws events with w(theta) = (1 + theta . g)^2 + (theta . h)^2 from some benchmarks.

    Args:
        n_events: Number of events.
        sources: Benchmarks at which they are generated; -1 for background, whose weights do not
            depend on theta.
        seed: Seed.
    """
    rng = np.random.default_rng(seed)
    g, h = rng.normal(scale=(0.3, 0.2), size=(2, n_events, 2))
    sampled_from = rng.choice(sources, n_events)
    n_sampled = np.bincount(sampled_from[sampled_from >= 0], minlength=len(NAMES))
    at_benchmarks = (1 + g @ BENCHMARKS.T) ** 2 + (h @ BENCHMARKS.T) ** 2
    at_benchmarks[sampled_from < 0] = 0.5
    n_of_source = np.where(sampled_from < 0, np.sum(sampled_from < 0), n_sampled[sampled_from])
    weights = at_benchmarks * rng.exponential(size=(n_events, 1)) / n_of_source[:, None]
    shares = np.append(n_sampled / n_sampled.sum(), 1.0)
    header = Header(
        path=Path("toy.h5"),
        parameters=(Parameter("a", -1.5, 2.0), Parameter("b", -2.0, 2.0)),
        benchmark_names=NAMES,
        benchmark_values=BENCHMARKS.astype(float),
        benchmark_columns=np.arange(len(NAMES)),
        reference="sm",
        observables=("u", "v"),
        n_events=n_events,
        n_sampled=n_sampled,
        morphing=Morphing(COMPONENTS, MATRIX),
        process=None,
    )
    x = g + rng.normal(scale=0.1, size=g.shape)
    return Events(header, x, weights * shares[sampled_from][:, None], sampled_from)


@pytest.fixture
def toy() -> Callable[..., Events]:
    return toy_events


@pytest.fixture
def with_weights() -> Callable[[Floats], Events]:
    """Returns events that have given weights at the benchmarks sm and b1 and no morphing."""

    def events(weights: Floats) -> Events:
        original = toy_events(len(weights))
        header = replace(
            original.header,
            benchmark_names=NAMES[:2],
            benchmark_values=BENCHMARKS[:2].astype(float),
            benchmark_columns=np.arange(2),
            morphing=None,
        )
        return replace(original, header=header, weights=np.asarray(weights, float))

    return events


SM = Thetas("benchmark", ("sm",))
FLAT = Thetas(
    "random_morphing_points", number=30, priors=(Prior("flat", -1, 1), Prior("gaussian", 0, 0.5))
)
TRAINING = Training(1, 2, 1, (10,), "tanh", 1, 100, 1e-3, 1e-4, 1.0, 0)


@pytest.fixture
def method() -> Callable[..., Method]:
    """Returns a function that makes the settings of a method."""

    def make(name: str, theta_0: Thetas = FLAT, theta_1: Thetas = SM, bound: float = 1) -> Method:
        return Method(
            name, "parameterized", Sampling(theta_0, theta_1, 500, 100, 50, bound), TRAINING
        )

    return make
