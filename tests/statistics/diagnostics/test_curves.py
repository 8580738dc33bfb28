import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madminer_workflow.statistics import KinematicLikelihood, Limit, Scan, combine, grid
from madminer_workflow.statistics.diagnostics import Curves, contour_points, effective_samples

AXES = tuple(np.linspace(-1.0, 1.0, 41) for _ in range(2))
THETAS = grid.points(AXES)
Q = 15.0 * (THETAS**2).sum(axis=1)
LEVEL = 5.991
N = 100.0


def make_limit(corrected: bool) -> Limit:
    """A limit whose correction is 0.5 q with replicas that scatter by 0.1 q."""
    scan = Scan(("a", "b"), AXES, np.zeros(2), 1.0, N, np.full(len(Q), N))
    rng = np.random.default_rng(1)
    replicas = -0.5 * Q * (1.0 + 0.1 * rng.normal(size=(50, 1)))
    return combine(
        scan,
        "alices",
        KinematicLikelihood(
            n_events=N,
            plug_in=-0.5 * Q,
            raw=-0.5 * Q,
            corrected=-0.75 * Q if corrected else None,
            replicas_plug_in=np.broadcast_to(-0.5 * Q, replicas.shape) if corrected else None,
            replicas_corrected=replicas if corrected else None,
        ),
    )


def test_points_lie_near_the_contour_and_apart() -> None:
    points = contour_points(Q, AXES, 6)
    q = 15.0 * (points**2).sum(axis=1)
    assert points.shape == (6, 2)
    assert (np.abs(np.log(q / LEVEL)) < np.log(1.5)).all()
    gaps = np.linalg.norm(points[:, None] - points, axis=2)[~np.eye(6, dtype=bool)]
    assert gaps.min() > 0.35
    # they surround the best fit
    assert (points.min(axis=0) < -0.4).all()
    assert (points.max(axis=0) > 0.4).all()


@settings(deadline=None, max_examples=20)
@given(st.floats(1e-3, 1e3), st.integers(1, 3), st.integers(1, 8))
def test_points_are_of_the_grid_and_differ(scale: float, dimension: int, number: int) -> None:
    axes = [np.linspace(-1.0, 2.0, 7)] * dimension
    thetas = grid.points(axes)
    points = contour_points(scale * (thetas**2).sum(axis=1), axes, number)
    assert len(points) == min(number, len(thetas))
    assert len(np.unique(points, axis=0)) == len(points)
    assert np.isin(points, thetas).all()


def test_points_without_a_likelihood_are_not_chosen() -> None:
    axis = np.linspace(-1.0, 1.0, 5)
    q = np.array([np.nan, 4.0, 0.0, np.inf, 100.0])
    assert sorted(contour_points(q, [axis], 6).ravel().tolist()) == [-0.5, 0.0, 1.0]
    assert len(contour_points(np.full(5, np.nan), [axis], 6)) == 0


def test_effective_samples_are_those_of_the_weights() -> None:
    rng = np.random.default_rng(1)
    weights, morphing = rng.exponential(size=(500, 3)), rng.normal(1.0, 0.1, (7, 3))
    at_points = weights @ morphing.T
    expected = at_points.sum(axis=0) ** 2 / (at_points**2).sum(axis=0)
    np.testing.assert_allclose(effective_samples(weights, morphing), expected)
    equal = effective_samples(np.ones((500, 1)), np.ones((1, 1)))
    np.testing.assert_allclose(equal, 500.0)


def test_curves_of_a_limit() -> None:
    limit = make_limit(corrected=True)
    curves = Curves.of(limit, "kinematics", N, np.ones(len(Q)))
    assert limit.correction_share == pytest.approx(0.96, abs=0.02)  # 1 - (0.1 / 0.5)^2
    np.testing.assert_allclose(curves.q, (1.0 + 0.5 * limit.correction_share) * Q, atol=1e-9)
    assert curves.correction is not None
    assert curves.correction_error is not None
    np.testing.assert_allclose(curves.correction, 0.5 * Q, atol=1e-9)
    np.testing.assert_allclose(curves.correction_error, 0.1 * Q, rtol=0.25, atol=1e-9)
    np.testing.assert_allclose(curves.error, curves.correction_error, rtol=0.02, atol=1e-9)
    assert curves.threshold == pytest.approx(LEVEL, abs=1e-3)


def test_curves_of_a_limit_without_correction() -> None:
    curves = Curves.of(make_limit(corrected=False), "full", N, np.ones(len(Q)))
    assert curves.correction is None
    assert curves.error is None
    assert curves.offset is None


def test_points_that_matter() -> None:
    curves = Curves(AXES, N, np.where(THETAS[:, 0] < -0.9, np.nan, Q), np.ones(len(Q)))
    assert curves.matters.sum() == np.count_nonzero(Q < 12.0)
    near = curves.q[curves.near_contour]
    assert (near.min() > LEVEL / 1.5, near.max() < LEVEL * 1.5) == (True, True)
    assert curves.unknown == pytest.approx(2.0 / 41.0)
    coarse = Curves((np.arange(3.0),), N, np.array([0.0, 1.0, 20.0]), np.ones(3))
    assert coarse.near_contour.tolist() == [0, 1]
