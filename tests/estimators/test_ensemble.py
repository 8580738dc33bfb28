from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.estimators import Ensemble, Model, fit
from madminer_workflow.estimators.registry import Kind

Floats = NDArray[np.float64]
THETAS = np.array([[0.5], [-1.0]])


class Stub(Model):
    """A model that gives a constant."""

    def __init__(self, value: float, method: str = "alice", reference: float = 0.0) -> None:
        self.value, self._method, self._reference = value, method, reference

    @property
    def method(self) -> str:
        return self._method

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("a",)

    @property
    def observables(self) -> tuple[str, ...]:
        return ("u",)

    @property
    def theta_ref(self) -> Floats:
        return np.array([[self._reference]])

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        for start in range(0, len(np.asarray(x)), 2):
            some = slice(start, start + 2)
            yield some, np.full((len(np.asarray(x)[some]), len(np.asarray(thetas))), self.value)

    def log_ratio_at(self, x: ArrayLike, thetas: ArrayLike) -> Floats:  # noqa: ARG002
        return np.full(len(np.asarray(x)), self.value)

    def score(self, x: ArrayLike) -> Floats:
        return np.full((len(np.asarray(x)), 1), self.value)


def test_ratios_are_averaged_not_their_logarithms() -> None:
    ensemble = Ensemble([Stub(np.log(1.0)), Stub(np.log(3.0))])
    x = np.zeros((5, 1))
    np.testing.assert_allclose(ensemble.log_ratio(x, THETAS), np.full((5, 2), np.log(2.0)))
    np.testing.assert_allclose(ensemble.log_ratio_at(x, x), np.full(5, np.log(2.0)))


def test_scores_are_averaged() -> None:
    ensemble = Ensemble([Stub(1.0, "sally"), Stub(4.0, "sally")], weights=[2, 1])
    np.testing.assert_allclose(ensemble.score(np.zeros((3, 1))), np.full((3, 1), 2.0))
    assert ensemble.kind == "score"


def test_large_log_ratios_do_not_overflow() -> None:
    ensemble = Ensemble([Stub(2000.0), Stub(-2000.0)])
    result = ensemble.log_ratio(np.zeros((1, 1)), THETAS)
    np.testing.assert_allclose(result, 2000 - np.log(2))


@pytest.mark.parametrize(
    "others",
    [[], [Stub(0.0, "sally")], [Stub(0.0, reference=1.0)]],
)
def test_models_that_do_not_fit_together_are_refused(others: list[Model]) -> None:
    with pytest.raises(ValueError, match=r"ensemble needs|do not combine"):
        Ensemble([Stub(0.0), *others] if others else [])


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [-1.0, 2.0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="2 models cannot have the weights"):
        Ensemble([Stub(0.0), Stub(0.0)], weights)


def test_an_ensemble_of_networks_is_better_than_their_mean(
    gaussian: Any, make_samples: Any, make_learner: Any
) -> None:
    toy = gaussian(1)
    train, validation = (make_samples(toy, "carl", 4000, seed) for seed in (1, 2))
    learner = make_learner("carl", epochs=5)
    models = [fit(learner, train, validation, member).model for member in range(3)]
    x, thetas = np.random.default_rng(5).normal(size=(1000, 1)), np.linspace(-1, 1, 9)[:, None]
    truth = toy.log_ratio(x, thetas)
    errors = [float(np.std(m.log_ratio(x, thetas) - truth)) for m in [*models, Ensemble(models)]]
    assert errors[-1] < np.mean(errors[:-1])


def test_the_kind_is_that_of_the_models() -> None:
    kind: Kind = Ensemble([Stub(0.0)]).kind
    assert kind == "ratio"
    assert Ensemble([Stub(0.0)]).parameters == ("a",)
    assert Ensemble([Stub(0.0)]).observables == ("u",)
