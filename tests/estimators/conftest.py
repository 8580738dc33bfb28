"""Toys whose ratio is known: a shifted Gaussian with a latent variable, and a quadratic density."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Learner, Training
from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.sampling.samples import Samples

Floats = NDArray[np.float64]

DEFAULTS = Training(
    hidden_layers=(32, 32),
    activation="tanh",
    epochs=10,
    batch_size=500,
    learning_rate=3e-3,
    final_learning_rate=2e-4,
    alpha=1.0,
    early_stopping=0,
    n_members=1,
    n_folds=2,
    seed=7,
)


def learner(
    name: str = "alices", estimator: str = "parameterized", seed: int = 7, **changes: Any
) -> Learner:
    """Returns a learner with quick settings."""
    training = Training(**{**vars(DEFAULTS), "seed": seed, **changes})
    return Learner(seed, name, estimator, training)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Gaussian:
    """z ~ N(theta, 1), x = z + N(0, noise); one observable a parameter."""

    n_parameters: int = 2
    noise: float = 0.5
    reach: float = 1.0

    @property
    def variance(self) -> float:
        return 1 + self.noise**2

    def log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log p(x|theta) / p(x|0), (event, theta)."""
        return np.asarray((x @ thetas.T - 0.5 * (thetas**2).sum(axis=1)) / self.variance)

    def score(self, x: Floats) -> Floats:
        return x / self.variance

    def draw(self, thetas: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        z = thetas + rng.normal(size=thetas.shape)
        return z + self.noise * rng.normal(size=z.shape), z

    def joint_log_ratio(self, z: Floats, thetas: Floats) -> Floats:
        return np.asarray((z * thetas - 0.5 * thetas**2).sum(axis=1))

    def joint_score(self, z: Floats, thetas: Floats) -> Floats:
        return z - thetas


@dataclass(frozen=True)
class Quadratic:
    """p(x|theta) ~ (1 + theta_0 x_0)^2 + sum_j>0 (theta_j x_j)^2 for x in [-1, 1]^k."""

    n_parameters: int = 2
    reach: float = 0.6

    def log_ratio(self, x: Floats, thetas: Floats) -> Floats:
        """Returns log p(x|theta) / p(x|0), (event, theta)."""
        form = (1 + np.outer(x[:, 0], thetas[:, 0])) ** 2 + x[:, 1:] ** 2 @ (thetas[:, 1:] ** 2).T
        return np.asarray(np.log(form / self.total(thetas)))

    def total(self, thetas: Floats) -> Floats:
        return np.asarray(1 + (thetas**2).sum(axis=1) / 3)

    def draw(self, thetas: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        x = rng.uniform(-1, 1, thetas.shape)
        todo = np.arange(len(x))
        while len(todo):
            bound = (1 + np.abs(thetas[todo, 0])) ** 2 + (thetas[todo, 1:] ** 2).sum(axis=1)
            todo = todo[rng.uniform(size=len(todo)) * bound > self._form(x[todo], thetas[todo])]
            x[todo] = rng.uniform(-1, 1, x[todo].shape)
        return x, x

    def joint_log_ratio(self, z: Floats, thetas: Floats) -> Floats:
        return np.asarray(np.log(self._form(z, thetas) / self.total(thetas)))

    def joint_score(self, z: Floats, thetas: Floats) -> Floats:
        slope = 2 * thetas * z**2
        slope[:, 0] += 2 * z[:, 0]
        total = self.total(thetas)[:, None]
        return np.asarray(slope / self._form(z, thetas)[:, None] - 2 * thetas / 3 / total)

    @staticmethod
    def _form(x: Floats, thetas: Floats) -> Floats:
        rest = (thetas[:, 1:] * x[:, 1:]) ** 2
        return np.asarray((1 + thetas[:, 0] * x[:, 0]) ** 2 + rest.sum(axis=1))


def samples(toy: Gaussian | Quadratic, name: str, n: int, seed: int = 0) -> Samples:
    """Draws samples for a method; theta_0 is uniform within the reach, the reference is at zero."""
    rng = np.random.default_rng(seed)
    kind, shape = METHODS[name].kind, (n, toy.n_parameters)
    theta = np.zeros(shape) if kind == "score" else rng.uniform(-toy.reach, toy.reach, shape)
    y = np.asarray(rng.uniform(size=n) < 0.5, float) if kind == "ratio" else np.zeros(n)
    x, z = toy.draw(theta * (1 - y[:, None]), rng)
    return Samples(
        method=name,
        parameters=tuple("abc"[: toy.n_parameters]),
        observables=tuple("uvw"[: toy.n_parameters]),
        theta_ref=np.zeros((1, toy.n_parameters)),
        n_thetas=n,
        effective_samples=math.inf,
        x=x,
        theta=theta,
        y=y if kind == "ratio" else None,
        r_xz=np.exp(toy.joint_log_ratio(z, theta)),
        t_xz=toy.joint_score(z, theta),
    )


@pytest.fixture
def gaussian() -> type[Gaussian]:
    return Gaussian


@pytest.fixture
def quadratic() -> type[Quadratic]:
    return Quadratic


@pytest.fixture
def make_learner() -> Callable[..., Learner]:
    return learner


@pytest.fixture
def make_samples() -> Callable[..., Samples]:
    return samples
