import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madminer_workflow.statistics import KinematicLikelihood, Limit, Scan, combine, grid
from madminer_workflow.statistics.diagnostics import (
    Curves,
    bias_test,
    contour_points,
    effective_samples,
    normalisation,
    smallest_effective_samples,
    stability,
)

AXES = tuple(np.linspace(-1.0, 1.0, 41) for _ in range(2))
THETAS = grid.points(AXES)
Q = 15.0 * (THETAS**2).sum(axis=1)
LEVEL = 5.991
N = 100.0


def make_curves(**values: np.ndarray) -> Curves:
    return Curves(axes=AXES, n_expected=N, q=Q, effective_samples=1000.0 + Q, **values)


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


def test_smallest_effective_samples_where_it_matters() -> None:
    assert smallest_effective_samples(make_curves()) == 1000.0


def test_normalisation_in_units_of_q() -> None:
    offset = np.where(Q < 12.0, 0.01, -0.05)
    found = normalisation(make_curves(log_normalisation=offset))
    assert found is not None
    assert found.largest == 0.05
    assert found.largest_q == pytest.approx(2.0 * N * 0.01)
    assert normalisation(make_curves()) is None


def test_stability_of_halves() -> None:
    found = stability(make_curves(halves=np.stack([1.1 * Q, 0.9 * Q])))
    assert found is not None
    rms = 0.2 * np.sqrt(np.mean(Q[Q < 12.0] ** 2))
    assert found.rms == pytest.approx(rms)
    assert found.error == pytest.approx(0.5 * rms)
    assert found.largest == pytest.approx(0.2 * Q[Q < 12.0].max())
    assert found.iou == pytest.approx(0.9 / 1.1, abs=0.005)
    assert stability(make_curves()) is None


def test_a_known_error_takes_the_place_of_half_the_difference() -> None:
    curves = make_curves(halves=np.stack([Q, Q]), error=np.full(len(Q), 0.3))
    found = stability(curves)
    assert found is not None
    assert (found.error, found.rms) == (pytest.approx(0.3), 0.0)


def test_bias_test_subtracts_noise() -> None:
    change = 0.3 * np.sign(THETAS[:, 0])
    curves = make_curves(correction=change, correction_error=np.full(len(Q), 0.1))
    found = bias_test(curves)
    assert found is not None
    on_axis = THETAS[Q < 12.0, 0] == 0.0
    rms = 0.3 * np.sqrt(1.0 - on_axis.mean())
    assert found.rms == pytest.approx(rms)
    assert found.noise == pytest.approx(0.1)
    assert found.size == pytest.approx(np.sqrt(rms**2 - 0.01))
    assert found.pull == pytest.approx(3.0)
    assert bias_test(make_curves()) is None


def test_no_finite_correction_gives_no_number() -> None:
    nothing = np.full(len(Q), np.nan)
    found = bias_test(make_curves(correction=nothing, correction_error=nothing))
    assert found is not None
    assert np.isnan([found.rms, found.size, found.pull]).all()


def test_curves_of_a_limit() -> None:
    limit = make_limit(corrected=True)
    curves = Curves.of(limit, "kinematics", N, np.ones(len(Q)))
    np.testing.assert_allclose(curves.q, 1.5 * Q, atol=1e-9)
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
