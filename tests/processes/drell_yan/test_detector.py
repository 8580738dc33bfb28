import numpy as np
from scipy.integrate import quad

from madminer_workflow.processes.drell_yan import detector


def test_observables_are_those_of_the_four_momenta():
    rng = np.random.default_rng(1)
    log_m, r, y = rng.normal(7, 0.1, 50), rng.normal(0, 1, 50), rng.normal(0, 1, 50)
    x = dict(zip(detector.OBSERVABLES, detector.observables(log_m, r, y).T, strict=True))
    pt, eta_minus, eta_plus = x["pt_l"], x["eta_lm"], x["eta_lp"]
    energy = pt * (np.cosh(eta_minus) + np.cosh(eta_plus))
    pz = pt * (np.sinh(eta_minus) + np.sinh(eta_plus))
    np.testing.assert_allclose(x["m_ll"], np.sqrt(energy**2 - pz**2))
    np.testing.assert_allclose(x["m_ll"], np.exp(x["log_m_ll"]))
    np.testing.assert_allclose(x["y_ll"], np.arctanh(pz / energy))
    # Collins-Soper angle of leptons without transverse momentum of the pair
    cosine = np.sign(pz) * pt**2 * np.sinh(eta_minus - eta_plus) * 2 / x["m_ll"] ** 2
    np.testing.assert_allclose(x["cos_theta_cs"], cosine, atol=1e-12)


def test_cuts_on_mass_and_both_pseudorapidities():
    log_m = np.log([999.0, 1001.0, 1001.0, 1001.0, 1001.0])
    r = np.array([0.0, 0.0, 1.6, -1.6, -1.4])
    y = np.array([0.0, 0.0, 1.0, 1.0, -1.0])
    passed = detector.accepted(log_m, r, y, 1000.0)
    assert passed.tolist() == [False, True, False, False, True]


def test_smearing_has_the_resolutions():
    n = 200_000
    log_m, r = np.full(n, np.log(2000.0)), np.full(n, 0.3)
    measured_log_m, measured_r = detector.smear(log_m, r, np.random.default_rng(1))
    for measured, true, sigma in (
        (measured_log_m, log_m, np.hypot(0.02, 0.05)),
        (measured_r, r, 0.10),
    ):
        assert abs((measured - true).mean()) < 4 * sigma / np.sqrt(n)
        assert abs((measured - true).std() / sigma - 1) < 4 / np.sqrt(2 * n)
    assert abs(np.corrcoef(measured_log_m, measured_r)[0, 1]) < 4 / np.sqrt(n)


def test_angular_kernels_agree_with_adaptive_integration():
    for measured in (-2.4, -0.3, 0.0, 1.1):
        for sign, kernel in zip((1, -1), detector.angular_kernels(np.array(measured)), strict=True):

            def integrand(r: float, measured: float = measured, sign: int = sign) -> float:
                normal = np.exp(-0.5 * ((measured - r) / 0.1) ** 2) / (0.1 * np.sqrt(2 * np.pi))
                return float(normal * (1 + sign * np.tanh(r)) ** 2 / np.cosh(r) ** 2)

            exact = quad(integrand, measured - 1, measured + 1, epsabs=0, epsrel=1e-12)[0]
            np.testing.assert_allclose(kernel, exact, rtol=1e-11)
