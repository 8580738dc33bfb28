from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from madminer_workflow.sampling import draw as module
from madminer_workflow.sampling.draw import draw

ALGORITHMS = pytest.mark.parametrize("cost", [0.0, 1e300], ids=["rejection", "inversion"])


@pytest.fixture
def problem() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights at three benchmarks, some of them negative, and points with strong cancellations."""
    rng = np.random.default_rng(1)
    weights = rng.exponential(size=(40, 3)) * rng.choice([1, 1, 1, -0.3], (40, 3))
    weights[5] = 0.0
    return weights, np.array([[1, 0, 0], [0.4, 0.3, 0.3], [2.0, -0.7, -0.3], [0, -0.5, 1.5]])


@ALGORITHMS
def test_events_are_drawn_with_their_probabilities(
    problem: tuple[NDArray[np.float64], NDArray[np.float64]],
    cost: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COST_OF_A_PROPOSAL", cost)
    weights, coefficients = problem
    counts = np.array([40_000, 1, 30_000, 50_000])
    drawn = draw(weights, coefficients, counts, np.random.default_rng(2))
    assert len(drawn) == counts.sum()
    for row, part in zip(coefficients, np.split(drawn, np.cumsum(counts)[:-1]), strict=True):
        positive = np.maximum(weights @ row, 0)
        found = np.bincount(part, minlength=len(weights))
        assert not found[positive == 0].any()
        expected = (positive / positive.sum() * len(part))[positive > 0]
        assert len(part) == 1 or stats.chisquare(found[positive > 0], expected).pvalue > 0.01


@ALGORITHMS
def test_samples_are_independent_of_their_order(
    problem: tuple[NDArray[np.float64], NDArray[np.float64]],
    cost: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COST_OF_A_PROPOSAL", cost)
    weights, coefficients = problem
    drawn = draw(weights, coefficients[2:3], np.array([20_000]), np.random.default_rng(3))
    first, second = np.split(drawn, 2)
    table = np.stack([np.bincount(half, minlength=40) for half in (first, second)])
    assert stats.chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue > 0.01
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 5 / np.sqrt(len(drawn))


def test_few_samples_at_many_points_are_drawn_by_rejection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    weights, coefficients = rng.exponential(size=(10_000, 2)), rng.uniform(0, 1, (100, 2))
    called: list[tuple[str, int]] = []

    def spy(name: str) -> Callable[..., object]:
        original = getattr(module, name)

        def wrapper(*args: NDArray[np.float64]) -> object:
            called.append((name, len(args[1])))
            return original(*args)

        return wrapper

    for name in ("_reject", "_invert"):
        monkeypatch.setattr(module, name, spy(name))
    counts = np.where(np.arange(100) < 3, 1000, 2)
    assert len(draw(weights, coefficients, counts, rng)) == counts.sum()
    assert called == [("_reject", 97), ("_invert", 3)]


@ALGORITHMS
def test_blocks_do_not_matter(cost: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COST_OF_A_PROPOSAL", cost)
    monkeypatch.setattr(module, "BLOCK", 64)
    weights, coefficients = np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([[1.0, 0], [0, 1]] * 20)
    counts = np.arange(40) % 7
    drawn = draw(weights, coefficients, counts, np.random.default_rng(5))
    owner = np.repeat(np.arange(40), counts)
    assert not np.any((drawn == 1) & (owner % 2 == 0))
    assert not np.any((drawn == 0) & (owner % 2 == 1))
