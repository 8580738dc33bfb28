from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.interpolation import minimum, minimum_along, refine

Floats = NDArray[np.float64]

REGION = [(-1.5, 2.5), (-4.0, 3.5), (-1.0, 2.0)]


def paraboloid(axes: tuple[Floats, ...], centre: Floats, curvature: Floats) -> NDArray[np.float64]:
    difference = grid.points(axes) - centre
    values = np.einsum("ni,ij,nj->n", difference, curvature, difference)
    return np.asarray(values).reshape(grid.shape(axes))


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple[Floats, ...], Floats, Floats]:
    """A grid of unequal resolutions, the minimum of a paraboloid inside it, and its curvature."""
    n = draw(st.integers(1, 3))
    axes = grid.axes(REGION[:n], [draw(st.integers(3, 12)) for _ in range(n)])
    shares = np.array([draw(st.floats(0.05, 0.95)) for _ in range(n)])
    centre = np.array([a[0] + f * (a[-1] - a[0]) for a, f in zip(axes, shares, strict=True)])
    root = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(n, n)) + 2.0 * np.eye(n)
    return axes, centre, root @ root.T * draw(st.floats(0.1, 1e4))


@settings(deadline=None, max_examples=40)
@given(problems())
def test_a_paraboloid_is_minimised_between_grid_points(problem: Any) -> None:
    axes, centre, curvature = problem
    values = paraboloid(axes, centre, curvature)
    found = minimum(values, axes)
    assert found.value <= values.min()
    np.testing.assert_allclose(found.value, 0.0, atol=1e-7 * values.max())
    np.testing.assert_allclose(found.theta, centre, atol=2e-3)
    assert not found.at_border


def test_the_minimum_of_a_curved_valley_is_found() -> None:
    axes = grid.axes([(-1.5, 1.5), (-1.0, 3.0)], [31, 23])
    x, y = grid.points(axes).T
    values = (50.0 * (y - x**2) ** 2 + (0.537 - x) ** 2).reshape(31, 23)
    found = minimum(values, axes)
    np.testing.assert_allclose(found.theta, [0.537, 0.537**2], atol=0.01)
    assert abs(found.value) < 1e-3


def test_the_deeper_of_two_minima_is_found_even_if_its_grid_point_is_higher() -> None:
    (axis,) = grid.axes([(-2.0, 2.0)], [9])
    x = 1.05 * axis - 0.05  # the shallow minimum near x = 1 is a grid point, that near -1 is not
    values = 30.0 * (x**2 - 1.0) ** 2 + 0.3 * x
    assert axis[values.argmin()] == 1.0
    found = minimum(values, [axis])
    assert found.theta[0] == pytest.approx(-0.95 / 1.05, abs=0.02)
    assert found.value == pytest.approx(-0.3, abs=0.2)


def test_a_minimum_at_the_border_is_said() -> None:
    axes = grid.axes([(0.0, 1.0), (0.0, 2.0)], [5, 4])
    x, y = grid.points(axes).T
    found = minimum((x + (y - 0.9) ** 2).reshape(5, 4), axes)
    np.testing.assert_allclose(found.theta, [0.0, 0.9], atol=1e-6)
    assert found.at_border


def test_a_flat_function_has_no_best_point() -> None:
    found = minimum(np.full((3, 4), 7.0), grid.axes([(0.0, 1.0), (0.0, 1.0)], [3, 4]))
    assert found.value == 7.0
    assert np.isnan(found.theta).all()
    assert not found.at_border


def test_two_points_an_axis_are_enough() -> None:
    found = minimum(np.array([[3.0, 1.0], [2.0, 5.0]]), grid.axes([(0.0, 1.0), (0.0, 1.0)], [2, 2]))
    assert found.value == 1.0
    assert found.theta.tolist() == [0.0, 1.0]


def test_a_cliff_does_not_pull_the_minimum_down() -> None:
    (axis,) = grid.axes([(0.0, 8.0)], [9])
    found = minimum(np.array([1e3, 1e3, 1e3, 0.2, 0.1, 0.0, 0.1, 0.2, 0.3]), [axis])
    assert found.value == pytest.approx(0.0, abs=0.05)
    assert found.theta[0] == pytest.approx(5.0, abs=0.5)


def test_points_without_a_value_are_passed_over() -> None:
    axes = grid.axes(REGION[:2], [15, 11])
    values = paraboloid(axes, np.array([0.31, -0.2]), np.diag([9.0, 4.0]))
    values[0, :], values[-1, 3] = np.inf, np.nan
    np.testing.assert_allclose(minimum(values, axes).theta, [0.31, -0.2], atol=0.01)
    with pytest.raises(ValueError, match="finite"):
        minimum(np.full((15, 11), np.nan), axes)
    with pytest.raises(ValueError, match="shape"):
        minimum(values.T, axes)


@settings(deadline=None, max_examples=30)
@given(problems())
def test_minimising_over_one_parameter_is_the_schur_complement(problem: Any) -> None:
    axes, _, curvature = problem
    centre = np.array([0.1, -0.2, 0.3])[: len(axes)]
    for axis in range(len(axes)):
        projected = minimum_along(paraboloid(axes, centre, curvature), axes[axis], axis)
        others = [number for number in range(len(axes)) if number != axis]
        cross = curvature[others, axis]
        schur = curvature[np.ix_(others, others)] - np.outer(cross, cross) / curvature[axis, axis]
        if others:
            rest = tuple(axes[number] for number in others)
            free = paraboloid(rest, centre[others], schur)
            best = (
                centre[axis] - (grid.points(rest) - centre[others]) @ cross / curvature[axis, axis]
            )
            inside = (best > axes[axis][0]) & (best < axes[axis][-1])
            inside = inside.reshape(free.shape)
            scale = float(paraboloid(axes, centre, curvature).max())
            np.testing.assert_allclose(projected[inside], free[inside], atol=1e-9 * scale)
            assert (projected >= free - 1e-9 * scale).all()
        else:
            assert projected == pytest.approx(0.0, abs=1e-9 * curvature[0, 0])


def test_refining_is_exact_for_cubics_and_never_transposed() -> None:
    axes = grid.axes(REGION, [6, 5, 4])
    finer = grid.axes(REGION, [9, 11, 7])

    def function(points: Floats) -> Floats:
        x, y, z = points.T
        return np.asarray(x**3 - 2.0 * x * y**2 + z**3 + y)

    expected = function(grid.points(finer)).reshape(9, 11, 7)
    refined = refine(function(grid.points(axes)).reshape(6, 5, 4), axes, finer)
    np.testing.assert_allclose(refined, expected, atol=1e-10)


def test_refining_fills_gaps_with_the_nearest_value() -> None:
    (axis,) = grid.axes([(0.0, 3.0)], [4])
    refined = refine(np.array([2.0, 2.0, 2.0, np.inf]), [axis], [axis])
    np.testing.assert_allclose(refined, 2.0)
