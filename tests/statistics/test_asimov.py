import logging
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madminer_workflow.statistics import AsimovSums, Expectation, KinematicLikelihood
from madminer_workflow.statistics.asimov import N_REPLICAS


def gaussian_events(
    n: int, seed: int = 1, means: tuple[float, ...] = (-0.2, 0.0, 0.3, 0.3)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact log ratios of unit Gaussians to that of mean zero, weights, reference weights.

    The means are those of the parameter points, the last of them are true ones.
    """
    x = np.random.default_rng(seed).normal(size=n)
    log_ratio = x[:, None] * means - np.square(means) / 2.0
    return log_ratio, np.exp(log_ratio), np.ones(n)


def expectation(
    events: tuple[np.ndarray, ...], n_expected: tuple[float, ...] = (50.0,), seed: int = 1
) -> Expectation:
    """What the sums over all events say."""
    sums = AsimovSums(events[0].shape[1], len(n_expected))
    sums.add(*events)
    return sums.result(n_expected, seed)


def arrays(likelihood: KinematicLikelihood) -> dict[str, np.ndarray]:
    """All arrays of a likelihood that has them all."""
    return {name: array for name, array in vars(likelihood).items() if name != "n_events"}


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 400), max_size=4))
def test_blocks_of_any_size_give_the_same_sums(cuts: list[int]) -> None:
    log_ratio, weights, ref = gaussian_events(400)
    sums = AsimovSums(4)
    for a, b in pairwise([0, *sorted(cuts), 400]):
        sums.add(log_ratio[a:b], weights[a:b], ref[a:b])
    result = sums.result([50.0], 1)
    (likelihood,), grid, true = result.expected, log_ratio[:, :3], weights[:, 3]
    raw = 50.0 * (true @ grid) / true.sum()
    np.testing.assert_allclose(likelihood.raw, raw, rtol=1e-12)
    norm = np.log(np.exp(grid).mean(axis=0))
    np.testing.assert_allclose(result.log_normalisation, norm, atol=1e-12)
    np.testing.assert_allclose(likelihood.plug_in, raw - 50.0 * norm, rtol=1e-10)
    assert likelihood.n_events == 50.0
    assert result.lost.tolist() == [0.0, 0.0, 0.0]
    whole = arrays(expectation((log_ratio, weights, ref)).expected[0])
    for name, array in arrays(likelihood).items():
        np.testing.assert_allclose(array, whole[name], rtol=1e-10, atol=1e-10)


def test_sums_over_different_events_merge_into_those_over_all() -> None:
    log_ratio, weights, ref = gaussian_events(640)
    first, second = AsimovSums(4), AsimovSums(4)
    first.add(log_ratio[:320], weights[:320], ref[:320])
    second.add(log_ratio[320:], weights[320:], ref[320:])
    again = AsimovSums.of_arrays(first.arrays())
    again.merge(second)
    merged, whole = again.result([50.0], 1), expectation((log_ratio, weights, ref))
    for name, array in arrays(merged.expected[0]).items():
        np.testing.assert_allclose(array, arrays(whole.expected[0])[name], rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="shape"):
        again.merge(AsimovSums(5))
    with pytest.raises(ValueError, match="shape"):
        AsimovSums.of_arrays({**first.arrays(), "weight": np.zeros((3, 4))})


def test_the_true_ratio_needs_no_normalisation_and_peaks_at_the_truth() -> None:
    result = expectation(gaussian_events(200_000), (1.0,))
    np.testing.assert_allclose(result.log_normalisation, 0.0, atol=0.003)
    # E[log r(x|m)] under mean 0.3 is 0.3 m - m^2 / 2
    truth = [-0.08, 0.0, 0.045]
    np.testing.assert_allclose(result.expected[0].plug_in, truth, atol=0.003)


def test_each_true_point_has_the_likelihood_that_it_has_alone() -> None:
    grid, true, n_expected = (-0.2, 0.0, 0.3), (0.3, -0.2, 0.1), (50.0, 7.0, 900.0)
    together = expectation(gaussian_events(1000, means=grid + true), n_expected)
    for number, (mean, n) in enumerate(zip(true, n_expected, strict=True)):
        alone = expectation(gaussian_events(1000, means=(*grid, mean)), (n,))
        assert together.expected[number].n_events == n
        for name, array in arrays(together.expected[number]).items():
            desired = arrays(alone.expected[0])[name]
            np.testing.assert_allclose(array, desired, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-300.0, 300.0), min_size=4, max_size=4))
def test_an_offset_of_the_estimator_drops_out(offset: list[float]) -> None:
    log_ratio, weights, ref = gaussian_events(100)
    plain = expectation((log_ratio, weights, ref))
    shifted = expectation((log_ratio + offset, weights, ref))
    a, b = arrays(plain.expected[0]), arrays(shifted.expected[0])
    for name in a.keys() - {"raw"}:
        np.testing.assert_allclose(b[name], a[name], atol=1e-9)
    np.testing.assert_allclose(b["raw"] - a["raw"], 50.0 * np.array(offset[:3]), atol=1e-9)


def test_ratios_beyond_the_range_of_floats_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    log_ratio, weights, ref = gaussian_events(1000)
    log_ratio[0, 0], log_ratio[1, 0], log_ratio[:, 1] = 3000.0, -2000.0, 1000.0
    result = expectation((log_ratio, weights, ref))
    kept = slice(2, None)
    norm = np.log(np.exp(log_ratio[kept, 0]).mean())
    assert result.log_normalisation[0] == pytest.approx(norm)
    assert result.n_lost.tolist() == [2, 1000, 0]
    assert np.isnan(result.expected[0].plug_in).tolist() == [False, True, False]
    assert "up to 1000 events left out at 2 parameter points, and 1 points" in caplog.text


@pytest.mark.parametrize("size", [600.0, -600.0])
def test_ratios_whose_quotient_is_beyond_it_have_no_correction(size: float) -> None:
    log_ratio, weights, ref = gaussian_events(1000)
    log_ratio[:, 0] += size
    log_ratio[:, 3] -= size
    (likelihood,) = expectation((log_ratio, weights, ref)).expected
    assert likelihood.corrected is not None
    assert np.isfinite(likelihood.plug_in).all()
    assert np.isfinite(likelihood.corrected).tolist() == [False, True, True]


def test_a_lost_event_is_counted_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    log_ratio, weights, ref = gaussian_events(1000)
    log_ratio[7, 1] = np.nan
    with caplog.at_level(logging.WARNING):
        result = expectation((log_ratio, weights, ref), (1.0,))
    true, kept = weights[:, 3], np.arange(1000) != 7
    assert result.n_lost.tolist() == [0, 1, 0]
    assert result.lost[1] == pytest.approx(true[7] / true.sum())
    raw = result.expected[0].raw
    assert raw is not None
    assert raw[1] == pytest.approx(np.average(log_ratio[kept, 1], weights=true[kept]))
    assert result.log_normalisation[1] == pytest.approx(np.log(np.exp(log_ratio[kept, 1]).mean()))
    assert "1 events left out at 1 parameter points, and 0 points" in caplog.text


def test_a_point_that_the_estimator_does_not_know_has_no_likelihood(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_ratio, weights, ref = gaussian_events(100)
    log_ratio[:20, 2] = -np.inf
    log_ratio[:, 0] = np.nan
    result = expectation((log_ratio, weights, ref))
    for array in arrays(result.expected[0]).values():
        unknown = np.isnan(np.atleast_2d(array)).tolist()
        assert unknown == [[True, False, True]] * len(unknown)
    assert "2 points without a likelihood" in caplog.text


@pytest.mark.parametrize("empty", [0, 1])
def test_events_without_weight_at_a_true_point_are_refused(empty: int) -> None:
    log_ratio, weights, ref = gaussian_events(10)
    weights[:, 2 + empty] = 0.0
    with pytest.raises(ValueError, match="no weight"):
        expectation((log_ratio, weights, ref), (1.0, 1.0))
    with pytest.raises(ValueError, match="no weight"):
        AsimovSums(2).result([1.0], 1)


def test_observed_events_are_normalised_with_the_simulated_ones() -> None:
    log_ratio, weights, ref = gaussian_events(1000)
    offset = np.array([3.0, -1.0, 0.5, 0.0])
    total = np.array([-4.0, 2.0, 1.0])
    likelihoods = [
        expectation((log_ratio + shift, weights, ref)).observed(total + 20 * shift[:3], 20)
        for shift in (np.zeros(4), offset)
    ]
    norm = np.log(np.exp(log_ratio[:, :3]).mean(axis=0))
    for likelihood, shift in zip(likelihoods, (np.zeros(4), offset), strict=True):
        assert likelihood.n_events == 20
        np.testing.assert_allclose(likelihood.plug_in, total - 20 * norm, atol=1e-9)
        np.testing.assert_allclose(likelihood.raw, total + 20 * shift[:3])
        assert likelihood.corrected is None
        assert likelihood.replicas_corrected is None
        assert likelihood.replicas_plug_in is not None
        assert likelihood.replicas_plug_in.shape == (N_REPLICAS, 3)
        mean, spread = likelihood.replicas_plug_in.mean(axis=0), likelihood.replicas_plug_in.std(
            axis=0
        )
        assert (np.abs(mean - likelihood.plug_in) <= spread).all()


MEANS = np.array([-0.4, -0.2, 0.1, 0.3, 0.5])
TRUE = 3
N_EXPECTED = 100.0


def corrected_sums(n: int, seed: int = 1, size: float = 0.0) -> dict[str, np.ndarray]:
    """Sums over unit Gaussians of mean zero; log r is off by `size` times a function of x."""
    x = np.random.default_rng(seed).normal(size=n)
    means = np.append(MEANS, MEANS[TRUE])
    exact = x[:, None] * means - means**2 / 2.0
    wrong = exact + size * np.sin(2.0 * x)[:, None] * (means + means**2)
    sums = AsimovSums(len(means))
    for some in np.array_split(np.arange(n), 7):
        sums.add(wrong[some], np.exp(exact[some]), np.ones(len(some)))
    return arrays(sums.result([N_EXPECTED], seed).expected[0])


def relative(log_likelihood: np.ndarray) -> np.ndarray:
    """Relative to the true point, as a test statistic is, (…, theta)."""
    return np.asarray(-2.0 * (log_likelihood - log_likelihood[..., [TRUE]]))


def test_the_exact_ratio_needs_no_correction() -> None:
    result = corrected_sums(20_000)
    change = relative(result["corrected"]) - relative(result["plug_in"])
    spread = (relative(result["replicas_corrected"]) - relative(result["replicas_plug_in"])).std(
        axis=0
    )
    assert (np.abs(change) <= 4.0 * spread).all()
    truth = N_EXPECTED * (MEANS - MEANS[TRUE]) ** 2
    spread = relative(result["replicas_corrected"]).std(axis=0)
    assert (np.abs(relative(result["corrected"]) - truth) <= 4.0 * spread).all()


def test_the_correction_removes_the_first_order_of_an_error() -> None:
    n, sizes = 100_000, (0.02, 0.01, 0.005)
    exact = corrected_sums(n)
    plain, corrected = [], []
    for size in sizes:
        result = corrected_sums(n, size=size)
        for errors, name in ((plain, "plug_in"), (corrected, "corrected")):
            errors.append(np.abs(relative(result[name]) - relative(exact[name])))
    others = np.arange(len(MEANS)) != TRUE
    first, second = (np.array(errors)[:, others] for errors in (plain, corrected))
    assert (second[-1] < 0.2 * first[-1]).all()
    # twice the error of log r: twice that of q without the correction, four times with it
    np.testing.assert_allclose(np.log2(first[:-1] / first[1:]), 1.0, atol=0.2)
    np.testing.assert_allclose(np.log2(second[:-1] / second[1:]), 2.0, atol=0.2)


def test_replicas_spread_as_independent_events_do() -> None:
    independent = [corrected_sums(1000, seed) for seed in range(300)]
    resampled = independent[:30]
    others = np.arange(len(MEANS)) != TRUE
    for suffix, name in (("_plug_in", "plug_in"), ("_corrected", "corrected")):
        expected = relative(np.array([one[name] for one in independent])).std(axis=0)
        replicas = relative(np.array([one[f"replicas{suffix}"] for one in resampled]))
        spread = np.sqrt(replicas.var(axis=1).mean(axis=0))
        # 300 values have a spread that is known to 4 %, 30 times 64 to 2 %
        np.testing.assert_allclose(spread[others], expected[others], rtol=0.12)


def test_replicas_follow_what_they_are_replicas_of() -> None:
    result = corrected_sums(2000)
    for suffix, name in (("_plug_in", "plug_in"), ("_corrected", "corrected")):
        replicas = result[f"replicas{suffix}"]
        assert replicas.shape == (N_REPLICAS, len(MEANS))
        error = replicas.std(axis=0) / np.sqrt(N_REPLICAS)
        assert (np.abs(replicas.mean(axis=0) - result[name]) < 4.0 * error).all()


def test_each_half_of_the_events_gives_the_likelihood_that_it_gives_alone() -> None:
    events = gaussian_events(1000)
    halves = arrays(expectation(events).expected[0])["halves"]
    for first, half in zip((1, 0), halves, strict=True):
        log_ratio, weights, ref = (array[first::2] for array in events)
        alone = expectation((log_ratio, weights, ref)).expected[0].corrected
        np.testing.assert_allclose(half, alone, atol=1e-9)


def test_replicas_depend_on_their_seed_alone() -> None:
    def replicas(seed: int) -> np.ndarray:
        return arrays(expectation(gaussian_events(50), seed=seed).expected[0])["replicas_plug_in"]

    np.testing.assert_array_equal(replicas(1), replicas(1))
    assert (replicas(1) != replicas(2)).any()


def test_fewer_events_than_groups_are_enough() -> None:
    (likelihood,) = expectation(gaussian_events(5)).expected
    assert np.isfinite([likelihood.plug_in, likelihood.corrected]).all()
