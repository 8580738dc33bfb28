from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.statistics.diagnostics import Reweighting
from madminer_workflow.statistics.ranking import Judged, closure, cross_entropy, ranking

Floats = NDArray[np.float64]

SHIFT = 0.6
N_EVENTS = 40_000


def events(change: float = 0.0, seed: int = 1) -> tuple[Floats, Reweighting]:
    """Weighted events of N(0, 1) and N(0.6, 1), log r off by a curvature; x and an unrelated y."""
    x = np.random.default_rng(seed).normal(SHIFT / 2, 1.1, (N_EVENTS, 2))
    log_r = SHIFT * x[:, 0] - SHIFT**2 / 2
    truth = np.exp(-0.5 * x[:, 0] ** 2 + 0.5 * ((x[:, 0] - SHIFT / 2) / 1.1) ** 2)
    learned = (log_r + change * x[:, 0] ** 2)[:, None]
    return x, Reweighting.of(learned, truth, (truth * np.exp(log_r))[:, None])


def test_the_cross_entropy_is_least_for_the_true_ratio() -> None:
    values = [cross_entropy(events(change)[1], 1).value for change in (-0.05, 0.0, 0.05)]
    assert values[1] < min(values[0], values[2])
    grid = np.linspace(-8, 9, 20001)
    densities = np.exp(-0.5 * (grid - np.array([[0.0], [SHIFT]])) ** 2)
    densities /= densities.sum(axis=1, keepdims=True)
    true = -0.5 * (densities * np.log(densities / densities.sum(axis=0))).sum()
    assert values[1] == pytest.approx(true, abs=1e-3)


def test_a_ratio_of_one_costs_log_two() -> None:
    _, known = events()
    nothing = Reweighting.of(np.zeros((N_EVENTS, 1)), known.reference, known.true)
    assert cross_entropy(nothing, 1).value == pytest.approx(math.log(2), rel=1e-12)


def test_closure_is_zero_for_the_true_ratio_within_its_error() -> None:
    right, wrong = (closure(*events(change), 1000.0, 1) for change in (0.0, 0.05))
    assert abs(right.value) < 4 * right.replicas.std()
    assert wrong.value > 10 * wrong.replicas.std()


@pytest.mark.parametrize("criterion", ["cross_entropy", "closure"])
def test_errors_of_differences_are_those_of_independent_events(criterion: str) -> None:
    def pair(seed: int) -> list[Judged]:
        found = [events(change, seed) for change in (0.02, 0.08)]
        if criterion == "closure":
            return [closure(*one, 1000.0, 3) for one in found]
        return [cross_entropy(one, 3) for _, one in found]

    pairs = [pair(seed) for seed in range(30)]
    spread = np.std([b.value - a.value for a, b in pairs], ddof=1)
    errors = [(b.replicas - a.replicas).std(ddof=1) for a, b in pairs]
    assert np.mean(errors) == pytest.approx(spread, rel=0.4)


def judged(value: float, noise: float = 0.0) -> Judged:
    return Judged(value, value + noise * np.random.default_rng(1).normal(size=200))


def test_what_may_be_noise_is_a_tie() -> None:
    found = ranking(
        "closure",
        {"a": judged(1.0, 0.1), "b": judged(0.0), "c": judged(0.15, 0.1), "d": judged(np.nan)},
    )
    assert (found.criterion, found.method, found.tied) == ("closure", "b", ("c",))
    assert found.values["a"].difference == 1.0
    assert found.values["c"].error == pytest.approx(0.1, rel=0.2)
    assert found.values["b"].error == 0.0
