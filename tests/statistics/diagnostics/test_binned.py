import numpy as np
import pytest

from madminer_workflow.statistics.diagnostics.binned import (
    bin_index,
    bin_sums,
    binned_tests,
    merged,
    padded,
)


def test_bins_are_quantiles_and_narrow_at_the_ends() -> None:
    values = np.random.default_rng(1).normal(size=100_000)
    index = bin_index(values, np.ones(len(values)))
    content = np.bincount(index) / len(values)
    assert len(content) == 20
    expected = np.diff(0.5 - 0.5 * np.cos(np.pi * np.arange(21) / 20))
    np.testing.assert_allclose(content, expected, atol=0.003)


def test_few_effective_events_get_few_bins() -> None:
    values = np.random.default_rng(1).normal(size=100_000)
    weights = np.where(np.arange(len(values)) < 1000, 1.0, 1e-9)
    assert bin_index(values, weights).max() + 1 == 5


def test_an_observable_with_few_values_has_a_bin_for_each() -> None:
    values = np.random.default_rng(1).integers(3, size=10_000).astype(float)
    index = bin_index(values, np.ones(len(values)))
    assert len(np.unique(index)) == 3
    assert all(len(np.unique(index[values == value])) == 1 for value in range(3))


def test_sums_are_those_of_the_events_in_each_bin() -> None:
    rng = np.random.default_rng(1)
    index, values = rng.integers(4, size=50), rng.normal(size=(50, 3))
    (sums,) = bin_sums(index, [values])
    for number in range(4):
        np.testing.assert_allclose(sums[number], values[index == number].sum(axis=0))


def test_chi2_of_a_multinomial_is_pearsons() -> None:
    """With d = 1/n - p_b for events that are all in bin b the covariance is known."""
    content, probability = np.array([30.0, 50.0, 20.0]), np.array([0.25, 0.5, 0.25])
    n = content.sum()
    difference = content / n - probability
    # p_b / n is what n events with the probability p_b give for the sum of squares in a bin
    test = binned_tests(difference[:, None], probability[:, None] / n, probability[:, None])
    pearson = (n * difference**2 / probability).sum()
    assert test.chi2[0] == pytest.approx(pearson)
    assert test.ndf[0] == 2
    assert test.p_values[0] == pytest.approx(np.exp(-pearson / 2.0))
    assert test.distances[0] == pytest.approx(0.05)
    assert test.size[0] == pytest.approx(max(pearson / n - 3 / n, 0.0))


def test_no_difference_is_no_test() -> None:
    zeros, shares = np.zeros((5, 1)), np.full((5, 1), 0.2)
    test = binned_tests(zeros, zeros, shares)
    assert (test.chi2[0], test.ndf[0], test.p_values[0], test.size[0]) == (0.0, 0, 1.0, 0.0)


def test_tests_and_rows_are_put_together() -> None:
    squares, shares = np.full((4, 2), 0.01), np.full((4, 2), 0.25)
    difference = np.array([[0.1, 0.0], [-0.1, 0.2], [0.0, -0.2], [0.0, 0.0]])
    test = binned_tests(difference, squares, shares)
    assert merged([test, test, test], np.column_stack).chi2.shape == (2, 3)
    assert merged([test, test, test], np.concatenate).p_values.shape == (6,)
    rows = padded([np.ones((2, 3)), np.ones((2, 1))])
    assert rows.shape == (2, 2, 3)
    assert np.isnan(rows[:, 1, 1:]).all()
    assert np.nansum(rows) == 8.0
