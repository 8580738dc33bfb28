"""Every method, trained for a short time, against a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from madminer_workflow.estimators import METHODS, fit
from madminer_workflow.estimators.registry import MethodSpec

# Methods that learn from unweighted samples, as the toys draw them.
SAMPLED = [name for name, spec in METHODS.items() if not spec.weighted]
RATIOS = [name for name in SAMPLED if METHODS[name].kind == "ratio"]

# Smallest correlation with the truth and largest mean difference from it.
BOUNDS = {
    "carl": (0.90, 0.06),
    "rolr": (0.93, 0.06),
    "cascal": (0.96, 0.06),
    "rascal": (0.95, 0.08),
    "alice": (0.96, 0.05),
}


def _bounds(spec: MethodSpec) -> tuple[float, float]:
    return BOUNDS.get(spec.name, (0.97, 0.05))


def _compare(toy: Any, model: Any) -> tuple[float, float]:
    """Returns the correlation with the truth and the mean difference from it."""
    rng = np.random.default_rng(3)
    thetas = 0.8 * toy.reach * rng.uniform(-1, 1, (20, toy.n_parameters))
    x, _ = toy.draw(np.zeros((2000, toy.n_parameters)), rng)
    if model.kind == "score":
        learned, truth = model.score(x), toy.score(x)
    else:
        learned, truth = model.log_ratio(x, thetas), toy.log_ratio(x, thetas)
    correlation = np.corrcoef(learned.ravel(), truth.ravel())[0, 1]
    return float(correlation), float(np.mean(learned - truth))


@pytest.mark.parametrize("n_parameters", [1, 2])
@pytest.mark.parametrize("name", SAMPLED)
def test_a_shifted_gaussian_is_learned(
    gaussian: Any, make_samples: Any, make_learner: Any, name: str, n_parameters: int
) -> None:
    toy = gaussian(n_parameters)
    train, validation = (make_samples(toy, name, n, n) for n in (20_000, 5000))
    fitted = fit(make_learner(name), train, validation)
    correlation, bias = _compare(toy, fitted.model)
    least, most = _bounds(METHODS[name])
    assert correlation > least
    assert abs(bias) < most
    assert fitted.history.validation_loss[-1] < fitted.history.validation_loss[0]


@pytest.mark.parametrize("n_parameters", [1, 2])
@pytest.mark.parametrize("name", RATIOS)
def test_a_quadratic_density_is_learned_by_the_quadratic_network(
    quadratic: Any, make_samples: Any, make_learner: Any, name: str, n_parameters: int
) -> None:
    toy = quadratic(n_parameters)
    train, validation = (make_samples(toy, name, n, n) for n in (20_000, 5000))
    fitted = fit(make_learner(name, "quadratic"), train, validation)
    correlation, bias = _compare(toy, fitted.model)
    assert correlation > 0.98
    assert abs(bias) < 0.05
