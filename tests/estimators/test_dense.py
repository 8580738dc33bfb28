from __future__ import annotations

import numpy as np
import pytest
import torch

from madminer_workflow.estimators.activations import ACTIVATIONS
from madminer_workflow.estimators.dense import TILE, Dense, tiles
from madminer_workflow.estimators.networks import score_network, seeded


@pytest.mark.parametrize("hidden_layers", [(8,), (64, 64, 64)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_output_is_that_of_the_network(activation: str, hidden_layers: tuple[int, ...]) -> None:
    with seeded(1):
        network = score_network(5, 2, hidden_layers, activation)
    x = 3 * torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
    dense = Dense.of_linear(network.get_submodule("layers"), activation)
    output = dense(torch.addmm(dense.first_bias, x, dense.first_weight))
    np.testing.assert_allclose(output, network(x).detach(), atol=1e-6)
    assert not output.requires_grad


@pytest.mark.parametrize("shape", [(1, 1), (3, 5000), (TILE, 2), (TILE + 1, 7), (5 * TILE, 3)])
def test_tiles_cover_the_grid_once_in_bounded_pieces(shape: tuple[int, int]) -> None:
    covered = np.zeros(shape, int)
    for events, thetas in tiles(*shape):
        assert covered[events, thetas].size <= TILE
        covered[events, thetas] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("hidden_layers", [(8,), (16, 16, 16)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_are_the_derivatives(activation: str, hidden_layers: tuple[int, ...]) -> None:
    with seeded(1):
        network = score_network(5, 1, hidden_layers, activation)
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (expected,) = torch.autograd.grad(network(x).sum(), x)
    dense = Dense.of_linear(network.get_submodule("layers"), activation)
    with torch.no_grad():
        h = torch.addmm(dense.first_bias, x, dense.first_weight)
        output, slope = dense.with_slope(h)
    np.testing.assert_allclose(output, network(x).detach(), atol=1e-6)
    np.testing.assert_allclose(slope @ dense.first_weight.T, expected, atol=1e-6)
