from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from madminer_workflow.estimators.networks import seeded
from madminer_workflow.estimators.optimizer import Adam

OTHERS: dict[str, tuple[dict[str, Any], Callable[..., torch.optim.Optimizer]]] = {
    "amsgrad": ({"amsgrad": True}, lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True)),
    "decay": ({"weight_decay": 0.1}, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
}


def network() -> nn.Module:
    with seeded(1):
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))


def loss(model: nn.Module, number: int) -> Tensor:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(number))
    output: Tensor = model(x)
    return (output[:, 0] - x[:, 0] * (3.0 if number < 20 else -0.1)).square().mean()


@pytest.mark.parametrize("name", OTHERS)
def test_steps_are_those_of_pytorch(name: str) -> None:
    options, build = OTHERS[name]
    ours, theirs = network(), network()
    adam, other = Adam(ours.parameters(), **options), build(theirs.parameters())
    for number in range(40):
        adam.gradient.zero_()
        loss(ours, number).backward()  # type: ignore[no-untyped-call]
        adam.step(0.01)
        other.zero_grad()
        loss(theirs, number).backward()  # type: ignore[no-untyped-call]
        other.step()
    for weights, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weights, expected, rtol=1e-5, atol=1e-6)


def test_the_network_and_the_optimiser_share_weights() -> None:
    model = network()
    adam = Adam(model.parameters())
    adam.weights.fill_(0.5)
    assert all((parameter == 0.5).all() for parameter in model.parameters())
    model.load_state_dict(network().state_dict())
    expected = torch.cat([parameter.detach().flatten() for parameter in network().parameters()])
    assert torch.equal(adam.weights, expected)


@pytest.mark.parametrize(("largest", "factor"), [(1.0, 0.2), (10.0, 1.0), (float("inf"), 1.0)])
def test_only_gradients_above_the_largest_are_cut(largest: float, factor: float) -> None:
    adam = Adam([nn.Parameter(torch.zeros(2))])
    adam.gradient.copy_(torch.tensor([3.0, 4.0]))
    assert adam.cut(largest) == 5.0
    torch.testing.assert_close(adam.gradient, factor * torch.tensor([3.0, 4.0]), rtol=1e-5, atol=0)
