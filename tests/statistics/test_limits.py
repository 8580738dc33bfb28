import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from madminer_workflow import storage
from madminer_workflow.statistics import KinematicLikelihood, Limit, Scan, combine, grid, rate_limit
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


def likelihood(log_likelihood: Any, **others: Any) -> KinematicLikelihood:
    """The kinematic likelihood of the data of the scan."""
    return KinematicLikelihood(50.0, log_likelihood, **others)


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
    limit = combine(scan, "any", likelihood(log_likelihood))
    assert (limit.q_full >= 0.0).all()
    assert (limit.q_kinematics >= 0.0).all()
    shifted = combine(scan, "any", likelihood(log_likelihood + 7.0))
    np.testing.assert_allclose(shifted.q_full, limit.q_full, atol=1e-5 * (1 + limit.q_full.max()))
    q = -2.0 * log_likelihood + scan.rate_term
    np.testing.assert_allclose(np.diff(limit.q_full), np.diff(q), atol=1e-9 * (1.0 + np.ptp(q)))


def test_full_is_kinematics_plus_rate_with_as_many_degrees_of_freedom_as_parameters() -> None:
    scan = make_scan()
    a, b = grid.points(scan.axes).T
    kinematics = -0.5 * (b - 0.77) ** 2 - 0.1 * a
    limit = combine(scan, "alices", likelihood(kinematics, raw=np.zeros(len(a))))
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
        return combine(scan, "any", likelihood(kinematics))

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
    limit = combine(make_scan(), "any", likelihood(log_likelihood))
    assert np.flatnonzero(np.isnan(limit.p_kinematics)).tolist() == [5]


def test_observed_data_have_no_true_point(tmp_path: Any) -> None:
    scan = replace(make_scan(), theta_true=np.full(2, np.nan))
    storage.write_npz(tmp_path / "exact.npz", **rate_limit(scan).arrays())
    again = Limit.from_arrays(storage.read_npz(tmp_path / "exact.npz"))
    assert np.isnan(again.theta_true).all()


@pytest.mark.parametrize("raw", [True, False])
def test_a_limit_survives_its_file(tmp_path: Any, raw: bool) -> None:
    values = np.random.default_rng(1).normal(size=54)
    limit = combine(make_scan(), "sally", likelihood(values, raw=values if raw else None))
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


def everything(seed: int = 1) -> KinematicLikelihood:
    """A likelihood of which nothing is missing."""
    rng = np.random.default_rng(seed)
    plain, raw, corrected = rng.normal(size=(3, 54))
    replicas, replicas_corrected = rng.normal(size=(2, 4, 54))
    return likelihood(
        plain,
        raw=raw,
        corrected=corrected,
        replicas_plug_in=replicas,
        replicas_corrected=replicas_corrected,
    )


def test_corrected_limits_and_their_errors_survive_their_file(tmp_path: Any) -> None:
    limit = combine(make_scan(), "alices", everything(), [everything(1), everything(2)])
    storage.write_npz(tmp_path / "alices.npz", **limit.arrays())
    again = Limit.from_arrays(storage.read_npz(tmp_path / "alices.npz"))
    wanted = {
        f"q_{which}_{form}"
        for which in ("full", "kinematics")
        for form in ("raw", "plug_in", "corrected", "mc_std", "std")
    }
    assert again.arrays().keys() == limit.arrays().keys() > wanted
    for name, array in limit.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


def test_each_replica_is_relative_to_its_smallest_value() -> None:
    scan, replicas = make_scan(), np.random.default_rng(1).normal(size=(4, 54))
    both = likelihood(
        np.zeros(54),
        corrected=np.zeros(54),
        replicas_plug_in=replicas,
        replicas_corrected=2.0 * replicas,
    )
    limit = combine(scan, "alices", both)
    q = scan.rate_term - 2.0 * replicas
    full = q - q.min(axis=1, keepdims=True)
    np.testing.assert_allclose(limit.replicas["q_full_plug_in"], full)
    kinematics = 2.0 * (replicas.max(axis=1)[:, None] - replicas)
    np.testing.assert_allclose(limit.replicas["q_kinematics_plug_in"], kinematics)
    np.testing.assert_allclose(limit.replicas["q_kinematics_corrected"], 2.0 * kinematics)
    np.testing.assert_allclose(limit.q_kinematics_mc_std, 2.0 * kinematics.std(axis=0))
    plug_in = combine(scan, "alices", likelihood(np.zeros(54), replicas_plug_in=replicas))
    np.testing.assert_allclose(plug_in.q_full_mc_std, full.std(axis=0))
    np.testing.assert_allclose(plug_in.q_kinematics_mc_std, kinematics.std(axis=0))


