"""Evaluation of models against the networks that they hold and against MadMiner."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from madminer_workflow.errors import InputError
from madminer_workflow.estimators import fit, model
from madminer_workflow.estimators.activations import ACTIVATIONS
from madminer_workflow.estimators.network_model import NetworkModel

THETAS = np.random.default_rng(4).uniform(-1, 1, (13, 2))
RATIOS = [("alices", "parameterized"), ("alices", "quadratic"), ("scandal", "parameterized")]


@pytest.fixture
def train(gaussian: Any, make_samples: Any, make_learner: Any) -> Callable[..., NetworkModel]:
    def trained(name: str, estimator: str = "parameterized", **changes: Any) -> NetworkModel:
        samples = make_samples(gaussian(2), name, 2000)
        learner = make_learner(name, estimator, **{"epochs": 1, **changes})
        return fit(learner, samples, samples).model

    return trained


@pytest.fixture
def x() -> NDArray[np.float64]:
    return np.random.default_rng(3).normal(size=(1500, 2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"sigmoid", "silu"}))
def test_ratios_on_a_grid_are_those_of_madminer(
    train: Callable[..., Any], x: NDArray[np.float64], activation: str
) -> None:
    from madminer.utils.ml.eval import evaluate_ratio_model

    trained = train("alices", activation=activation, hidden_layers=(64, 64, 64))
    scale_x, scale_theta = (
        trained.description.observable_scaler,
        trained.description.parameter_scaler,
    )
    inputs = scale_x(x[:200]).astype(np.float32)
    expected = [
        evaluate_ratio_model(
            trained.network, "parameterized_ratio", theta0s=[theta], xs=inputs, run_on_gpu=False
        )[1]
        for theta in scale_theta(THETAS).astype(np.float32)
    ]
    np.testing.assert_allclose(
        trained.log_ratio(x[:200], THETAS), np.transpose(expected), atol=1e-6
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scores_on_a_grid_are_those_of_madminer(
    train: Callable[..., Any], x: NDArray[np.float64]
) -> None:
    from madminer.utils.ml.eval import evaluate_ratio_model

    trained = train("alices", hidden_layers=(32, 32))
    scaler = trained.description.parameter_scaler
    inputs = trained.description.observable_scaler(x).astype(np.float32)
    expected = [
        evaluate_ratio_model(
            trained.network,
            "parameterized_ratio",
            theta0s=[theta],
            xs=inputs,
            run_on_gpu=False,
            evaluate_score=True,
        )[2]
        for theta in scaler(THETAS).astype(np.float32)
    ]
    _, log_ratios, scores = zip(*trained.score_blocks(x, THETAS), strict=True)
    np.testing.assert_allclose(np.concatenate(log_ratios), trained.log_ratio(x, THETAS), atol=1e-5)
    np.testing.assert_allclose(
        np.concatenate(scores), scaler.unscale_scores(np.swapaxes(expected, 0, 1)), atol=1e-6
    )


@pytest.mark.parametrize("activation", ["tanh", "silu"])
@pytest.mark.parametrize(("name", "estimator"), RATIOS)
def test_a_grid_and_single_pairs_agree(
    train: Callable[..., Any], x: NDArray[np.float64], name: str, estimator: str, activation: str
) -> None:
    trained = train(name, estimator, activation=activation)
    on_grid = trained.log_ratio(x, THETAS)
    for column, theta in enumerate(THETAS):
        pairs = trained.log_ratio_at(x, np.broadcast_to(theta, x.shape))
        np.testing.assert_allclose(on_grid[:, column], pairs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "estimator"), RATIOS)
def test_blocks_are_the_grid_in_pieces(
    train: Callable[..., Any],
    x: NDArray[np.float64],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    estimator: str,
) -> None:
    trained = train(name, estimator)
    whole = trained.log_ratio(x, THETAS)
    monkeypatch.setattr(model, "_PAIRS_PER_BLOCK", 1000)
    blocks = list(trained.log_ratio_blocks(x, THETAS))
    assert [some.start for some, _ in blocks[1:]] == [some.stop for some, _ in blocks[:-1]]
    assert max(block.size for _, block in blocks) <= 1000
    np.testing.assert_allclose(np.concatenate([block for _, block in blocks]), whole, atol=2e-6)


@pytest.mark.parametrize(("name", "estimator"), RATIOS)
def test_memory_does_not_grow_with_the_grid(
    train: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, estimator: str
) -> None:
    trained, thetas = train(name, estimator), np.zeros((2000, 2))
    monkeypatch.setattr(model, "_PAIRS_PER_BLOCK", 2**14)
    tracemalloc.start()
    for _, block in trained.log_ratio_blocks(np.zeros((200, 2)), thetas):
        assert block.nbytes <= 2**17
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**17  # the grid has 25 times as many pairs


@pytest.mark.parametrize(("name", "estimator"), RATIOS)
def test_no_events_and_no_points_are_no_problem(
    train: Callable[..., Any], name: str, estimator: str
) -> None:
    trained = train(name, estimator)
    assert trained.log_ratio(np.empty((0, 2)), THETAS).shape == (0, 13)
    assert trained.log_ratio(np.zeros((3, 2)), np.empty((0, 2))).shape == (3, 0)
    assert trained.log_ratio_at(np.empty((0, 2)), np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize("name", ["alices", "rolr", "sally", "scandal"])
def test_observables_far_outside_the_training_range_give_numbers(
    train: Callable[..., Any], name: str
) -> None:
    trained = train(name, activation="relu")
    far = np.array([[1e30, -1e30], [np.inf, 0.0]])
    result = trained.score(far) if name == "sally" else trained.log_ratio(far, THETAS)
    assert np.isfinite(result).all()


def test_densities_and_quadratic_ratios_are_one_at_the_reference(
    train: Callable[..., Any], x: NDArray[np.float64]
) -> None:
    for name, estimator in RATIOS[1:]:
        trained = train(name, estimator)
        np.testing.assert_allclose(trained.log_ratio(x, trained.theta_ref), 0, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_densities_are_those_of_madminer(train: Callable[..., Any], x: NDArray[np.float64]) -> None:
    from madminer.utils.ml.eval import evaluate_flow_model

    trained = train("scandal", hidden_layers=(16, 16))
    inputs = trained.description.observable_scaler(x[:200]).astype(np.float32)

    def log_density(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = trained.description.parameter_scaler([theta]).astype(np.float32)
        return np.asarray(evaluate_flow_model(trained.network, scaled, inputs, run_on_gpu=False)[0])

    expected = [log_density(theta) - log_density(trained.theta_ref[0]) for theta in THETAS]
    np.testing.assert_allclose(
        trained.log_ratio(x[:200], THETAS), np.transpose(expected), rtol=1e-5, atol=1e-5
    )


def test_scores_are_those_of_the_network_in_units_of_the_parameters(
    train: Callable[..., Any], x: NDArray[np.float64]
) -> None:
    trained = train("sally")
    inputs = torch.tensor(trained.description.observable_scaler(x), dtype=torch.float32)
    expected = trained.network(inputs).detach().numpy() / trained.description.parameter_scaler.scale
    # Single precision: what is nearly zero is off by the rounding of numbers of order one.
    np.testing.assert_allclose(trained.score(x), expected, rtol=1e-5, atol=1e-6)


def test_models_say_what_they_cannot_do(train: Callable[..., Any], x: NDArray[np.float64]) -> None:
    with pytest.raises(NotImplementedError, match="sally does not give log ratios"):
        train("sally").log_ratio(x, THETAS)
    with pytest.raises(NotImplementedError, match="alices does not give scores"):
        train("alices").score(x)


def test_observables_that_are_functions_of_others_do_not_enter_a_density(
    gaussian: Any, make_samples: Any, make_learner: Any
) -> None:
    from dataclasses import replace

    samples = make_samples(gaussian(1), "scandal", 2000)
    doubled = np.repeat(samples.x, 2, axis=1)
    both = replace(samples, x=np.exp(doubled), observables=("u", "v"))
    fitted = fit(make_learner("scandal", epochs=1), both, both)
    assert fitted.model.description.inputs == ("u",)
    assert fitted.model.observables == ("u", "v")
    assert np.isfinite(fitted.model.log_ratio(both.x[:10], THETAS[:, :1])).all()


def test_score_methods_need_samples_with_scores(
    gaussian: Any, make_samples: Any, make_learner: Any
) -> None:
    from dataclasses import replace

    samples = replace(make_samples(gaussian(1), "sally", 100), t_xz=None)
    with pytest.raises(InputError, match="sally: the samples carry no joint score"):
        fit(make_learner("sally"), samples, samples)
