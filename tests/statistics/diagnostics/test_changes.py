import numpy as np
import pytest

from madminer_workflow.statistics import grid
from madminer_workflow.statistics.diagnostics import (
    Curves,
    bias_test,
    normalisation,
    smallest_effective_samples,
    stability,
)

AXES = tuple(np.linspace(-1.0, 1.0, 41) for _ in range(2))
THETAS = grid.points(AXES)
Q = 15.0 * (THETAS**2).sum(axis=1)
N = 100.0


def make_curves(**values: np.ndarray) -> Curves:
    return Curves(axes=AXES, n_expected=N, q=Q, effective_samples=1000.0 + Q, **values)


def test_smallest_effective_samples_where_it_matters() -> None:
    assert smallest_effective_samples(make_curves()) == 1000.0


def test_normalisation_in_units_of_q() -> None:
    offset = np.where(Q < 12.0, 0.01, -0.05)
    found = normalisation(make_curves(log_normalisation=offset))
    assert found is not None
    assert found.largest == 0.05
    assert found.largest_q == pytest.approx(2.0 * N * 0.01)
    assert normalisation(make_curves()) is None


def test_stability_of_halves() -> None:
    found = stability(make_curves(halves=np.stack([1.1 * Q, 0.9 * Q])))
    assert found is not None
    rms = 0.2 * np.sqrt(np.mean(Q[Q < 12.0] ** 2))
    assert found.rms == pytest.approx(rms)
    assert found.error == pytest.approx(0.5 * rms)
    assert found.largest == pytest.approx(0.2 * Q[Q < 12.0].max())
    assert found.iou == pytest.approx(0.9 / 1.1, abs=0.005)
    assert stability(make_curves()) is None


def test_a_known_error_takes_the_place_of_half_the_difference() -> None:
    curves = make_curves(halves=np.stack([Q, Q]), error=np.full(len(Q), 0.3))
    found = stability(curves)
    assert found is not None
    assert (found.error, found.rms) == (pytest.approx(0.3), 0.0)


def test_bias_test_subtracts_noise() -> None:
    change = 0.3 * np.sign(THETAS[:, 0])
    curves = make_curves(correction=change, correction_error=np.full(len(Q), 0.1))
    found = bias_test(curves)
    assert found is not None
    on_axis = THETAS[Q < 12.0, 0] == 0.0
    rms = 0.3 * np.sqrt(1.0 - on_axis.mean())
    assert found.rms == pytest.approx(rms)
    assert found.noise == pytest.approx(0.1)
    assert found.size == pytest.approx(np.sqrt(rms**2 - 0.01))
    assert found.pull == pytest.approx(3.0)
    assert bias_test(make_curves()) is None


def test_no_finite_correction_gives_no_number() -> None:
    nothing = np.full(len(Q), np.nan)
    found = bias_test(make_curves(correction=nothing, correction_error=nothing))
    assert found is not None
    assert np.isnan([found.rms, found.size, found.pull]).all()
