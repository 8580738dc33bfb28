from __future__ import annotations

import pytest
import torch
from torch import Tensor

from madminer_workflow.estimators.activations import ACTIVATIONS
from madminer_workflow.estimators.networks import seeded
from madminer_workflow.estimators.ratio_network import RatioNetwork


def network(activation: str, hidden_layers: tuple[int, ...]) -> RatioNetwork:
    with seeded(3):
        return RatioNetwork(4, 2, hidden_layers, activation).double()


def gradient(of: RatioNetwork, log_r: Tensor, score: Tensor) -> Tensor:
    loss = log_r.sin().mean() + (score - 0.1).square().mean()
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, of.parameters())])


@pytest.mark.parametrize("hidden_layers", [(7,), (7, 6, 5)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_scores_and_gradients_are_those_of_madminer(
    activation: str, hidden_layers: tuple[int, ...], share: float
) -> None:
    of, generator = network(activation, hidden_layers), torch.Generator().manual_seed(1)
    theta, x = (torch.randn(50, k, generator=generator, dtype=torch.double) for k in (2, 4))
    wanted = torch.rand(50, generator=generator) < share
    log_r, score = of.with_score(theta, x, wanted)
    _, expected, full = of(theta.clone(), x, track_score=True)
    torch.testing.assert_close(log_r, expected)
    torch.testing.assert_close(score, full * wanted[:, None])
    torch.testing.assert_close(
        gradient(of, log_r, score), gradient(of, expected, full * wanted[:, None])
    )
