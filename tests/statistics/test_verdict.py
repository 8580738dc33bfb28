from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from madminer_workflow.statistics.diagnostics import (
    BiasTest,
    BinnedTests,
    Calibration,
    Closure,
    Diagnostics,
    ScoreClosure,
    Stability,
)
from madminer_workflow.statistics.verdict import verdict

GOOD_BIAS = BiasTest(rms=0.1, noise=0.1, size=0.0, pull=2.0)
STABLE = Stability(error=0.1, rms=0.2, largest=0.5, iou=0.97)
NAMES = ("m_ll", "cos_theta")


def make_diagnostics(n_parameters: int = 2, **values: Any) -> Diagnostics:
    usual: dict[str, Any] = {"bias_test": GOOD_BIAS, "stability": STABLE}
    return Diagnostics(
        method="alices",
        parameters=tuple("abc"[:n_parameters]),
        thetas=np.zeros((2, n_parameters)),
        **{"smallest_effective_samples": 5e4, "unknown": 0.0, **usual, **values},
    )


def make_tests(p_value: float) -> BinnedTests:
    numbers = np.full((2, 2), p_value)
    return BinnedTests(numbers, np.full((2, 2), 19), numbers, numbers, numbers)


def make_closure(p_value: float, chi2_data: float) -> Closure:
    return Closure(NAMES, make_tests(p_value), np.array([[0.0, chi2_data], [0.0, 0.0]]))


def make_score_closure(p_value: float, lost: float) -> ScoreClosure:
    return ScoreClosure(NAMES, make_tests(p_value), np.array([[0.0, lost], [0.0, 0.0]]))


def test_a_good_ratio_is_trusted() -> None:
    found = verdict(make_diagnostics(closure=make_closure(0.3, 0.0)))
    assert found.level == "trust"
    assert found.reason == "bias test: nothing beyond its noise of 0.10"


@pytest.mark.parametrize(
    ("size", "pull", "level"),
    [
        (0.25, 20.0, "trust"),  # found, but of no consequence
        (2.0, 3.0, "trust"),  # large, but noise
        (0.4, 5.0, "caution"),
        (1.4, 5.0, "caution"),
        (1.6, 5.0, "distrust"),
        (30.0, 50.0, "distrust"),
    ],
)
def test_bias_of_two_parameters(size: float, pull: float, level: str) -> None:
    found = verdict(make_diagnostics(bias_test=BiasTest(size, 0.1, size, pull)))
    assert found.level == level
    if pull > 4.0:
        assert found.reason == f"bias test: q is off by {size:.2f} (noise 0.10, limit 0.30)"


def test_limits_follow_the_threshold_of_the_number_of_parameters() -> None:
    bias = BiasTest(rms=0.25, noise=0.01, size=0.25, pull=10.0)
    levels = [verdict(make_diagnostics(n, bias_test=bias)).level for n in (1, 2, 3)]
    assert levels == ["caution", "trust", "trust"]


def test_a_bias_test_that_sees_nothing_or_fails_is_said() -> None:
    blind = verdict(make_diagnostics(bias_test=BiasTest(1.0, 2.0, 0.0, 1.0)))
    assert (blind.level, blind.reason[:25]) == ("caution", "bias test: its own error ")
    failed = verdict(make_diagnostics(bias_test=BiasTest(*[float("nan")] * 4)))
    assert (failed.level, failed.reason) == ("distrust", "bias test: no finite correction of q")


@pytest.mark.parametrize(
    ("p_value", "chi2_data", "level"),
    [
        (1e-100, 0.05, "trust"),  # found, but of no consequence
        (1e-3, 10.0, "trust"),  # large, but noise among four tests
        (1e-5, 0.2, "caution"),
        (1e-5, 2.0, "distrust"),
    ],
)
def test_closure(p_value: float, chi2_data: float, level: str) -> None:
    found = verdict(make_diagnostics(closure=make_closure(p_value, chi2_data)))
    assert found.level == level
    if level != "trust":
        assert found.reason.startswith("closure of cos_theta: q may be off by ")


def test_calibration() -> None:
    tests = BinnedTests(*[np.full(2, 1e-9)] * 5)
    bins = [np.zeros((2, 3))] * 4
    calibration = Calibration(*bins, tests, np.array([0.0, 0.3]), np.zeros(2))
    found = verdict(make_diagnostics(calibration=calibration))
    assert (found.level, found.reason) == (
        "caution",
        "calibration: q may be off by 2.7 (limit 1.5)",
    )


@pytest.mark.parametrize(
    ("p_value", "lost", "level"),
    [(1e-9, 0.01, "trust"), (0.1, 0.5, "trust"), (1e-9, 0.1, "caution"), (1e-9, 0.5, "caution")],
)
def test_scores_give_valid_limits(p_value: float, lost: float, level: str) -> None:
    closure = make_score_closure(p_value, lost)
    found = verdict(make_diagnostics(bias_test=None, score_closure=closure))
    assert found.level == level
    assert found.reason.startswith("valid: score misses ")


def test_few_events_and_noise() -> None:
    noisy = verdict(make_diagnostics(stability=Stability(0.8, 1.6, 3.0, 0.8)))
    assert (noisy.level, noisy.reason) == ("caution", "Monte Carlo error of q is 0.80 (limit 0.6)")
    few = verdict(make_diagnostics(smallest_effective_samples=300.0))
    assert (few.level, few.reason) == ("caution", "only 300 effective events (limit 1000)")
    assert verdict(make_diagnostics(smallest_effective_samples=0.0)).level == "distrust"


def test_points_without_likelihood() -> None:
    found = verdict(make_diagnostics(unknown=0.5))
    assert (found.level, found.reason) == (
        "distrust",
        "no likelihood at 50 % of the points (limit 5 %)",
    )


def test_the_worst_is_named() -> None:
    found = verdict(
        make_diagnostics(
            bias_test=BiasTest(0.5, 0.1, 0.5, 9.0),
            closure=make_closure(1e-9, 20.0),
            unknown=0.1,
        )
    )
    assert found.level == "distrust"
    assert found.reason == "closure of cos_theta: q may be off by 21.9 (limit 1.5)"


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e4), st.floats(0.0, 1.0), st.integers(1, 3))
def test_reasons_are_short(size: float, chi2_data: float, lost: float, n: int) -> None:
    long = Closure(("an_observable_with_a_long_name",) * 2, *_tests_and_sizes(chi2_data))
    for values in (
        {"bias_test": BiasTest(size, 0.01, size, 10.0)},
        {"bias_test": None, "closure": long},
        {"bias_test": None, "score_closure": make_score_closure(0.0, lost)},
        {"bias_test": None, "smallest_effective_samples": size},
    ):
        assert len(verdict(make_diagnostics(n, **values)).reason) <= 60


def _tests_and_sizes(chi2_data: float) -> tuple[BinnedTests, np.ndarray]:
    return make_tests(0.0), np.full((2, 2), chi2_data)
