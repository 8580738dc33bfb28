from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Fitted, fit, load, save
from madminer_workflow.estimators.networks import QuadraticNetwork
from madminer_workflow.events import form_monomials
from madminer_workflow.sampling.samples import Samples

SETTINGS = {
    "hidden_layers": (64, 64),
    "activation": "silu",
    "batch_size": 512,
    "learning_rate": 3e-3,
    "final_learning_rate": 3e-5,
    "n_members": 2,
}


def weighted(toy: Any, n: int, seed: int = 0) -> Samples:
    """Uniform events whose weights are those of the toy times a number that x does not tell."""
    rng, k = np.random.default_rng(seed), toy.n_parameters
    x = rng.uniform(-1, 1, (n, k))
    forms = np.zeros((n, k + 1, k + 1))
    forms[:, 0, 0], forms[:, 0, 1] = 1, 2 * x[:, 0]
    forms[:, range(1, k + 1), range(1, k + 1)] = x**2
    i, j = np.triu_indices(k + 1)
    return Samples(
        method="quadratic",
        parameters=tuple("abc"[:k]),
        observables=tuple("uvw"[:k]),
        theta_ref=np.zeros((1, k)),
        n_thetas=n,
        effective_samples=math.inf,
        x=x,
        theta=rng.uniform(-toy.reach, toy.reach, (n, k)),
        forms=forms[:, i, j] * rng.exponential(size=(n, 1)),
    )


@pytest.fixture(params=[1, 2])
def trained(
    request: pytest.FixtureRequest, quadratic: Any, make_learner: Any
) -> tuple[Any, Samples, Fitted]:
    toy = quadratic(request.param)
    train, validation = weighted(toy, 10_000), weighted(toy, 1000, 1)
    return toy, train, fit(make_learner("quadratic", **SETTINGS), train, validation)


def test_the_ratio_is_learned_from_weighted_events(
    trained: tuple[Any, Samples, Fitted], tmp_path: Any
) -> None:
    toy, train, fitted = trained
    x, thetas = weighted(toy, 1000, 2).x, train.theta[:20]
    learned, truth = fitted.model.log_ratio(x, thetas), toy.log_ratio(x, thetas)
    assert np.sqrt(np.mean((learned - truth) ** 2)) < 0.1 * truth.std()
    assert fitted.history.best_epoch == 10  # the last one, whatever the validation loss
    save(fitted.model, tmp_path)
    np.testing.assert_array_equal(load(tmp_path).log_ratio(x, thetas), learned)


def test_the_mean_ratio_of_the_training_events_is_one(
    trained: tuple[Any, Samples, Fitted],
) -> None:
    _, train, fitted = trained
    assert train.forms is not None
    ratio = np.exp(fitted.model.log_ratio(train.x, train.theta[:20]))
    mean = train.forms[:, 0] @ ratio / train.forms[:, 0].sum()
    np.testing.assert_allclose(mean, 1.0, rtol=1e-5)


def test_the_loss_is_smallest_for_the_true_ratio(quadratic: Any) -> None:
    toy = quadratic(2)
    samples = weighted(toy, 100_000)
    assert samples.forms is not None
    thetas = samples.theta[:10]
    weights = samples.forms @ form_monomials(thetas).T
    truth = toy.log_ratio(samples.x, thetas) + np.log(toy.total(thetas))

    def loss(log_r: np.ndarray) -> float:
        return float(np.mean(samples.forms[:, :1] * np.exp(log_r) - weights * log_r))

    for wrong in (0.1, 0.1 * samples.x[:, :1], 0.1 * truth):
        slope = (loss(truth + wrong) - loss(truth - wrong)) / (2 * loss(truth))
        curvature = loss(truth + wrong) + loss(truth - wrong) - 2 * loss(truth)
        assert curvature > 0
        assert abs(slope) < 2e-3


def test_the_loss_of_a_batch_is_that_of_its_ratio(
    trained: tuple[Any, Samples, Fitted],
) -> None:
    _, train, fitted = trained
    model: Any = fitted.model
    some = train.take(np.arange(50))
    assert some.forms is not None
    scale = model.description.parameter_scaler.scale
    with torch.no_grad():
        factor = model.network.factor(model._inputs(some.x)).double().numpy()
        found = float(model.loss(model.tensors(some)))
    thetas = some.theta[:16]
    v = np.concatenate([np.ones((16, 1)), thetas / scale], axis=1)
    ratio = (np.einsum("ti,eij->etj", v, factor) ** 2).sum(axis=2)
    weights = some.forms @ form_monomials(thetas).T
    loss = np.mean(some.forms[:, :1] * ratio - weights * np.log(ratio))
    assert found == pytest.approx(loss, rel=1e-5)


def test_the_cross_section_is_the_form_that_is_set() -> None:
    network = QuadraticNetwork(2, (4,), "silu", torch.zeros(1, 2))
    form = np.array([[2.0, 0.3, -0.2], [0.3, 1.0, 0.1], [-0.2, 0.1, 0.5]])
    network.set_total(form)
    factor = network.total_factor()[0].detach().numpy()
    np.testing.assert_allclose(factor @ factor.T, form / 2.0, rtol=1e-5)


def test_unweighted_samples_are_refused(
    quadratic: Any, make_samples: Any, make_learner: Any
) -> None:
    samples = make_samples(quadratic(1), "quadratic", 100)
    with pytest.raises(InputError, match="quadratic: the samples hold no weights"):
        fit(make_learner("quadratic", **SETTINGS), samples, samples)
