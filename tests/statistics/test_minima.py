import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.interpolation import minimum
from madminer_workflow.statistics.minima import minima

Floats = NDArray[np.float64]

REGION = [(-1.5, 2.5), (-4.0, 3.5), (-1.0, 2.0)]


def one_by_one(values: Floats, axes: tuple[Floats, ...]) -> Floats:
    return np.array([minimum(v.reshape(grid.shape(axes)), axes).value for v in values])


def likelihoods(axes: tuple[Floats, ...], n: int, seed: int) -> Floats:
    """-2 log of products of squares of amplitudes, with two minima or one, (function, theta)."""
    rng = np.random.default_rng(seed)
    thetas = grid.points(axes)
    amplitudes = 1.0 + rng.normal(0.0, 0.5, (n, 40, thetas.shape[1])) @ thetas.T
    spectra = amplitudes**2 + 0.1 * (thetas**2).sum(axis=1) + 0.2
    return np.asarray(2.0 * (spectra - rng.gamma(3.0, 0.5, (n, 40, 1)) * np.log(spectra)).sum(1))


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 3), st.integers(0, 1000))
def test_they_are_those_of_one_function_after_the_other(n_parameters: int, seed: int) -> None:
    axes = grid.axes(REGION[:n_parameters], [21, 16, 11][:n_parameters])
    values = likelihoods(axes, 20, seed)
    np.testing.assert_allclose(minima(values, axes), one_by_one(values, axes), atol=5e-3)


@pytest.mark.parametrize("resolution", [2, 3, 4])
def test_few_grid_points(resolution: int) -> None:
    axes = grid.axes(REGION[:2], [resolution, 5])
    values = likelihoods(axes, 50, 1)
    np.testing.assert_allclose(minima(values, axes), one_by_one(values, axes), atol=5e-3)


def test_paraboloids_with_their_minimum_inside_and_outside() -> None:
    axes = grid.axes(REGION[:2], [12, 15])
    x, y = grid.points(axes).T
    centres = np.random.default_rng(2).uniform(-5.0, 5.0, (200, 2))
    u, v = x - centres[:, [0]], y - centres[:, [1]]
    found = minima(10.0 * (u**2 + 1.9 * u * v + v**2), axes)
    inside = (centres[:, 0] > -1.5) & (centres[:, 0] < 2.5)
    inside &= (centres[:, 1] > -4.0) & (centres[:, 1] < 3.5)
    assert 30 < np.count_nonzero(inside) < 170
    np.testing.assert_allclose(found[inside], 0.0, atol=1e-3)
    assert (found[~inside] > 0.0).all()
    # On the border a paraboloid is a parabola of the other parameter: four of them to choose from.
    u, v = np.array([[-1.5], [2.5]]) - centres[:, 0], np.array([[-4.0], [3.5]]) - centres[:, 1]
    along_v = np.clip(-0.95 * u, -4.0 - centres[:, 1], 3.5 - centres[:, 1])
    along_u = np.clip(-0.95 * v, -1.5 - centres[:, 0], 2.5 - centres[:, 0])
    sides = [a**2 + 1.9 * a * b + b**2 for a, b in ((u, along_v), (along_u, v))]
    expected = 10.0 * np.concatenate(sides).min(axis=0)
    np.testing.assert_allclose(found[~inside], expected[~inside], rtol=1e-3, atol=1e-3)


def test_next_to_a_cliff_the_swing_of_the_spline_is_no_minimum() -> None:
    (axis,) = grid.axes([(0.0, 1.0)], [11])
    cliff = np.where(axis < 0.35, 1e4, (axis - 0.84) ** 2)
    values = np.stack([cliff, (axis - 0.52) ** 2])
    found = minima(values, [axis])
    assert found[0] == pytest.approx(minimum(cliff, [axis]).value, abs=1e-4)
    assert found[0] > -0.02
    assert found[1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_functions_of_any_size_and_shape(size: float) -> None:
    """Also those of a network that has learned nothing, with cliffs and saddles everywhere."""
    axes, rng = grid.axes(REGION[:2], [21, 21]), np.random.default_rng(3)
    x, y = grid.points(axes).T
    rough = rng.normal(size=(50, 441)).cumsum(axis=1)
    saddles = rng.normal(size=(50, 5)) @ np.stack([x**2, x * y, y**2, x, y])
    values = size * np.concatenate([rough, saddles])
    np.testing.assert_allclose(minima(values, axes), one_by_one(values, axes), atol=5e-3)


def test_constant_functions() -> None:
    axes = grid.axes(REGION[:2], [4, 4])
    np.testing.assert_array_equal(minima(np.full((3, 16), 7.0), axes), 7.0)


def test_points_without_a_value_take_the_nearest_one() -> None:
    axes = grid.axes(REGION[:2], [9, 9])
    values = likelihoods(axes, 10, 4)
    values[:, :9] = np.inf
    values[3, 40] = np.nan
    filled = values.copy()
    filled[:, :9] = filled[:, 9:18]
    filled[:, 40] = values[:, 31]
    assert np.isfinite(minima(values, axes)).all()
    np.testing.assert_array_equal(minima(values[[3, 4]], axes), minima(values, axes)[[3, 4]])
    with pytest.raises(ValueError, match="no point of the grid"):
        minima(np.full((2, 81), np.nan), axes)
