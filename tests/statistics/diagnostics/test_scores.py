"""A score that is the observable itself, with latent variables that cancel on average."""

import numpy as np
import pytest
from scipy.stats import kstest

from madminer_workflow.statistics.diagnostics import (
    ScoreCalibration,
    ScoreClosure,
    Scores,
    score_calibration,
    score_closure,
)

NAMES = ("x", "y")


def diagnose(
    n: int, seed: int, slope: float = 1.0, lost: float = 0.0
) -> tuple[ScoreCalibration, ScoreClosure]:
    """Joint scores x + y + latent variables; the learned one misses a part of y."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    joint = np.column_stack([x @ [1.0, 1.0], x[:, 0]]) + rng.normal(size=(n, 2))
    learned = np.column_stack([x @ [1.0, 1.0 - lost], x[:, 0]]) / slope
    scores = Scores.of(learned, joint, rng.exponential(size=n))
    return score_calibration(scores), score_closure(NAMES, x, scores)


@pytest.fixture(scope="module")
def toys() -> list[tuple[ScoreCalibration, ScoreClosure]]:
    return [diagnose(4000, seed) for seed in range(200)]


def test_p_values_of_the_true_score_are_uniform(
    toys: list[tuple[ScoreCalibration, ScoreClosure]],
) -> None:
    for parameter in range(2):
        p_values = [found.tests.p_values[parameter] for found, _ in toys]
        assert kstest(p_values, "uniform").pvalue > 0.005
        for observable in range(2):
            p_values = [found.tests.p_values[parameter, observable] for _, found in toys]
            assert kstest(p_values, "uniform").pvalue > 0.005


def test_mean_and_slope_of_the_true_score_have_unit_pulls(
    toys: list[tuple[ScoreCalibration, ScoreClosure]],
) -> None:
    slopes = np.array([(found.slope - 1.0) / found.slope_error for found, _ in toys])
    means = np.array([found.mean / found.mean_error for found, _ in toys])
    for pulls in (slopes, means):
        np.testing.assert_allclose(pulls.mean(axis=0), 0.0, atol=0.25)
        np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=0.2)


def test_a_wrong_slope_is_found() -> None:
    found, _ = diagnose(100_000, 1, slope=1.1)
    np.testing.assert_allclose(found.slope, 1.1, atol=4.0 * found.slope_error.max())
    assert (found.tests.p_values < 1e-10).all()
    filled = np.isfinite(found.learned)
    np.testing.assert_allclose(found.joint[filled], 1.1 * found.learned[filled], atol=0.15)


def test_lost_information_is_found_where_calibration_sees_none() -> None:
    calibration, closure = diagnose(100_000, 1, lost=0.5)
    assert closure.observables == NAMES
    # the score has the variance 2, of which 0.25 is missing, all of it in y
    assert closure.lost[0, 1] == pytest.approx(0.25 / (1.25 + 0.25), abs=0.02)
    assert closure.tests.p_values[0, 1] < 1e-100
    assert closure.lost[1].max() < 0.002
    calibrated, _ = diagnose(100_000, 1)
    assert calibrated.tests.p_values.min() > 1e-3
    assert calibration.tests.p_values[1] > 1e-3


def test_an_offset_is_a_mean_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(10_000, 1))
    joint, weights = x + rng.normal(size=x.shape), np.ones(len(x))
    plain = score_calibration(Scores.of(x, joint, weights))
    shifted = score_calibration(Scores.of(x + 0.5, joint, weights))
    np.testing.assert_allclose(shifted.mean - plain.mean, 0.5)
    np.testing.assert_allclose(shifted.tests.chi2, plain.tests.chi2)
    np.testing.assert_allclose(shifted.learned - plain.learned, 0.5)


def test_events_without_a_score_have_no_weight() -> None:
    learned = np.array([[0.0], [np.nan], [1.0]])
    scores = Scores.of(learned, np.ones((3, 1)), np.ones(3))
    np.testing.assert_allclose(scores.weights, [0.5, 0.0, 0.5])
    np.testing.assert_allclose(scores.mean, 0.5)
