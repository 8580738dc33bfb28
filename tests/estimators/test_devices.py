from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from madminer_workflow.errors import InputError
from madminer_workflow.estimators import fit
from madminer_workflow.estimators.dense import tiles
from madminer_workflow.estimators.devices import device_of

NETWORKS = [("alices", "parameterized"), ("alices", "quadratic"), ("sally", "parameterized")]


@pytest.mark.parametrize("available", [True, False])
def test_auto_takes_a_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, available: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert device_of("auto").type == ("cuda" if available else "cpu")
    assert device_of("cpu").type == "cpu"


def test_a_gpu_that_is_not_there_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match='device: "cuda", but PyTorch finds no GPU here, allowed:'):
        device_of("cuda")


def test_a_gpu_gets_larger_tiles() -> None:
    assert len(list(tiles(5000, 50))) > 100
    assert len(list(tiles(5000, 50, torch.device("cuda")))) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("name", "estimator"), NETWORKS)
def test_a_gpu_gives_the_same(
    gaussian: Any, make_samples: Any, make_learner: Callable[..., Any], name: str, estimator: str
) -> None:
    from dataclasses import replace

    samples, learner = make_samples(gaussian(2), name, 4000), make_learner(name, estimator)
    here, there = (
        fit(replace(learner, device=device), samples, samples).model for device in ("cpu", "cuda")
    )
    x, thetas = samples.x[:500], np.random.default_rng(1).uniform(-1, 1, (20, 2))

    def evaluated(model: Any) -> Any:
        return model.score(x) if name == "sally" else model.log_ratio(x, thetas)

    np.testing.assert_allclose(evaluated(here.on("cuda")), evaluated(here.on("cpu")), atol=1e-5)
    np.testing.assert_allclose(evaluated(there), evaluated(here), atol=2e-3)
