from __future__ import annotations

import pytest
import torch

from madminer_workflow.estimators.losses import loss_of, uses_score
from madminer_workflow.estimators.registry import METHODS

OF_MADMINER = [name for name, spec in METHODS.items() if spec.loss]

N_ARGUMENTS = {"ratio": 8, "score": 2, "density": 3}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", OF_MADMINER)
def test_losses_are_those_of_madminer(name: str) -> None:
    from madminer.utils.ml.utils import get_loss

    functions, _, weights = get_loss(name, 2.5)
    shape = (N_ARGUMENTS[METHODS[name].kind], 20, 1)
    arguments = torch.rand(shape, dtype=torch.float64).unbind()  # their mean may be next to zero
    expected = sum(w * float(f(*arguments)) for w, f in zip(weights, functions, strict=True))
    assert float(loss_of(name, 2.5)(*arguments)) == pytest.approx(expected, rel=1e-9)


def test_alpha_zero_switches_the_score_off() -> None:
    arguments = torch.rand(8, 20, 1).unbind()
    assert loss_of("alices", 0.0)(*arguments) == loss_of("alice", 5.0)(*arguments)
    assert [uses_score("alices", alpha) for alpha in (0.0, 1.0)] == [False, True]
    assert not uses_score("alice", 1.0)