def test_halves_of_the_events_are_relative_to_their_smallest_values() -> None:
    scan, halves = make_scan(), np.random.default_rng(1).normal(size=(2, 54))
    limit = combine(scan, "sally", likelihood(np.zeros(54), halves=halves))
    q = scan.rate_term - 2.0 * halves
    np.testing.assert_allclose(limit.replicas["q_full_halves"], q - q.min(axis=1, keepdims=True))
    assert limit.q_full_mc_std is None


def test_q_takes_a_share_of_the_correction_where_there_is_one() -> None:
    certain = replace(everything(), replicas_corrected=everything().replicas_plug_in)
    limit = combine(make_scan(), "alices", certain)
    assert limit.correction_share == 1.0
    np.testing.assert_allclose(limit.q_full, limit.q_full_corrected)
    np.testing.assert_allclose(limit.q_kinematics, limit.q_kinematics_corrected)
    assert limit.q_full_plug_in is not None
    observed = replace(everything(), corrected=None, replicas_corrected=None)
    limit = combine(make_scan(), "alices", observed)
    np.testing.assert_array_equal(limit.q_full, limit.q_full_plug_in)
    assert limit.q_full_corrected is limit.correction_share is None
    score = combine(make_scan(), "sally", likelihood(observed.plug_in))
    np.testing.assert_array_equal(score.q_full, limit.q_full)
    assert score.q_full_plug_in is score.q_full_raw is None


def test_members_spread_relative_to_their_own_best_fits() -> None:
    scan = make_scan()
    _, b = grid.points(scan.axes).T
    log_likelihoods = [
        -0.5 * (b - best) ** 2 + offset for best, offset in ((-1.6, 5.0), (0.8, 0.0))
    ]
    members = [likelihood(values) for values in log_likelihoods]
    limit = combine(scan, "alices", likelihood(np.mean(log_likelihoods, axis=0)), members)
    # two values spread by their difference over sqrt(2); the axis has these best fits among it
    difference = (b + 1.6) ** 2 - (b - 0.8) ** 2
    assert limit.q_kinematics_std is not None
    np.testing.assert_allclose(limit.q_kinematics_std, np.abs(difference) / np.sqrt(2), atol=1e-6)
    singles = [combine(scan, "alices", member).q_full for member in members]
    np.testing.assert_allclose(limit.q_full_std, np.std(singles, axis=0, ddof=1))
    assert limit.q_full_mc_std is None


@pytest.mark.parametrize("n_members", [0, 1])
def test_a_single_member_has_no_spread(n_members: int) -> None:
    limit = combine(make_scan(), "alices", everything(), [everything()] * n_members)
    assert limit.q_full_std is limit.q_kinematics_std is None


def test_excluded_points_have_no_errors() -> None:
    scan = make_scan()
    n_predicted = scan.n_predicted.copy()
    n_predicted[3] = 0.0
    scan = replace(scan, n_predicted=n_predicted)
    limit = combine(scan, "alices", everything(), [everything(1), everything(2)])
    assert limit.q_full[3] == np.inf
    for std in (limit.q_full_mc_std, limit.q_full_std):
        assert std is not None
        assert np.flatnonzero(np.isnan(std)).tolist() == [3]


def test_what_is_known_nowhere_stays_unknown() -> None:
    nowhere = likelihood(np.full(54, np.nan))
    half = replace(everything(), corrected=np.full(54, np.nan))
    half = replace(half, replicas_corrected=np.full((4, 54), np.nan))
    limit = combine(make_scan(), "alices", half, [nowhere, everything()])
    unknown = (limit.q_full, limit.q_full_corrected, limit.q_full_mc_std, limit.q_full_std)
    for q in (*unknown, limit.replicas["q_full_corrected"]):
        assert np.isnan(q).all()
    assert np.isfinite([limit.q_full_plug_in, limit.q_full_raw]).all()


def test_uncertainties_add_in_quadrature_as_far_as_they_are_known() -> None:
    limit = combine(make_scan(), "alices", everything(), [everything(1), everything(2)])
    errors, spread = limit.q_full_mc_std, limit.q_full_std
    assert errors is not None
    assert spread is not None
    np.testing.assert_allclose(limit.uncertainty("full"), np.hypot(errors, spread))
    np.testing.assert_array_equal(limit.uncertainty("full", ["mc_std"]), errors)
    for unknown in (None, np.full(54, np.nan)):
        single = replace(limit, q_full_std=unknown)
        np.testing.assert_array_equal(single.uncertainty("full"), errors)
        assert single.uncertainty("full", ["std"]) is None
    assert rate_limit(make_scan()).uncertainty("full") is None
