import numpy as np
import pytest
from scipy.integrate import quad

from madminer_workflow.processes.drell_yan import model
from madminer_workflow.processes.drell_yan.operators import OPERATORS
from madminer_workflow.processes.polynomial import monomials


def test_parton_densities_agree_with_the_reference(reference):
    x, *expected = np.array(reference("partons")["rows"]).T
    quarks, antiquarks = model.parton_densities(np.log(x))
    np.testing.assert_allclose([*quarks, *antiquarks], expected, rtol=1e-12)
    np.testing.assert_allclose(
        list(model.VALENCE_NORM.values()), reference("partons")["valence_norm"]
    )


def test_parton_densities_carry_the_momenta_of_the_reference(reference):
    def density(x: float, kind: int, quark: int) -> float:
        return float(model.parton_densities(np.log([x]))[kind][quark, 0])

    found = [
        quad(density, 0, 1, args=(kind, quark), epsabs=0, epsrel=1e-9)[0]
        for kind in (0, 1)
        for quark in (0, 1)
    ]
    np.testing.assert_allclose(found, reference("partons")["momentum"], rtol=1e-7)


def test_no_partons_beyond_the_beam_momentum():
    quarks, antiquarks = model.parton_densities(np.array([0.0, 0.1, 3.0]))
    assert not quarks.any()
    assert not antiquarks.any()


def test_squared_amplitudes_agree_with_the_reference(reference):
    for quark, mass, *theta, same, opposite in reference("amplitudes")["rows"]:
        squares = model.helicity_coefficients(np.log([mass]), ("c_eu", "c_ed"))
        found = squares["ud".index(quark), :, 0] @ monomials(theta)
        np.testing.assert_allclose(found, [same, opposite], rtol=1e-12)


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_shift_the_helicities_and_quarks_of_their_table(operator):
    squares = model.helicity_coefficients(np.log([2000.0]), (operator,))[:, :, 0]
    for i, quark in enumerate("ud"):
        for helicity, pairs in enumerate((("LL", "RR"), ("LR", "RL"))):
            shifted = any(s.quark == quark and s.chiralities in pairs for s in OPERATORS[operator])
            assert (squares[i, helicity, 1:] != 0).all() == shifted


def test_same_amplitude_operators_interfere_with_each_other():
    squares = model.helicity_coefficients(np.log([2000.0]), ("c_lq1", "c_lq3"))[:, 0, 0]
    np.testing.assert_allclose(squares[:, 4], [-2e-16, 2e-16])  # up: -1 * 1, down: +1 * 1


def test_swapping_the_protons_reverses_the_rapidity():
    log_m, y = np.log([1000.0, 3000.0]), np.array([0.7, -0.4])
    swapped = model.luminosities(log_m, -y)[:, ::-1]
    np.testing.assert_allclose(model.luminosities(log_m, y), swapped)
    plus, minus = model.sign_coefficients(log_m, y, ("c_eu",))
    np.testing.assert_allclose(minus, model.sign_coefficients(log_m, -y, ("c_eu",))[0])
    assert (plus[0] > minus[0])[0]  # the quark mostly comes from the proton it moves along
