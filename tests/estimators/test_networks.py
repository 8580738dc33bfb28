from __future__ import annotations

import numpy as np
import pytest
import torch

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.activations import ACTIVATIONS, activation_function
from madminer_workflow.estimators.networks import (
    QuadraticNetwork,
    flow_network,
    score_network,
    seeded,
)
from madminer_workflow.estimators.ratio_network import RatioNetwork

BUILDERS = [RatioNetwork, score_network, flow_network]


def quadratic(n_parameters: int, references: list[list[float]] | None = None) -> QuadraticNetwork:
    points = torch.tensor(references or [[0.0] * n_parameters])
    with seeded(3):
        return QuadraticNetwork(4, (16,), "tanh", points)


def inputs(n_parameters: int, n: int = 50) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(n, n_parameters, generator=generator),
        torch.randn(n, 4, generator=generator),
    )


@pytest.mark.parametrize("n_parameters", [1, 2, 3, 4])
def test_the_ratio_is_a_quotient_of_quadratic_forms(n_parameters: int) -> None:
    network, (theta, x) = quadratic(n_parameters), inputs(n_parameters)
    s_hat, log_r, _ = network(theta, x)
    factor, total = (
        f.detach().double().numpy() for f in (network.factor(x), network.total_factor())
    )
    v = np.concatenate([np.ones((len(theta), 1)), theta.numpy()], axis=1)
    forms = np.einsum("bi,bij,bkj,bk->b", v, factor, factor, v)
    totals = np.einsum("bi,ij,kj,bk->b", v, total[0], total[0], v)
    np.testing.assert_allclose(log_r[:, 0].detach(), np.log(forms / totals), atol=1e-5)
    np.testing.assert_allclose(s_hat.detach(), 1 / (1 + torch.exp(log_r.detach())), atol=1e-6)
    assert (np.triu(factor, 1) == 0).all()
    assert (factor[:, 0, 0] == 1).all()


@pytest.mark.parametrize("n_parameters", [1, 2, 3, 4])
def test_forms_of_all_pairs_are_those_of_the_factors(n_parameters: int) -> None:
    network, (theta, x) = quadratic(n_parameters), inputs(n_parameters)
    v = torch.cat([torch.ones(50, 1), theta], dim=1)
    expected = torch.einsum("ti,eij->etj", v, network.factor(x)).square().sum(dim=2)
    torch.testing.assert_close(network.forms(x, theta), expected)


def test_a_fourth_point_follows_from_three_in_one_dimension() -> None:
    network, (_, x) = quadratic(1), inputs(1)
    thetas = torch.tensor([-1.0, 0.0, 1.0, 2.0])
    with torch.no_grad():
        total = network.total_factor()[0]
        ratios = torch.stack([network(t.expand(50, 1), x)[1][:, 0].exp() for t in thetas])
        v = torch.stack([torch.ones(4), thetas])
        forms = ratios * (total.T @ v).square().sum(dim=0)[:, None]
    np.testing.assert_allclose(forms[3], forms[0] - 3 * forms[1] + 3 * forms[2], rtol=1e-4)


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_the_explicit_score_is_the_derivative(n_parameters: int) -> None:
    network, (theta, x) = quadratic(n_parameters), inputs(n_parameters)
    theta.requires_grad_()
    _, log_r, score = network(theta, x)
    (expected,) = torch.autograd.grad(log_r.sum(), theta)
    assert score is not None
    np.testing.assert_allclose(score.detach(), expected, atol=2e-5)
    assert network(theta, x, track_score=False)[2] is None


def test_the_ratio_is_one_at_the_reference() -> None:
    network, (theta, x) = quadratic(2), inputs(2)
    np.testing.assert_allclose(network(0 * theta, x)[1].detach(), 0, atol=1e-6)


def test_the_mean_over_a_mixture_of_references_is_one() -> None:
    references = [[0.0, 0.0], [0.5, -1.0], [1.0, 1.0]]
    network, (_, x) = quadratic(2, references), inputs(2)
    points = torch.tensor(references)
    ratios = [network(point.expand(50, 2), x)[1].detach().exp() for point in points]
    np.testing.assert_allclose(sum(ratios) / 3, 1, rtol=1e-5)


def test_log_ratios_stay_finite_however_far_the_network_is_off() -> None:
    network, (theta, x) = quadratic(3), inputs(3)
    network.activation = torch.relu
    _, log_r, score = network(30 * theta, 1e6 * x)
    assert score is not None
    assert torch.isfinite(log_r).all()
    assert torch.isfinite(score).all()


def test_an_unknown_activation_is_an_input_error() -> None:
    with pytest.raises(InputError, match="activation: 'prelu', allowed: elu, log_sigmoid, lrelu"):
        activation_function("prelu")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_networks_use_the_activation_that_is_asked_for(activation: str) -> None:
    with seeded(1):
        network = score_network(2, 1, (8,), activation)
    x = torch.randn(5, 2)
    first, last = (layer for layer in network.get_submodule("layers").children())
    torch.testing.assert_close(network(x), last(activation_function(activation)(first(x))))


@pytest.mark.parametrize("build", BUILDERS)
def test_initial_weights_depend_on_the_seed_alone(build: type) -> None:
    def weights(seed: int) -> torch.Tensor:
        with seeded(seed):
            network = build(3, 2, (8, 8), "tanh")
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = weights(1)
    torch.testing.assert_close(first, weights(1), rtol=0, atol=0)
    assert not torch.equal(first, weights(2))
    assert torch.equal(before[0], torch.random.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_the_order_of_observables_is_reversed_from_one_transformation_to_the_next() -> None:
    flow = flow_network(3, 1, (8,), "tanh")
    orders = [list(made.input_order) for made in flow.get_submodule("mades").children()]
    assert orders == [[1, 2, 3], [3, 2, 1], [1, 2, 3]]


def test_the_flow_is_a_density() -> None:
    with seeded(2):
        flow = flow_network(1, 1, (8,), "tanh")
    x = torch.linspace(-30, 30, 20_001)[:, None]
    with torch.no_grad():
        _, log_p = flow.log_likelihood(torch.zeros_like(x), x)
    assert float(log_p.exp().sum()) * 60 / 20_000 == pytest.approx(1, abs=1e-3)
