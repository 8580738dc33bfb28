import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from madminer_workflow import storage
from madminer_workflow.statistics import Limit, Scan, combine, grid, rate_limit
from madminer_workflow.statistics.teststatistic import rate_term


def make_scan(resolutions: tuple[int, ...] = (9, 6)) -> Scan:
    """A scan whose cross section depends on the first parameter only."""
    region = [(-1.0, 3.0), (-4.0, 2.0), (0.0, 1.0)][: len(resolutions)]
    axes = grid.axes(region, resolutions)
    thetas = grid.points(axes)
    return Scan(
        parameters=("a", "b", "c")[: len(resolutions)],
        axes=axes,
        theta_true=np.zeros(len(resolutions)),
        luminosity_ipb=1e3,
        n_observed=50.0,
        n_predicted=50.0 * (1.0 + 0.3 * thetas[:, 0]) ** 2 + 10.0,
    )


@st.composite
def likelihoods(draw: st.DrawFn) -> tuple[Scan, Any]:
    n = draw(st.integers(1, 3))
    scan = make_scan(tuple(draw(st.integers(2, 7)) for _ in range(n)))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    scale = draw(st.floats(0.0, 1e3))
    return scan, scale * rng.normal(size=len(scan.n_predicted))


@settings(deadline=None, max_examples=40)
@given(likelihoods())
def test_q_is_never_negative_and_constants_drop_out(problem: Any) -> None:
    scan, log_likelihood = problem
    limit = combine(scan, "any", log_likelihood)
    assert (limit.q_full >= 0.0).all()
    assert (limit.q_kinematics >= 0.0).all()
    shifted = combine(scan, "any", log_likelihood + 7.0)
    np.testing.assert_allclose(shifted.q_full, limit.q_full, atol=1e-5 * (1 + limit.q_full.max()))
    q = -2.0 * log_likelihood + scan.rate_term
    np.testing.assert_allclose(np.diff(limit.q_full), np.diff(q), atol=1e-9 * (1.0 + np.ptp(q)))


def test_full_is_kinematics_plus_rate_with_as_many_degrees_of_freedom_as_parameters() -> None:
    scan = make_scan()
    a, b = grid.points(scan.axes).T
    limit = combine(scan, "alices", -0.5 * (b - 0.77) ** 2 - 0.1 * a, np.zeros(len(a)))
    rate = rate_term(50.0, scan.n_predicted)
    expected = (b - 0.77) ** 2 + 0.2 * a + rate
    np.testing.assert_allclose(limit.q_full - limit.q_full[0], expected - expected[0], atol=1e-9)
    np.testing.assert_allclose(limit.p_full, chi2.sf(limit.q_full, 2), rtol=1e-9)
    np.testing.assert_allclose(limit.p_kinematics, chi2.sf(limit.q_kinematics, 2), rtol=1e-9)
    np.testing.assert_allclose(limit.best_fit_kinematics, [-1.0, 0.77], atol=1e-5)
    assert limit.minimum("kinematics").at_border
    assert not limit.minimum("full").at_border
    assert limit.q_kinematics_raw is not None
    assert (limit.q_kinematics_raw == 0.0).all()
    assert limit.q_full_raw is not None
    np.testing.assert_allclose(np.diff(limit.q_full_raw), np.diff(rate), atol=1e-9)


def test_the_best_fit_lies_between_grid_points_and_a_finer_grid_gives_the_same_q() -> None:
    def limit(resolutions: tuple[int, ...]) -> Limit:
        scan = make_scan(resolutions)
        a, b = grid.points(scan.axes).T
        kinematics = -3.0 * (a - 0.123) ** 2 - 2.0 * (b + 0.456) ** 2 - (a - 0.123) * (b + 0.456)
        return combine(scan, "any", kinematics)

    coarse, fine = limit((9, 7)), limit((17, 13))
    np.testing.assert_allclose(coarse.best_fit_kinematics, [0.123, -0.456], atol=1e-5)
    same = fine.on_grid("kinematics")[::2, ::2]
    np.testing.assert_allclose(coarse.on_grid("kinematics"), same, atol=1e-8)
    np.testing.assert_allclose(coarse.on_grid("full"), fine.on_grid("full")[::2, ::2], atol=0.02)
    np.testing.assert_allclose(coarse.best_fit_full, fine.best_fit_full, atol=0.02)


