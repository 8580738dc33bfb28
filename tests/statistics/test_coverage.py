"""Toys of a Gaussian whose mean is measured: q follows the chi-square distribution exactly."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.coverage import (
    coverage,
    difference,
    neyman,
    q_true,
    share,
    spread,
)
from madminer_workflow.statistics.interpolation import minimum
from madminer_workflow.statistics.teststatistic import P_68, P_95, rate_term
from madminer_workflow.statistics.toys import Toys, ToySums, draw

Floats = NDArray[np.float64]

N_TOYS = 1000


@dataclass(frozen=True)
class Gaussian:
    """Toys of events x ~ N(theta, 1), drawn from weighted events x ~ N(0, 1.5).

    Attributes:
        axes: The grid.
        toys: The toys.
        kinematics: Their log-likelihoods, (true point, toy, theta).
        n_predicted: Predicted numbers of events, (theta,).
    """

    axes: tuple[Floats, ...]
    toys: Toys
    kinematics: Floats
    n_predicted: Floats

    @property
    def q(self) -> dict[str, Floats]:
        return dict(q_true(self.kinematics, self.toys.n_observed, self.n_predicted, self.axes))


def gaussian(dimension: int, slope: float = 0.0, scale: float = 1.0) -> Gaussian:
    """Gives toys at three points; the rate changes with the first parameter as `slope` says.

    The log ratios may be off by a factor.
    """
    true = np.array([[0.0, 0.0], [0.15, -0.1], [-0.1, 0.123]])[:, :dimension]
    axes = grid.axes([(-0.7, 0.7), (-0.8, 0.7)][:dimension], [15, 13][:dimension])
    thetas = np.vstack([grid.points(axes), true])
    x = np.random.default_rng(1).normal(0.0, 1.5, (40_000, dimension))
    log_ratio = x @ thetas.T - (thetas**2).sum(axis=1) / 2.0  # relative to theta = 0
    weights_ref = np.exp(-(x**2).sum(axis=1) * (1 - 1 / 1.5**2) / 2.0)
    n_predicted = 100.0 * (1.0 + slope * thetas[:, 0])
    weights = weights_ref[:, None] * np.exp(log_ratio[:, -len(true) :])
    toys = draw(weights, n_predicted[-len(true) :], N_TOYS, seed=2)
    sums = ToySums(toys, len(thetas))
    for start in range(0, len(x), 9000):
        some = slice(start, min(start + 9000, len(x)))
        sums.add(some, scale * log_ratio[some], weights_ref[some])
    return Gaussian(axes, toys, sums.log_likelihoods(), n_predicted)


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_the_coverage_of_a_gaussian_is_nominal(dimension: int, slope: float) -> None:
    made = gaussian(dimension, slope)
    for which, q in made.q.items():
        assert q.shape == (3, N_TOYS)
        assert (q >= 0.0).all()
        for p_value in (P_68, P_95):
            for at_point in q:
                result = coverage(at_point, p_value, dimension)
                assert result.nominal == pytest.approx(1.0 - p_value)
                deviation = result.coverage.value - result.nominal
                assert abs(deviation) < 3.5 * result.nominal_error, (which, p_value)
                assert result.nominal_error == pytest.approx(result.coverage.error, rel=0.3)
        average = coverage(q.ravel(), P_95, dimension)
        assert abs(average.coverage.value - 0.95) < 3 * average.nominal_error


def test_q_is_that_of_each_toy_alone() -> None:
    made = gaussian(2, slope=0.5)
    n_grid = made.kinematics.shape[2] - 3
    for point, toy in ((0, 0), (1, 17), (2, 999)):
        kinematics = -2.0 * made.kinematics[point, toy]
        n = float(made.toys.n_observed[point, toy])
        full = kinematics + rate_term(n, made.n_predicted)
        for which, values in (("full", full), ("kinematics", kinematics)):
            lowest = minimum(values[:n_grid].reshape(15, 13), made.axes).value
            expected = values[n_grid + point] - lowest
            assert made.q[which][point, toy] == pytest.approx(expected, abs=1e-3)


def test_the_rate_measures() -> None:
    """With the rate the best fit of a toy moves, so q is another random number."""
    q = gaussian(1, slope=0.5).q
    assert 0.3 < np.corrcoef(q["full"][0], q["kinematics"][0])[0, 1] < 0.98


def test_a_ratio_that_is_too_steep_covers_at_the_reference_only() -> None:
    """Twice the log ratio is, once normalised, that of a Gaussian whose mean is twice theta."""
    q = gaussian(1, scale=2.0).q["kinematics"]
    assert coverage(q[0], P_95, 1).coverage.value == pytest.approx(0.95, abs=0.025)
    assert coverage(q[1], P_95, 1).coverage.value < 0.8


def test_neyman_thresholds_of_a_chi_square() -> None:
    q = np.random.default_rng(3).chisquare(2, 20_000)
    for p_value in (P_68, P_95):
        result = neyman(q, p_value)
        true = chi2.isf(p_value, 2)
        assert abs(result.threshold - true) < 3 * result.error
        density = chi2.pdf(true, 2)
        expected = np.sqrt(p_value * (1 - p_value) / len(q)) / density
        assert result.error == pytest.approx(expected, rel=0.15)


def test_the_construction_of_neyman_covers_where_the_chi_square_does_not() -> None:
    rng, pulls = np.random.default_rng(4), []
    for _ in range(300):
        q = 2.0 * rng.chisquare(2, 400)
        result = coverage(q, P_95, 2, construct=True)
        assert result.neyman is not None
        assert result.coverage.value < 0.9
        tested = result.neyman.coverage
        pulls.append((tested.value - 0.95) / tested.error)
    assert abs(np.mean(pulls)) < 0.25
    assert 0.8 < np.std(pulls) < 1.2


def test_few_toys() -> None:
    q = np.array([1.0, 2.0, 3.0])
    result = coverage(q, P_95, 2, construct=True)
    assert result.coverage.value == 1.0
    assert 0.0 < result.coverage.error < 0.5
    assert result.neyman is not None
    assert 2.0 < result.neyman.threshold <= 3.0


def test_errors_of_shares() -> None:
    inside = np.arange(10_000) < 9500
    assert share(inside).value == 0.95
    assert share(inside).error == pytest.approx(np.sqrt(0.95 * 0.05 / 10_000), rel=1e-3)
    assert share([False] * 50).value == 0.0
    assert share([False] * 50).error == share([True] * 50).error > 0.01


def test_the_difference_of_shares_of_the_same_toys() -> None:
    """Toys on which both agree do not count: the scatter is that of the others alone."""
    rng, found = np.random.default_rng(5), []
    for _ in range(500):
        one = rng.random(400) < 0.9
        other = np.where(rng.random(400) < 0.05, rng.random(400) < 0.5, one)
        found.append(difference(one, other))
    values = np.array([made.value for made in found])
    assert values.mean() == pytest.approx(0.05 * (0.9 - 0.5), abs=0.002)
    assert np.mean([made.error for made in found]) == pytest.approx(values.std(), rel=0.15)
    assert found[0].error < share(np.arange(400) < 360).error


def test_points_that_are_far_from_each_other() -> None:
    candidates = grid.points([np.linspace(0, 1, 5), np.linspace(0, 1, 5)])
    points = spread(candidates, [0.1, 0.1], 4)
    np.testing.assert_array_equal(points[:2], [[0.1, 0.1], [1.0, 1.0]])
    assert {*map(tuple, points[2:4].tolist())} == {(0.0, 1.0), (1.0, 0.0)}
    np.testing.assert_array_equal(points[4], [0.5, 0.5])
    np.testing.assert_array_equal(spread(candidates[:1], [0.0, 0.0], 3), [[0.0, 0.0]])
    np.testing.assert_array_equal(spread(candidates[:0], [0.0, 0.0], 3), [[0.0, 0.0]])
