from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.statistics import KinematicLikelihood

THETAS = np.linspace(-1.0, 1.0, 21)
TRUTH = -3.0 * THETAS**2
N_REPLICAS = 64

Floats = NDArray[np.float64]


def drawn(bias: Floats, rng: np.random.Generator) -> KinematicLikelihood:
    """A biased likelihood, and its correction with an error of 0.3 at the ends of the region."""
    noise = 0.3 * THETAS * rng.normal(size=(1 + N_REPLICAS, 1))
    plug_in = TRUTH + bias
    return KinematicLikelihood(
        n_events=100.0,
        plug_in=plug_in,
        raw=plug_in,
        corrected=TRUTH + noise[0],
        replicas_plug_in=np.broadcast_to(plug_in, (N_REPLICAS, len(THETAS))),
        replicas_corrected=TRUTH + noise[0] + noise[1:],
    )


def shares(bias: Floats) -> list[float]:
    rng = np.random.default_rng(1)
    return [drawn(bias, rng).correction_share for _ in range(200)]


def test_a_large_bias_is_corrected() -> None:
    assert min(shares(3.0 * THETAS)) > 0.95


def test_noise_is_not_taken_for_a_bias() -> None:
    found = shares(np.zeros_like(THETAS))
    assert np.mean(np.array(found) == 0.0) == pytest.approx(0.68, abs=0.08)  # within one sigma
    assert max(found) < 1.0


@pytest.mark.parametrize("size", [0.0, 0.1, 0.3, 1.0, 3.0])
def test_the_best_estimate_is_never_much_worse_than_the_better_one(size: float) -> None:
    rng = np.random.default_rng(2)
    errors: dict[str, list[float]] = {"plug_in": [], "corrected": [], "log_likelihood": []}
    for _ in range(400):
        likelihood = drawn(size * THETAS, rng)
        for name, squares in errors.items():
            squares.append(float(np.mean((getattr(likelihood, name) - TRUTH) ** 2)))
    plug_in, corrected, best = (np.sqrt(np.mean(squares)) for squares in errors.values())
    noise = 0.3 * np.sqrt(np.mean(THETAS**2))
    assert corrected == pytest.approx(noise, rel=0.1)
    assert best < min(plug_in, corrected) + 0.7 * noise
    assert best < 1.25 * noise


@pytest.mark.parametrize("size", [0.0, 0.3, 1.0, 3.0])
def test_the_spread_of_replicas_covers_the_truth(size: float) -> None:
    rng, end = np.random.default_rng(3), -1
    pulls = []
    for _ in range(400):
        likelihood = drawn(size * THETAS, rng)
        assert likelihood.replicas is not None
        error = likelihood.replicas.std(axis=0)[end]
        pulls.append((likelihood.log_likelihood[end] - TRUTH[end]) / error)
    assert np.std(pulls) < 1.25
    assert np.mean(np.abs(pulls) < 1.0) > 0.6


def test_without_a_correction_the_plug_in_estimate_is_the_best() -> None:
    likelihood = drawn(THETAS, np.random.default_rng(4))
    observed = replace(likelihood, corrected=None, replicas_corrected=None)
    assert observed.log_likelihood is observed.plug_in
    assert observed.replicas is observed.replicas_plug_in
    score = replace(observed, raw=None, replicas_plug_in=None)
    assert score.replicas is None


def test_an_unknown_correction_leaves_q_unknown() -> None:
    likelihood = drawn(THETAS, np.random.default_rng(5))
    assert likelihood.corrected is not None
    some = replace(likelihood, corrected=np.where(THETAS > 0.95, np.nan, likelihood.corrected))
    assert np.flatnonzero(np.isnan(some.log_likelihood)).tolist() == [20]
    assert np.isfinite(some.correction_share)
    none = replace(likelihood, corrected=np.full_like(THETAS, np.nan))
    assert np.isnan(none.log_likelihood).all()
