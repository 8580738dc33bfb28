import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.regions import iou, region, size, size_error, touches_border
from madminer_workflow.statistics.teststatistic import P_68, P_95, threshold

Floats = NDArray[np.float64]

REGION = [(-1.0, 3.0), (-4.0, 2.0), (-2.0, 2.0)]
CENTRE = np.array([0.913, -1.07, 0.21])
WIDTH = np.array([0.31, 0.52, 0.4])


def ellipsoid(axes: tuple[Floats, ...], width: Floats = WIDTH) -> Floats:
    n = len(axes)
    return np.asarray((((grid.points(axes) - CENTRE[:n]) / width[:n]) ** 2).sum(axis=1))


@pytest.mark.parametrize("resolutions", [(21,), (11, 17), (31, 26), (11, 9, 13)])
@pytest.mark.parametrize("p_value", [P_68, P_95])
def test_the_size_of_an_ellipsoid(resolutions: tuple[int, ...], p_value: float) -> None:
    n = len(resolutions)
    axes = grid.axes(REGION[:n], resolutions)
    found = region(ellipsoid(axes), axes, p_value)
    radius = np.sqrt(threshold(p_value, n))
    unit = {1: 2.0, 2: np.pi, 3: 4.0 / 3.0 * np.pi}[n]
    assert found.size == pytest.approx(unit * radius**n * WIDTH[:n].prod(), rel=3e-3)
    assert found.share == pytest.approx(found.size / np.prod([np.ptp(a) for a in axes]))
    box = np.array(found.box)
    expected = CENTRE[:n, None] + radius * WIDTH[:n, None] * np.array([-1.0, 1.0])
    np.testing.assert_allclose(box, expected, atol=0.05)
    assert not found.touches_border


@settings(deadline=None, max_examples=20)
@given(st.integers(6, 40), st.integers(6, 40))
def test_the_size_does_not_depend_on_the_grid(first: int, second: int) -> None:
    axes = grid.axes(REGION[:2], [first, second])
    expected = np.pi * threshold(P_95, 2) * WIDTH[:2].prod()
    assert size(ellipsoid(axes), axes, threshold(P_95, 2)) == pytest.approx(expected, rel=3e-3)


def test_a_region_much_smaller_than_a_grid_cell() -> None:
    axes = grid.axes(REGION[:2], [9, 9])
    narrow = WIDTH / 20.0
    assert (ellipsoid(axes, narrow) > threshold(P_95, 2)).all()
    expected = np.pi * threshold(P_95, 2) * narrow[:2].prod()
    found = size(ellipsoid(axes, narrow), axes, threshold(P_95, 2))
    assert found == pytest.approx(expected, rel=0.02)


def test_intervals_of_a_function_with_two_minima() -> None:
    (axis,) = grid.axes([(-2.0, 2.0)], [41])
    q = 20.0 * (axis**2 - 1.0) ** 2
    found = region(q, [axis], P_95)
    depth = np.sqrt(threshold(P_95, 1) / 20.0)
    outer, inner = np.sqrt(1.0 + depth), np.sqrt(1.0 - depth)
    assert found.intervals is not None
    expected = [(-outer, -inner), (inner, outer)]
    np.testing.assert_allclose(found.intervals, expected, atol=1e-4)
    assert found.size == pytest.approx(2.0 * (outer - inner), rel=1e-3)


def test_intervals_at_the_border_end_there() -> None:
    (axis,) = grid.axes([(0.0, 2.0)], [21])
    found = region(10.0 * axis**2, [axis], P_95)
    assert found.touches_border
    assert found.intervals is not None
    np.testing.assert_allclose(found.intervals, [(0.0, np.sqrt(0.1 * 3.84146))], atol=1e-4)
    everything = region(np.zeros(21), [axis], P_95)
    assert everything.intervals == ((0.0, 2.0),)
    assert everything.size == pytest.approx(2.0)
    assert everything.share == pytest.approx(1.0)


@pytest.mark.parametrize(("axis", "end"), [(0, 0), (0, -1), (1, 0), (1, -1)])
def test_each_border_is_looked_at(axis: int, end: int) -> None:
    q = np.full((5, 7), 9.0)
    np.moveaxis(q, axis, 0)[end, 3] = 0.0
    axes = grid.axes(REGION[:2], [5, 7])
    assert touches_border(q, axes, 1.0)
    inner = np.full((5, 7), 9.0)
    inner[2, 3] = 0.0
    assert not touches_border(inner, axes, 1.0)


def test_overlap_counts_grid_points_or_measures_between_them() -> None:
    axes = grid.axes([(0.0, 10.0), (0.0, 1.0)], [11, 3])
    x = grid.points(axes)[:, 0]
    a, b = np.where(x < 4.5, 0.0, 9.0), np.where((x > 1.5) & (x < 6.5), 0.0, 9.0)
    assert iou(a, b, 1.0) == pytest.approx(3.0 / 7.0)
    left, right = 2.0 * np.abs(x - 3.0) ** 2, 2.0 * np.abs(x - 4.0) ** 2  # +-1.5 around 3 and 4
    assert iou(left, right, 4.5, axes) == pytest.approx(2.0 / 4.0, rel=2e-3)
    assert iou(a, a, 1.0) == 1.0
    assert iou(left, left, 4.5, axes) == 1.0
    assert np.isnan(iou(a + 5.0, b + 5.0, 1.0))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_overlap_is_symmetric_and_between_zero_and_one(seed: int) -> None:
    axes = grid.axes(REGION[:2], [8, 5])
    a, b = np.random.default_rng(seed).exponential(3.0, size=(2, 40))
    a, b = a - a.min(), b - b.min()
    for options in (None, axes):
        overlap = iou(a, b, 2.0, options)
        assert 0.0 <= overlap <= 1.0
        assert overlap == pytest.approx(iou(b, a, 2.0, options))


def test_the_error_of_the_size_is_the_spread_over_replicas() -> None:
    axes = (np.linspace(-4.0, 4.0, 41),) * 2
    squares = (grid.points(axes) ** 2).sum(axis=1)
    scales = np.array([0.9, 1.0, 1.2])
    areas = np.pi * 6.0 / scales
    assert size_error(np.outer(scales, squares), axes, 6.0) == pytest.approx(areas.std(), rel=0.01)
