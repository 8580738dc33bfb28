import numpy as np
import pytest

from madminer_workflow import figures
from madminer_workflow.figures import Comparison


def make_comparison(method: str = "alices", quantity: str = "log r") -> Comparison:
    rng = np.random.default_rng(1)
    joint = rng.normal(size=5000)
    return Comparison(method, quantity, joint, 0.8 * joint + 0.6 * rng.normal(size=5000))


def test_correlation_is_in_the_title() -> None:
    comparison = make_comparison()
    value = figures.correlation(comparison)
    assert value == pytest.approx(0.8, abs=0.02)
    figure = figures.ratios([comparison, make_comparison("sally", "c_eu")])
    assert figure.axes[0].get_title() == f"ALICES, correlation {value:.3f}"
    assert figure.axes[1].get_title().startswith("SALLY, correlation 0.")
    assert figure.axes[0].get_xlabel() == r"joint $\log\,r$"
    assert figure.axes[1].get_ylabel() == r"learned score in $c_{\mathrm{eu}}$"
    figure.draw_without_rendering()


def test_joint_is_horizontal_and_learned_vertical() -> None:
    joint = np.linspace(-1.0, 1.0, 1000)
    axes = figures.ratios([Comparison("carl", "log r", joint, 0.5 * joint)]).axes[0]
    (hexagons,) = axes.collections
    x, y = np.asarray(hexagons.get_offsets()).T
    np.testing.assert_allclose(y, 0.5 * x, atol=0.06)
    assert axes.get_xlim() == axes.get_ylim()


def test_values_that_are_not_finite_are_left_out() -> None:
    joint = np.array([0.0, 1.0, 2.0, np.nan, 5.0])
    learned = np.array([0.0, 1.0, 2.0, 1.0, -np.inf])
    assert figures.correlation(Comparison("rolr", "log r", joint, learned)) == pytest.approx(1.0)


def test_a_constant_has_no_correlation() -> None:
    comparison = Comparison("rolr", "log r", np.arange(5.0), np.ones(5))
    assert np.isnan(figures.correlation(comparison))
    figures.ratios([comparison]).draw_without_rendering()
