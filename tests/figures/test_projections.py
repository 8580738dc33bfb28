from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.figures.projections import projection, pull, uncertainty
from madminer_workflow.statistics import Limit, grid

Floats = NDArray[np.float64]

AXES = grid.axes([(-2.0, 2.0), (-1.5, 2.5), (-1.0, 1.0)], (9, 11, 8))
FINE = np.linspace(-1.0, 1.0, 7)


def make_limit(n: int) -> Limit:
    """A limit whose q couples all parameters, with other uncertainties at each point."""
    axes = AXES[:n]
    thetas = grid.points(axes)
    q = thetas[:, 0] ** 2 + ((thetas[:, 1:] - 0.5 * thetas[:, :1]) ** 2).sum(axis=1)
    error, spread = 0.3 + 0.1 * thetas[:, 0] ** 2, 0.2 + 0.1 * thetas[:, -1] ** 2
    return Limit(
        name="alices",
        parameters=("a", "b", "c")[:n],
        axes=axes,
        theta_true=np.zeros(n),
        luminosity_ipb=1e3,
        q_full=q,
        q_kinematics=0.5 * q,
        q_full_mc_std=error,
        q_full_std=spread,
    )


@pytest.mark.parametrize("n", [1, 2])
def test_on_the_grid_both_are_what_they_were(n: int) -> None:
    limit, keep = make_limit(n), range(n)
    q = projection(limit, "full", keep, limit.axes)
    np.testing.assert_allclose(q.ravel(), limit.q_full, atol=1e-12)
    for members, std in ((True, limit.uncertainty("full")), (False, limit.q_full_mc_std)):
        found = uncertainty(limit, "full", keep, limit.axes, members=members)
        assert found is not None
        np.testing.assert_allclose(found.ravel(), std, rtol=1e-9)


def test_the_axes_can_be_swapped() -> None:
    limit = make_limit(2)
    std = uncertainty(limit, "full", (1, 0), limit.axes[::-1])
    assert std is not None
    np.testing.assert_allclose(std.T.ravel(), limit.uncertainty("full"), rtol=1e-9)


def test_the_uncertainty_is_that_at_the_profiled_point() -> None:
    # q is smallest where the other parameters are half the first
    limit = make_limit(3)
    std = uncertainty(limit, "full", (0,), (FINE,))
    assert std is not None
    expected = np.hypot(0.3 + 0.1 * FINE**2, 0.2 + 0.1 * (0.5 * FINE) ** 2)
    np.testing.assert_allclose(std, expected, rtol=2e-3)
    np.testing.assert_allclose(projection(limit, "full", (0,), (FINE,)), FINE**2, atol=1e-9)


def test_points_without_an_uncertainty_take_the_nearest_one() -> None:
    limit = make_limit(1)
    error = np.full(9, 0.3)
    error[[0, 5]] = np.nan
    gaps = replace(limit, q_full_mc_std=error, q_full_std=None)
    np.testing.assert_allclose(uncertainty(gaps, "full", (0,), (FINE,)), 0.3)


def test_what_is_not_known_is_none() -> None:
    limit = make_limit(2)
    assert uncertainty(limit, "kinematics", (0,), (FINE,)) is None
    spread_only = replace(limit, q_full_mc_std=None)
    assert uncertainty(spread_only, "full", (0,), (FINE,), members=False) is None
    assert uncertainty(replace(spread_only, q_full_std=np.zeros(99)), "full", (0,), (FINE,)) is None


def test_pulls_count_standard_deviations() -> None:
    q, std = np.array([1.0, 2.0, 3.0, 3.0]), np.array([1.0, 0.5, 0.5, 0.0])
    np.testing.assert_allclose(pull(q, std, 2.0)[:3], [-1.0, 0.0, 2.0])
    assert pull(q, std, 2.0)[3] > 1e6
