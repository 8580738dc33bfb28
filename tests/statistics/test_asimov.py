import logging
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madminer_workflow.statistics import AsimovSums, KinematicLikelihood


def gaussian_events(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log ratios of unit Gaussians with means -0.2, 0 (reference) and 0.3; true mean 0.3."""
    x = np.random.default_rng(seed).normal(size=n)
    means = np.array([-0.2, 0.0, 0.3])
    log_ratio = x[:, None] * means - means**2 / 2.0
    return log_ratio, np.exp(log_ratio[:, 2]), np.ones(n)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 400), max_size=4))
def test_blocks_of_any_size_give_the_same_sums(cuts: list[int]) -> None:
    log_ratio, true, ref = gaussian_events(400)
    sums = AsimovSums(3)
    edges = [0, *sorted(cuts), 400]
    for a, b in pairwise(edges):
        sums.add(log_ratio[a:b], true[a:b], ref[a:b])
    result = sums.result(50.0)
    raw = 50.0 * (true @ log_ratio) / true.sum()
    np.testing.assert_allclose(result.raw, raw, rtol=1e-12)
    norm = np.log(np.exp(log_ratio).mean(axis=0))
    np.testing.assert_allclose(result.log_normalisation, norm, atol=1e-12)
    np.testing.assert_allclose(result.normalised, raw - 50.0 * norm, rtol=1e-10)
    assert result.n_events == 400
    assert result.lost.tolist() == [0.0, 0.0, 0.0]


def test_the_true_ratio_needs_no_normalisation_and_peaks_at_the_truth() -> None:
    sums = AsimovSums(3)
    sums.add(*gaussian_events(200_000))
    result = sums.result(1.0)
    np.testing.assert_allclose(result.log_normalisation, 0.0, atol=0.003)
    # E[log r(x|m)] under mean 0.3 is 0.3 m - m^2 / 2
    np.testing.assert_allclose(result.normalised, [-0.08, 0.0, 0.045], atol=0.003)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-500.0, 500.0), min_size=3, max_size=3))
def test_an_offset_of_the_estimator_drops_out(offset: list[float]) -> None:
    log_ratio, true, ref = gaussian_events(100)
    plain, shifted = AsimovSums(3), AsimovSums(3)
    plain.add(log_ratio, true, ref)
    shifted.add(log_ratio + offset, true, ref)
    a, b = plain.result(10.0), shifted.result(10.0)
    np.testing.assert_allclose(a.normalised, b.normalised, atol=1e-9)
    np.testing.assert_allclose(b.raw - a.raw, 10.0 * np.array(offset), atol=1e-9)


def test_ratios_beyond_the_range_of_floats_do_not_overflow() -> None:
    sums = AsimovSums(1)
    for value in (-2000.0, 3000.0, 1000.0):
        sums.add(np.full((2, 1), value), np.ones(2), np.ones(2))
    assert sums.result(1.0).log_normalisation[0] == pytest.approx(3000.0 - np.log(3.0))


def test_a_lost_event_is_counted_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    log_ratio, true, ref = gaussian_events(1000)
    log_ratio[7, 1] = np.nan
    sums = AsimovSums(3)
    sums.add(log_ratio, true, ref)
    with caplog.at_level(logging.WARNING):
        result = sums.result(1.0)
    assert result.n_lost.tolist() == [0, 1, 0]
    assert result.lost[1] == pytest.approx(true[7] / true.sum())
    kept = np.arange(1000) != 7
    assert result.raw[1] == pytest.approx(np.average(log_ratio[kept, 1], weights=true[kept]))
    assert "1 events left out at 1 parameter points, and 0 points" in caplog.text


def test_a_point_that_the_estimator_does_not_know_has_no_likelihood(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_ratio, true, ref = gaussian_events(100)
    log_ratio[:20, 2] = -np.inf
    log_ratio[:, 0] = np.nan
    sums = AsimovSums(3)
    sums.add(log_ratio, true, ref)
    result = sums.result(1.0)
    assert np.isnan(result.normalised).tolist() == [True, False, True]
    assert "2 points without a likelihood" in caplog.text


def test_events_without_weight_are_refused() -> None:
    with pytest.raises(ValueError, match="no weight"):
        AsimovSums(2).result(1.0)


MEANS = np.array([-0.4, -0.2, 0.1, 0.3, 0.5])
TRUE = 3
N_EXPECTED = 100.0


def corrected_sums(
    n: int, seed: int = 1, size: float = 0.0, n_replicas: int = 0
) -> KinematicLikelihood:
    """Sums over unit Gaussians of mean zero; log r is off by `size` times a function of x."""
    x = np.random.default_rng(seed).normal(size=n)
    exact = x[:, None] * MEANS - MEANS**2 / 2.0
    wrong = exact + size * np.sin(2.0 * x)[:, None] * (MEANS + MEANS**2)
    weights = np.exp(exact)
    sums = AsimovSums(len(MEANS), n_replicas)
    for some in np.array_split(np.arange(n), 7):
        true = wrong[some, TRUE], weights[some]
        sums.add(wrong[some], weights[some, TRUE], np.ones(len(some)), *true)
    return sums.result(N_EXPECTED)


def relative(log_likelihood: np.ndarray) -> np.ndarray:
    """Relative to the true point, as a test statistic is, (…, theta)."""
    return np.asarray(-2.0 * (log_likelihood - log_likelihood[..., [TRUE]]))


def test_without_weights_at_all_points_there_is_no_correction() -> None:
    sums = AsimovSums(3, 2)
    sums.add(*gaussian_events(100))
    result = sums.result(1.0)
    assert result.corrected is None
    assert result.corrected_replicas is None
    assert result.normalised_replicas.shape == (2, 3)


def test_the_exact_ratio_needs_no_correction() -> None:
    result = corrected_sums(20_000, n_replicas=200)
    assert result.corrected is not None
    assert result.corrected_replicas is not None
    change = relative(result.corrected) - relative(result.normalised)
    replicas = relative(result.corrected_replicas) - relative(result.normalised_replicas)
    spread = replicas.std(axis=0)
    assert (np.abs(change) <= 4.0 * spread).all()
    truth = N_EXPECTED * (MEANS - MEANS[TRUE]) ** 2
    spread = relative(result.corrected_replicas).std(axis=0)
    assert (np.abs(relative(result.corrected) - truth) <= 4.0 * spread).all()


def test_the_correction_removes_the_first_order_of_an_error() -> None:
    n, sizes = 100_000, (0.02, 0.01, 0.005)
    exact = corrected_sums(n)
    plain, corrected = [], []
    for size in sizes:
        result = corrected_sums(n, size=size)
        assert result.corrected is not None
        assert exact.corrected is not None
        plain.append(np.abs(relative(result.normalised) - relative(exact.normalised)))
        corrected.append(np.abs(relative(result.corrected) - relative(exact.corrected)))
    others = np.arange(len(MEANS)) != TRUE
    first, second = (np.array(errors)[:, others] for errors in (plain, corrected))
    assert (second[-1] < 0.2 * first[-1]).all()
    # twice the error of log r: twice that of q without the correction, four times with it
    np.testing.assert_allclose(np.log2(first[:-1] / first[1:]), 1.0, atol=0.2)
    np.testing.assert_allclose(np.log2(second[:-1] / second[1:]), 2.0, atol=0.2)


def test_an_offset_drops_out_of_the_correction() -> None:
    x = np.random.default_rng(1).normal(size=100)
    exact = x[:, None] * MEANS - MEANS**2 / 2.0
    weights, ref = np.exp(exact), np.ones(100)
    corrected = []
    for offset in (0.0, 3.0):
        sums = AsimovSums(len(MEANS))
        shifted = exact + offset * np.arange(len(MEANS))
        sums.add(shifted, weights[:, TRUE], ref, shifted[:, TRUE], weights)
        corrected.append(sums.result(N_EXPECTED).corrected)
    np.testing.assert_allclose(corrected[0], corrected[1], atol=1e-9)


def test_replicas_spread_as_independent_events_do() -> None:
    independent = [corrected_sums(1000, seed) for seed in range(300)]
    result = corrected_sums(1000, seed=1000, n_replicas=300)
    others = np.arange(len(MEANS)) != TRUE
    for name in ("normalised", "corrected"):
        expected = relative(np.array([vars(one)[name] for one in independent])).std(axis=0)
        spread = relative(vars(result)[f"{name}_replicas"]).std(axis=0)
        # 300 values have a spread that is known to 4 %, to which the events themselves add
        np.testing.assert_allclose(spread[others], expected[others], rtol=0.2)


def test_replicas_depend_on_their_seed_alone() -> None:
    def replicas(seed: int) -> np.ndarray:
        sums = AsimovSums(3, 5, seed)
        sums.add(*gaussian_events(50))
        return sums.result(1.0).normalised_replicas

    np.testing.assert_array_equal(replicas(1), replicas(1))
    assert (replicas(1) != replicas(2)).any()
