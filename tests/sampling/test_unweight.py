from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from madminer_workflow.errors import InputError
from madminer_workflow.events import Events
from madminer_workflow.sampling.unweight import pools, unweight

POINTS = np.array([[0.1, 0.1], [1.7, 1.5], [1.7, -0.3], [0.0, 0.0]])


def test_points_are_drawn_from_the_closest_benchmark_that_has_events(
    toy: Callable[..., Events],
) -> None:
    events = toy(3000, sources=(0, 5, -1))
    found = {
        tuple(which): set(events.sampled_from[rows]) for which, rows, _ in pools(events, POINTS)
    }
    assert found == {(0, 3): {0, -1}, (1, 2): {5, -1}}


def test_signal_of_one_benchmark_stands_for_all_signal(toy: Callable[..., Events]) -> None:
    events = toy(50_000, sources=(0, 5, -1))
    for which, rows, weights in pools(events, POINTS):
        background = events.sampled_from[rows] < 0
        np.testing.assert_array_equal(weights[background], events.weights[rows][background])
        cross_sections = events.header.weights(POINTS[which]) @ weights.sum(axis=0)
        np.testing.assert_allclose(cross_sections, events.cross_sections(POINTS[which]), rtol=0.05)


def test_all_events_serve_when_none_tells_its_benchmark(toy: Callable[..., Events]) -> None:
    events = replace(toy(100), sampled_from=np.full(100, -1))
    ((which, rows, weights),) = pools(events, POINTS)
    assert list(which) == [0, 1, 2, 3]
    assert len(rows) == 100
    assert weights is events.weights


def test_drawn_observables_follow_the_weighted_ones(toy: Callable[..., Events]) -> None:
    events, counts = toy(20_000), np.array([3000, 500, 0, 1])
    drawn = unweight(events, POINTS, counts, np.random.default_rng(1))
    assert drawn.x.shape == (3501, 2)
    for start, stop, theta in ((0, 3000, POINTS[0]), (3000, 3500, POINTS[1])):
        for column in range(2):
            order = np.argsort(events.x[:, column])
            cumulative = np.cumsum(events.weights_at([theta])[order, 0])
            values = events.x[order, column]
            position = np.interp(drawn.x[start:stop, column], values, cumulative / cumulative[-1])
            assert stats.kstest(position, "uniform").pvalue > 0.01


def test_each_sample_has_the_weights_of_its_event_and_pool(toy: Callable[..., Events]) -> None:
    events = toy(2000, sources=(0, 5))
    drawn = unweight(events, POINTS, np.full(4, 10), np.random.default_rng(2))
    rows = (drawn.x[:, None, :] == events.x).all(axis=2).argmax(axis=1)
    assert list(np.unique(events.sampled_from[rows[:10]])) == [0]
    assert list(np.unique(events.sampled_from[rows[10:30]])) == [5]
    n = events.header.n_sampled
    scale = np.repeat([n.sum() / n[0], n.sum() / n[5], n.sum() / n[0]], [10, 20, 10])
    np.testing.assert_allclose(drawn.weights, events.weights[rows] * scale[:, None], rtol=1e-12)
    at_sm = events.weights[events.sampled_from == 0].sum(axis=0) * n.sum() / n[0]
    np.testing.assert_allclose(drawn.totals[0], at_sm, rtol=1e-12)
    np.testing.assert_array_equal(drawn.take(np.array([35, 3])).x, drawn.x[[35, 3]])


def test_effective_number_of_events(toy: Callable[..., Events]) -> None:
    events = toy(3000)
    drawn = unweight(events, POINTS, np.ones(4, np.int64), np.random.default_rng(3))
    weights = events.weights_at(POINTS)
    expected = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    np.testing.assert_allclose(drawn.effective_samples, expected, rtol=1e-9)
    assert drawn.negative < 1e-12


def test_negative_weights_are_not_drawn(
    with_weights: Callable[[NDArray[np.float64]], Events],
) -> None:
    events = with_weights(np.array([[1.0, 1.0], [-0.5, 1.0], [2.5, 1.0]]))
    theta = events.header.benchmark_values[:1]
    drawn = unweight(events, theta, np.array([7000]), np.random.default_rng(4))
    found = [np.sum(drawn.x[:, 0] == x) for x in events.x[:, 0]]
    assert found[1] == 0
    assert found[0] == pytest.approx(2000, abs=5 * np.sqrt(2000))
    assert drawn.negative == pytest.approx(0.125)
    assert drawn.effective_samples[0] == pytest.approx(9 / 7.5)


@pytest.mark.parametrize("column", [[0.0, 0.0], [1.0, -1.5]])
def test_points_without_cross_section_are_refused(
    with_weights: Callable[[NDArray[np.float64]], Events], column: list[float]
) -> None:
    events = with_weights(np.stack([[1.0, 1.0], column], axis=1))
    with pytest.raises(
        InputError, match=r"toy\.h5: no .* positive weight at theta = \(-1\.5, -1\.5\)"
    ):
        unweight(events, events.header.benchmark_values, np.array([1, 1]), np.random.default_rng(5))
