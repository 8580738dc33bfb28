import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.statistics.toys import Toys, ToySums, draw

Floats = NDArray[np.float64]


@pytest.fixture
def weights() -> Floats:
    return np.random.default_rng(1).exponential(1.0, (500, 3))


def dense(toys: Toys) -> Floats:
    """How often each event occurs, (true point, toy, event)."""
    return np.asarray(toys.counts.toarray().T).reshape(toys.n_points, toys.n_toys, -1)


def test_numbers_of_events_are_poisson(weights: Floats) -> None:
    expected, n_toys = np.array([5.0, 40.0, 2000.0]), 4000
    n = draw(weights, expected, n_toys, seed=2).n_observed
    assert n.shape == (3, n_toys)
    np.testing.assert_allclose(n.mean(axis=1), expected, atol=4 * np.sqrt(expected.max() / n_toys))
    np.testing.assert_allclose(n.var(axis=1) / expected, 1.0, atol=4 * np.sqrt(2 / n_toys))
    assert abs(np.corrcoef(n) - np.eye(3)).max() < 4 / np.sqrt(n_toys)


def test_events_are_drawn_in_proportion_to_their_weights(weights: Floats) -> None:
    weights[7] = [0.0, -3.0, 50.0]
    times = dense(draw(weights, [300.0, 300.0, 300.0], 2000, seed=3)).sum(axis=1)
    assert times[0, 7] == times[1, 7] == 0
    expected = 2000 * 300.0 * np.maximum(weights, 0.0) / np.maximum(weights, 0.0).sum(axis=0)
    pulls = (times - expected.T) / np.sqrt(np.maximum(expected.T, 1.0))
    assert 0.9 < pulls.std() < 1.1
    assert abs(pulls).max() < 5.0


def test_toys_are_independent_of_each_other(weights: Floats) -> None:
    """Given their number, the share of some events is binomial in each toy."""
    toys = draw(weights, [1000.0] * 3, 2000, seed=4)
    some = dense(toys)[:, :, :250].sum(axis=2)
    share = weights[:250].sum(axis=0) / weights.sum(axis=0)
    pulls = (some - toys.n_observed * share[:, None]) / np.sqrt(1000 * share * (1 - share))[:, None]
    assert pulls.std(axis=1) == pytest.approx(np.ones(3), abs=0.07)


def test_seeds(weights: Floats) -> None:
    a, b, c = (dense(draw(weights, [50.0] * 3, 10, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_no_weight_at_a_true_point(weights: Floats) -> None:
    weights[:, 1] = -1.0
    with pytest.raises(ValueError, match="no weight at a true point"):
        draw(weights, [1.0, 1.0, 1.0], 10, seed=1)


def accumulate(toys: Toys, log_ratio: Floats, weights_ref: Floats) -> ToySums:
    sums = ToySums(toys, log_ratio.shape[1])
    for block in (slice(0, 1), slice(1, 333), slice(333, 500)):
        sums.add(block, log_ratio[block], weights_ref[block])
    return sums


def test_sums_are_those_over_the_events_of_each_toy(weights: Floats) -> None:
    log_ratio = np.random.default_rng(5).normal(0.0, 1.0, (500, 7))
    toys = draw(weights, [2000.0, 0.5, 30.0], 20, seed=6)
    sums = accumulate(toys, log_ratio, weights[:, 0])
    raw = np.zeros((3, 20, 7))
    for (point, toy, event), times in np.ndenumerate(dense(toys)):
        raw[point, toy] += times * log_ratio[event]
    np.testing.assert_allclose(sums.log_likelihoods(normalised=False), raw, atol=1e-9)
    offset = np.log(np.average(np.exp(log_ratio), axis=0, weights=weights[:, 0]))
    expected = raw - toys.n_observed[:, :, None] * offset
    np.testing.assert_allclose(sums.log_likelihoods(), expected, atol=1e-9)


def test_a_function_of_the_parameters_drops_out(weights: Floats) -> None:
    log_ratio = np.random.default_rng(5).normal(0.0, 1.0, (500, 7))
    toys = draw(weights, [100.0] * 3, 20, seed=6)
    expected = accumulate(toys, log_ratio, weights[:, 0]).log_likelihoods()
    shifted = accumulate(toys, log_ratio + np.arange(7.0), weights[:, 0]).log_likelihoods()
    np.testing.assert_allclose(shifted, expected, atol=1e-9)


def test_log_ratios_that_are_not_finite(weights: Floats) -> None:
    log_ratio = np.random.default_rng(5).normal(0.0, 1.0, (500, 3))
    toys = draw(weights, [100.0] * 3, 20, seed=6)
    expected = accumulate(toys, log_ratio, weights[:, 0]).log_likelihoods()
    log_ratio[0, 1] = np.nan
    log_ratio[:30, 2] = -np.inf
    found = accumulate(toys, log_ratio, weights[:, 0]).log_likelihoods()
    np.testing.assert_array_equal(found[..., 0], expected[..., 0])
    np.testing.assert_allclose(found[..., 1], expected[..., 1], atol=10.0)
    assert np.isnan(found[..., 2]).all()