def test_the_rate_alone_says_nothing_about_kinematics() -> None:
    limit = rate_limit(make_scan())
    assert limit.name == "rate"
    assert (limit.q_kinematics == 0.0).all()
    assert (limit.p_kinematics == 1.0).all()
    assert np.isnan(limit.best_fit_kinematics).all()
    on_grid = limit.on_grid("full")
    assert on_grid.shape == (9, 6)
    assert np.ptp(on_grid, axis=1).max() < 1e-12  # only the first parameter matters
    assert np.ptp(on_grid, axis=0).min() > 1.0


def test_points_without_events_are_excluded_and_named(caplog: pytest.LogCaptureFixture) -> None:
    scan = make_scan()
    n_predicted = scan.n_predicted.copy()
    n_predicted[:3] = [0.0, -2.0, -5.0]
    with caplog.at_level(logging.WARNING):
        limit = rate_limit(replace(scan, n_predicted=n_predicted))
    assert (limit.p_full[:3] == 0.0).all()
    assert np.isfinite(limit.q_full[3:]).all()
    assert "at 3 of 54 parameter points" in caplog.text


def test_points_without_a_likelihood_stay_unknown() -> None:
    log_likelihood = np.zeros(54)
    log_likelihood[5] = np.nan
    limit = combine(make_scan(), "any", log_likelihood)
    assert np.flatnonzero(np.isnan(limit.p_kinematics)).tolist() == [5]


@pytest.mark.parametrize("raw", [True, False])
def test_a_limit_survives_its_file(tmp_path: Any, raw: bool) -> None:
    log_likelihood = np.random.default_rng(1).normal(size=54)
    limit = combine(make_scan(), "sally", log_likelihood, log_likelihood if raw else None)
    storage.write_npz(tmp_path / "sally.npz", **limit.arrays())
    arrays = storage.read_npz(tmp_path / "sally.npz")
    assert {"theta_grid", "parameters", "q_full", "p_kinematics"} <= set(arrays)
    again = Limit.from_arrays(arrays)
    assert (again.name, again.parameters, again.luminosity_ipb) == ("sally", ("a", "b"), 1e3)
    for one, other in zip(again.axes, limit.axes, strict=True):
        np.testing.assert_array_equal(one, other)
    for name, array in limit.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
    assert (again.q_full_raw is None) is not raw


def test_corrected_limits_and_replicas_survive_their_file(tmp_path: Any) -> None:
    rng = np.random.default_rng(1)
    plain, raw, corrected = rng.normal(size=(3, 54))
    replicas, replicas_corrected = rng.normal(size=(2, 4, 54))
    limit = combine(make_scan(), "alices", plain, raw, corrected, replicas, replicas_corrected)
    storage.write_npz(tmp_path / "alices.npz", **limit.arrays())
    again = Limit.from_arrays(storage.read_npz(tmp_path / "alices.npz"))
    assert again.arrays().keys() == limit.arrays().keys() > {"replicas_kinematics_corrected"}
    for name, array in limit.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


def test_each_replica_is_relative_to_its_smallest_value() -> None:
    scan, replicas = make_scan(), np.random.default_rng(1).normal(size=(4, 54))
    limit = combine(scan, "alices", np.zeros(54), None, None, replicas, 2.0 * replicas)
    q = scan.rate_term - 2.0 * replicas
    assert limit.replicas_full is not None
    assert limit.replicas_kinematics_corrected is not None
    np.testing.assert_allclose(limit.replicas_full, q - q.min(axis=1, keepdims=True))
    np.testing.assert_allclose(
        limit.replicas_kinematics_corrected, 4.0 * (replicas.max(axis=1)[:, None] - replicas)
    )
