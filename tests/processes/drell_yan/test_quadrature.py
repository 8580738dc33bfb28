import numpy as np
import pytest

from madminer_workflow.processes.drell_yan import quadrature
from madminer_workflow.processes.drell_yan.detector import angular_kernels, mass_resolution
from madminer_workflow.processes.drell_yan.model import sign_coefficients

OPERATORS = ("c_lq1", "c_qe")


def directly_smeared(log_m: float, r: float, y: float) -> np.ndarray:
    """The density by brute force: a fine grid over the true mass and the true angle."""
    true_log_m, true_r = np.linspace(log_m - 0.9, log_m + 0.9, 1201), np.linspace(r - 1, r + 1, 801)
    truth = sign_coefficients(true_log_m, np.full(1201, y), OPERATORS)
    c = np.tanh(true_r)
    density = np.einsum("sr,slm->lrm", [(1 + c) ** 2, (1 - c) ** 2], truth)
    density *= ((1 - c**2) * np.exp(-0.5 * ((r - true_r) / 0.1) ** 2))[:, None]
    sigma = mass_resolution(true_log_m)
    smeared = np.exp(-0.5 * ((log_m - true_log_m) / sigma) ** 2) / sigma @ density.sum(axis=1)
    return smeared * (1.8 / 1200) * (2 / 800) / (2 * np.pi * 0.1)


# The last point is the hardest: true masses end at 3.9 TeV there.
@pytest.mark.parametrize(
    ("mass", "r", "y"), [(505.0, 0.4, 0.3), (1300.0, -1.2, -1.1), (3500.0, 0.1, 1.2)]
)
def test_factorised_smearing_agrees_with_brute_force(mass, r, y):
    smeared = quadrature.smeared_signs(np.log([mass]), np.array([y]), OPERATORS)[:, 0]
    found = angular_kernels(np.array(r)) @ smeared
    np.testing.assert_allclose(found, directly_smeared(np.log(mass), r, y), rtol=1e-7)


def test_events_do_not_depend_on_their_neighbours():
    rng = np.random.default_rng(1)
    log_m, y = rng.uniform(6.3, 9, 3000), rng.uniform(-1, 1, 3000)
    together = quadrature.smeared_signs(log_m, y, OPERATORS)
    for i in (0, 1500, 2999):
        alone = quadrature.smeared_signs(log_m[i : i + 1], y[i : i + 1], OPERATORS)[:, 0]
        np.testing.assert_allclose(together[:, i], alone, rtol=1e-7)


def test_no_events_give_no_densities():
    assert quadrature.smeared_signs(np.empty(0), np.empty(0), OPERATORS).shape == (2, 0, 6)


def test_nodes_measure_the_acceptance():
    nodes = quadrature.acceptance_nodes(150.0)
    assert (np.abs(nodes.r) + nodes.y[..., None] < 2.5).all()
    assert np.exp(nodes.log_m[[0, -1]]) == pytest.approx([150, 25e3], rel=0.02)
    panel = np.log(25e3 / 150) / 10  # the first one, where kinematics limit nothing
    area = 2 * 2.5**2  # of |r| + |y| < 2.5
    np.testing.assert_allclose(nodes.weights[:8].sum(), panel * area)
