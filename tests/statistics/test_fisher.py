from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from madminer_workflow.statistics import fisher
from madminer_workflow.statistics.fisher import PointEvents

Floats = NDArray[np.float64]

LUMINOSITY = 1000.0
SIGMA = 0.5  # pb


def gaussian_events(n: int, seed: int = 1) -> tuple[Floats, PointEvents]:
    """x ~ N(theta_0, 1) with cross section SIGMA exp(theta_1), at theta = 0."""
    x = np.random.default_rng(seed).normal(size=n)
    weights = np.full(n, SIGMA / n)
    gradients = weights[:, None] * np.column_stack([x, np.ones(n)])
    return x, PointEvents(np.zeros(2), LUMINOSITY, weights, gradients)


def test_information_of_a_gaussian_and_its_rate() -> None:
    _, events = gaussian_events(100_000)
    full, rate, kinematics = fisher.joint(events)
    n = LUMINOSITY * SIGMA
    np.testing.assert_allclose(full.matrix, n * np.eye(2), atol=0.02 * n)
    np.testing.assert_allclose(rate.matrix, n * np.diag([0.0, 1.0]), atol=0.02 * n)
    np.testing.assert_allclose(kinematics.matrix, n * np.diag([1.0, 0.0]), atol=0.02 * n)
    np.testing.assert_allclose(full.matrix, rate.matrix + kinematics.matrix, rtol=1e-12)
    assert full.covariance is not None
    np.testing.assert_allclose(full.covariance, np.eye(2) / n, atol=0.02 / n)
    assert rate.covariance is None
    assert [i.name for i in (full, rate, kinematics)] == ["full", "rate", "kinematics"]


def test_uncertainties_are_the_spread_over_event_samples() -> None:
    matrices, uncertainties = [], []
    for seed in range(200):
        n = np.random.default_rng(1000 + seed).poisson(2000)
        x, sample = gaussian_events(n, seed)
        share = n / 2000  # a fixed weight an event
        events = replace(sample, weights=sample.weights * share, gradients=sample.gradients * share)
        found = [
            *fisher.joint(events),
            fisher.histogram("x", events, fisher.bin_numbers(x, 5, (-2.0, 2.0))),
            fisher.score("sally", events, np.column_stack([x, np.zeros(n)])),
        ]
        matrices.append([information.matrix for information in found])
        uncertainties.append([information.uncertainty for information in found])
    spread = np.std(matrices, axis=0, ddof=1)
    expected = np.mean(uncertainties, axis=0)
    largest = spread.max()
    np.testing.assert_allclose(expected, spread, rtol=0.2, atol=0.02 * largest)


def test_a_histogram_loses_information_and_many_bins_lose_little() -> None:
    x, events = gaussian_events(100_000)
    full = fisher.joint(events)[0].matrix
    found = [
        fisher.histogram("x", events, fisher.bin_numbers(x, n, (-3.0, 3.0))).matrix[0, 0]
        for n in (1, 4, 40)
    ]
    assert found[0] < found[1] < found[2] < full[0, 0]
    assert found[2] == pytest.approx(full[0, 0], rel=0.02)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(0, 999), st.integers(2, 9))
def test_information_is_positive_and_ordered(k: int, seed: int, n_bins: int) -> None:
    rng = np.random.default_rng(seed)
    weights, gradients = rng.exponential(size=300), rng.normal(size=(300, k))
    events = PointEvents(np.zeros(k), 1.0, weights, gradients)
    full, rate, _ = fisher.joint(events)
    histogram = fisher.histogram("any", events, rng.integers(0, n_bins, size=300))
    for larger, smaller in ((full, histogram), (histogram, rate)):
        eigenvalues = np.linalg.eigvalsh(larger.matrix - smaller.matrix)
        assert eigenvalues.min() > -1e-9 * np.abs(full.matrix).max()
    scores = gradients / weights[:, None] - gradients.sum(axis=0) / weights.sum()
    np.testing.assert_allclose(
        fisher.score("joint", events, scores).matrix, full.matrix, rtol=1e-9, atol=1e-9
    )


def test_events_without_weight_are_harmless() -> None:
    events = PointEvents(np.zeros(1), 2.0, np.array([1.0, 0.0]), np.array([[0.5], [0.0]]))
    full, rate, _ = fisher.joint(events)
    assert full.matrix.item() == pytest.approx(0.5)
    assert rate.matrix.item() == pytest.approx(0.5)


def test_bins_have_underflow_and_overflow() -> None:
    values = [-5.0, 0.0, 0.9, 1.0, 2.0, 2.1]
    assert fisher.bin_numbers(values, 2, (0.0, 2.0)).tolist() == [0, 1, 1, 2, 2, 3]
    assert fisher.bin_numbers(values, [0.0, 1.0, 2.0]).tolist() == [0, 1, 1, 2, 2, 3]
    assert fisher.bin_numbers(values, 2).tolist() == [1, 2, 2, 2, 2, 2]


def test_information_agrees_with_madminer_formula_bin_by_bin() -> None:
    x, events = gaussian_events(1000)
    bins = fisher.bin_numbers(x, 3, (-1.0, 1.0))
    expected = np.zeros((2, 2))
    for number in np.unique(bins):
        gradient = events.gradients[bins == number].sum(axis=0)
        content = events.weights[bins == number].sum()
        expected += LUMINOSITY * np.outer(gradient, gradient) / content
    np.testing.assert_allclose(fisher.histogram("x", events, bins).matrix, expected, rtol=1e-10)
