import logging
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madminer_workflow.statistics import AsimovSums


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
