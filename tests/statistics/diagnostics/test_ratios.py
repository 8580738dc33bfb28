"""Events with a Gaussian observable, latent variables, and a ratio that is known exactly."""

import json

import numpy as np
import pytest
from scipy.stats import kstest, norm

from madminer_workflow.statistics.diagnostics import (
    Calibration,
    Closure,
    Reweighting,
    calibration,
    closure,
    possible_change,
)
from madminer_workflow.storage import write_json

SHIFTS = np.array([-0.3, 0.2, 0.5])
NAMES = ("x", "distance", "other")
N_EXPECTED = 1000.0


def events(n: int, seed: int, wrong: float = 0.0) -> tuple[np.ndarray, Reweighting]:
    """Unit Gaussians of mean zero and, at the points, the shifts; log r is off by a wave."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    observables = np.column_stack([x, np.abs(x), rng.exponential(size=n)])
    exact = x[:, None] * SHIFTS - SHIFTS**2 / 2.0
    latent = rng.gamma(4.0, 0.25, n)[:, None]
    weights_ref = rng.exponential(size=n)
    log_ratio = exact + wrong * np.sin(2.0 * x)[:, None]
    weights = weights_ref[:, None] * latent * np.exp(exact)
    return observables, Reweighting.of(log_ratio + 3.0, weights_ref, 7.0 * weights)


def diagnose(n: int, seed: int, wrong: float = 0.0) -> tuple[Closure, Calibration]:
    x, reweighting = events(n, seed, wrong)
    return closure(NAMES, x, reweighting, N_EXPECTED), calibration(reweighting, N_EXPECTED)


@pytest.fixture(scope="module")
def toys() -> list[tuple[Closure, Calibration]]:
    return [diagnose(4000, seed) for seed in range(200)]


def test_weights_are_normalised() -> None:
    _, reweighting = events(1000, 1)
    assert reweighting.reference.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(reweighting.learned.sum(axis=0), 1.0)
    np.testing.assert_allclose(reweighting.true.sum(axis=0), 1.0)
    ratio = np.exp(reweighting.log_ratio)
    np.testing.assert_allclose(reweighting.reference @ ratio, 1.0)
    np.testing.assert_allclose(reweighting.reference[:, None] * ratio, reweighting.learned)


def test_large_ratios_do_not_overflow() -> None:
    log_ratio = np.array([[690.0], [0.0], [-690.0]])
    reweighting = Reweighting.of(log_ratio, np.ones(3), np.ones((3, 1)))
    np.testing.assert_allclose(reweighting.learned[:, 0], [1.0, 0.0, 0.0], atol=1e-200)


def test_events_without_a_ratio_have_no_weight() -> None:
    log_ratio = np.array([[0.0], [np.nan], [-np.inf], [800.0], [0.0]])
    reweighting = Reweighting.of(log_ratio, np.ones(5), np.ones((5, 1)))
    np.testing.assert_allclose(reweighting.reference, [0.5, 0.0, 0.0, 0.0, 0.5])
    np.testing.assert_allclose(reweighting.true, reweighting.learned)


@pytest.mark.parametrize("theta", range(len(SHIFTS)))
def test_p_values_of_the_true_ratio_are_uniform(
    toys: list[tuple[Closure, Calibration]], theta: int
) -> None:
    for number in range(len(NAMES)):
        p_values = [found.tests.p_values[theta, number] for found, _ in toys]
        assert kstest(p_values, "uniform").pvalue > 0.005
    p_values = [found.tests.p_values[theta] for _, found in toys]
    assert kstest(p_values, "uniform").pvalue > 0.005


def test_fractions_of_the_true_ratio_have_unit_pulls(
    toys: list[tuple[Closure, Calibration]],
) -> None:
    pulls = np.concatenate([((c.true - c.predicted) / c.errors).ravel() for _, c in toys])
    assert np.nanmean(pulls) == pytest.approx(0.0, abs=0.05)
    # common normalisation binds the bins together, most of all the widest ones
    assert np.nanstd(pulls) == pytest.approx(0.97, abs=0.04)


def test_a_wrong_ratio_is_found_with_its_size() -> None:
    wrong = 0.1
    close, calibrated = diagnose(200_000, 1, wrong)
    x = np.linspace(-8.0, 8.0, 20_001)
    for theta, shift in enumerate(SHIFTS):
        density = norm.pdf(x, shift) / norm.pdf(x, shift).sum()
        change = np.exp(wrong * np.sin(2.0 * x))
        change = change / (density @ change) - 1.0
        chi2 = N_EXPECTED * (density @ change**2)
        assert close.tests.p_values[theta, 0] < 1e-50
        # bins smooth the wave; the mean of both densities is the denominator
        assert close.chi2_data[theta, 0] == pytest.approx(chi2, rel=0.15)
        distance = np.abs(np.cumsum(density * change)).max()
        assert close.tests.distances[theta, 0] == pytest.approx(distance, rel=0.1)
        assert close.chi2_data[theta, 2] < 0.01 * chi2
    assert (calibrated.tests.p_values < 1e-50).all()
    assert (calibrated.expected_error > 0.01).all()


def test_size_does_not_depend_on_the_number_of_events() -> None:
    """It is zero for the true ratio up to a fluctuation that falls with the number of events."""
    exact = np.mean([diagnose(10_000, seed)[0].chi2_data[:, 0] for seed in range(20)])
    few = np.mean([diagnose(10_000, seed, 0.1)[0].chi2_data[:, 0] for seed in range(20)])
    many = diagnose(400_000, 100, 0.1)[0].chi2_data[:, 0].mean()
    assert exact < 0.1 * many
    assert few == pytest.approx(many, rel=0.1)


def test_at_the_reference_there_is_nothing_to_test() -> None:
    x = np.random.default_rng(1).normal(size=(1000, 1))
    reweighting = Reweighting.of(np.zeros((1000, 1)), np.ones(1000), np.ones((1000, 1)))
    assert closure(["x"], x, reweighting, 1.0).tests.p_values.tolist() == [[1.0]]
    found = calibration(reweighting, 1.0)
    np.testing.assert_allclose(found.predicted[found.shares > 0], 0.5)
    np.testing.assert_allclose(found.true[found.shares > 0], 0.5)
    assert found.tests.ndf[0] == 0


def test_the_change_of_q_is_bounded_by_the_chi_square() -> None:
    """A wrong density at theta, of any shape, changes q by less than the bound."""
    x = np.linspace(-8.0, 8.0, 20_001)
    true = norm.pdf(x) / norm.pdf(x).sum()
    theta = norm.pdf(x, 0.05) / norm.pdf(x, 0.05).sum()
    q = -2.0 * N_EXPECTED * (true @ np.log(theta / true))
    changes = []
    for shape in (x, x**2, np.sin(3.0 * x)):
        delta = 0.01 * (shape - theta @ shape)
        chi2 = N_EXPECTED * (theta @ delta**2)
        change = 2.0 * N_EXPECTED * abs(true @ np.log1p(delta))
        changes.append(change / float(possible_change(chi2, q)))
    assert max(changes) == changes[0] == pytest.approx(1.0, abs=0.15)
    assert changes[2] < 0.3


def test_records_are_plain(tmp_path) -> None:
    for record in diagnose(2000, 1):
        write_json(tmp_path / "record.json", record)
        assert "p_values" in json.loads((tmp_path / "record.json").read_text())["tests"]
