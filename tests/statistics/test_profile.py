from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.profile import profile

Floats = NDArray[np.float64]

INFORMATION = np.array([[20.0, 5.0, 2.5], [5.0, 10.0, -1.5], [2.5, -1.5, 25.0]])
BEST = np.array([0.21, 0.33, 0.09])
AXES = grid.axes([(-1.5, 2.5), (-4.0, 3.5), (-1.0, 2.0)], [9, 7, 8])


def quadratic(points: Floats, best: Floats, information: Floats) -> Floats:
    return np.einsum("ni,ij,nj->n", points - best, information, points - best)


@pytest.mark.parametrize("keep", [k for n in (1, 2, 3) for k in permutations(range(3), n)], ids=str)
def test_projections_of_a_paraboloid_in_any_order(keep: tuple[int, ...]) -> None:
    q = quadratic(grid.points(AXES), BEST, INFORMATION)
    covariance = np.linalg.inv(INFORMATION)[np.ix_(keep, keep)]
    kept = [AXES[number] for number in keep]
    expected = quadratic(grid.points(kept), BEST[list(keep)], np.linalg.inv(covariance))
    projection = profile(q, AXES, keep)
    assert projection.shape == grid.shape(kept)
    np.testing.assert_allclose(projection.ravel(), expected, atol=1e-9)


def test_the_coarse_grid_is_not_read_off() -> None:
    q = quadratic(grid.points(AXES), BEST, INFORMATION)
    read_off = q.reshape(9, 7, 8).min(axis=(1, 2))
    assert (read_off - profile(q, AXES, [0])).max() > 3.0


def test_projections_are_never_negative_and_pass_over_gaps() -> None:
    q = quadratic(grid.points(AXES), BEST, INFORMATION).reshape(9, 7, 8)
    q[:, 0, :] = np.inf
    projection = profile(q, AXES, [0, 2])
    assert np.isfinite(projection).all()
    assert (projection >= 0.0).all()
