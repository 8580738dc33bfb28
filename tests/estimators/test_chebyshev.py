from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.estimators.chebyshev import Interpolation, interpolated, scattered
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.statistics import grid

Floats = NDArray[np.float64]
GRID = grid.points(grid.axes([(-1.0, 2.0), (0.0, 5.0)], [40, 40]))


class Counted:
    """Blocks of a function of an event and of parameter points, which counts the pairs."""

    def __init__(self, function: Callable[[Floats, Floats], Floats]) -> None:
        self.function, self.pairs = function, 0

    def __call__(self, x: Floats, thetas: Floats) -> Iterator[tuple[slice, Floats]]:
        for events in event_blocks(len(x), len(thetas)):
            self.pairs += (events.stop - events.start) * len(thetas)
            yield events, self.function(x[events], thetas)


def smooth(x: Floats, thetas: Floats) -> Floats:
    return np.tanh(0.3 * x @ thetas[:, :1].T + 0.2 * thetas[:, -1])


def kinked(x: Floats, thetas: Floats) -> Floats:
    return np.abs(x @ thetas[:, :1].T - 0.5)


def events(n: int) -> Floats:
    return np.random.default_rng(1).uniform(-1, 1, (n, 1))


def all_of(blocks: Counted, x: Floats, thetas: Floats) -> Floats:
    return np.concatenate([block for _, block in interpolated(blocks, x, thetas)])


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_polynomials_are_interpolated_exactly(n_parameters: int) -> None:
    thetas = np.random.default_rng(2).uniform(-3, 5, (50, n_parameters))
    interpolation = Interpolation.between(thetas, degree=4)
    assert interpolation.nodes.shape == (5**n_parameters, n_parameters)

    def polynomial(t: Floats) -> Floats:
        value: Floats = np.prod(t**4 - 2 * t + 1, axis=1)
        return value

    found = interpolation(polynomial(interpolation.nodes))
    scale = np.abs(polynomial(interpolation.nodes)).max()
    np.testing.assert_allclose(found, polynomial(thetas), atol=1e-11 * scale)


def test_parameters_that_do_not_vary_need_one_node() -> None:
    thetas = np.array([[0.0, 2.0], [1.0, 2.0], [4.0, 2.0]])
    interpolation = Interpolation.between(thetas, degree=3)
    assert (interpolation.nodes[:, 1] == 2.0).all()
    assert len(interpolation.nodes) == 4


def test_smooth_functions_are_computed_at_fewer_points() -> None:
    blocks, x = Counted(smooth), events(5000)
    np.testing.assert_allclose(all_of(blocks, x, GRID), smooth(x, GRID), atol=1e-5)
    assert blocks.pairs < 0.25 * len(x) * len(GRID)


def test_functions_with_kinks_are_computed_everywhere() -> None:
    blocks, x = Counted(kinked), events(20_000)
    np.testing.assert_array_equal(all_of(blocks, x, GRID), kinked(x, GRID))
    assert blocks.pairs < 1.1 * len(x) * len(GRID)  # little is spent on finding out


@pytest.mark.parametrize(("n_events", "thetas"), [(100, GRID), (5000, GRID[:50]), (5000, GRID[:0])])
def test_small_grids_and_few_events_are_not_worth_it(n_events: int, thetas: Floats) -> None:
    blocks, x = Counted(smooth), events(n_events)
    np.testing.assert_array_equal(all_of(blocks, x, thetas), smooth(x, thetas))
    assert blocks.pairs == len(x) * len(thetas)


@pytest.mark.parametrize("function", [smooth, kinked])
def test_blocks_do_not_depend_on_what_is_interpolated(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[Floats, Floats], Floats]
) -> None:
    monkeypatch.setattr("madminer_workflow.estimators.model._PAIRS_PER_BLOCK", 100_000)
    blocks = list(interpolated(Counted(function), events(3000), GRID))
    assert [some for some, _ in blocks] == list(event_blocks(3000, len(GRID)))
    assert max(block.size for _, block in blocks) <= 100_000


def test_memory_does_not_grow_with_the_grid() -> None:
    thetas = grid.points(grid.axes([(-1.0, 1.0)] * 3, [41] * 3))
    tracemalloc.start()
    interpolation = Interpolation.between(thetas, degree=8)
    found = interpolation(np.prod(interpolation.nodes**3, axis=1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found, np.prod(thetas**3, axis=1), atol=1e-12)
    assert peak < 0.25 * 8 * len(thetas) * len(interpolation.nodes)


@pytest.mark.parametrize("resolution", [41, 50, 64, 256])
def test_scattered_points_have_many_coordinates(resolution: int) -> None:
    for coordinates in np.divmod(scattered(resolution**2, 64), resolution):
        assert len(np.unique(coordinates)) > 0.6 * min(resolution, 64)
