"""Amplitudes and parton densities at leading order.

The cross section differential in l = ln(m/GeV), rapidity y and c = cos(theta) of the l- with
respect to proton 1 is, for the quark q from proton d,

    prefactor(l) * luminosity[q, d](l, y) * [ (1 + c)^2 H[q, d] + (1 - c)^2 H[q, 1 - d] ],

with H[q, 0] = |A_LL|^2 + |A_RR|^2 and H[q, 1] = |A_LR|^2 + |A_RL|^2 (Eichten, Lane, Peskin, 1983,
Phys. Rev. Lett. 50, 811). Arrays have the axes quark (u, d), proton (the one the quark comes
from), helicity (same or opposite chiralities of quark and lepton), sign (of 1 +- c), monomial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import beta

from madminer_workflow.processes.drell_yan.operators import OPERATORS
from madminer_workflow.processes.polynomial import squared_modulus

__all__ = [
    "LOG_SQRT_S",
    "helicity_coefficients",
    "luminosities",
    "parton_densities",
    "prefactor",
    "sign_coefficients",
]

Floats = NDArray[np.float64]

LOG_SQRT_S: Final = math.log(13000.0)
"""Logarithm of the energy of the collider in GeV, the largest l there is."""

Z_MASS: Final = 91.1876
Z_WIDTH: Final = 2.4952
SIN2_THETA_W: Final = 0.2312
E_SQUARED: Final = 4 * math.pi / 127.95
PB_GEV2: Final = 0.3893794e9
K_FACTOR: Final = 1.2
PER_LAMBDA2: Final = 1e-8  # 1 / (10 TeV)^2 in GeV^-2

QUARKS: Final = ("u", "d")
PAIRS: Final = (("LL", "RR"), ("LR", "RL"))  # chiralities of quark and lepton by helicity
CHARGE: Final = {"u": 2 / 3, "d": -1 / 3, "l": -1.0}
ISOSPIN: Final = {"u": 0.5, "d": -0.5, "l": -0.5}

# x f(x) = normalisation x^power (1 - x)^fall. The valence densities obey the number sum rules.
VALENCE_POWER: Final = 0.53
VALENCE_FALL: Final = {"u": 4.0, "d": 5.1}
VALENCE_NORM: Final = {
    quark: number / float(beta(VALENCE_POWER, VALENCE_FALL[quark] + 1.0))
    for quark, number in (("u", 2), ("d", 1))
}
SEA_POWER, SEA_FALL = -0.48, 11.0
SEA_NORM: Final = {"u": 0.074, "d": 1.2 * 0.074}


def parton_densities(log_x: Floats) -> tuple[Floats, Floats]:
    """Returns x f(x) of quarks and of antiquarks at a fixed scale.

    Args:
        log_x: Logarithm of the momentum fraction, any shape; beyond 0 the densities vanish.

    Returns:
        Densities of the quarks u, d with the sea, and of the antiquarks, each (quark, ...).
    """
    rest = np.log(np.maximum(-np.expm1(log_x), np.finfo(float).tiny))  # ln(1 - x)
    sea = np.exp(SEA_POWER * log_x + SEA_FALL * rest)
    antiquarks = np.stack([SEA_NORM[quark] * sea for quark in QUARKS])
    up = np.exp(VALENCE_POWER * log_x + VALENCE_FALL["u"] * rest)
    down = up * np.exp((VALENCE_FALL["d"] - VALENCE_FALL["u"]) * rest)
    valence = np.stack([VALENCE_NORM["u"] * up, VALENCE_NORM["d"] * down])
    return valence + antiquarks, antiquarks


def luminosities(log_m: Floats, y: Floats) -> Floats:
    """Returns x1 f(x1) x2 f(x2) for the quark from either proton.

    Args:
        log_m: Logarithm of the mass in GeV.
        y: Rapidity, of a shape that broadcasts with log_m.

    Returns:
        Luminosities, (quark, proton, ...).
    """
    quark_1, antiquark_1 = parton_densities(log_m + y - LOG_SQRT_S)
    quark_2, antiquark_2 = parton_densities(log_m - y - LOG_SQRT_S)
    return np.stack([quark_1 * antiquark_2, antiquark_1 * quark_2], axis=1)


def helicity_coefficients(log_m: Floats, operators: Sequence[str]) -> Floats:
    """Returns the squared helicity amplitudes as polynomials of the parameters.

    Args:
        log_m: Logarithm of the mass in GeV, (event,).
        operators: Names of the operators, one for each parameter.

    Returns:
        Coefficients in GeV^-4, (quark, helicity, event, monomial).
    """
    squares = [
        [[_squared_amplitude(log_m, quark, pair, operators) for pair in pairs] for pairs in PAIRS]
        for quark in QUARKS
    ]
    return np.asarray(np.sum(squares, axis=2))


def sign_coefficients(log_m: Floats, y: Floats, operators: Sequence[str]) -> Floats:
    """Returns the polynomials G that multiply (1 + c)^2 and (1 - c)^2, summed over channels.

    Args:
        log_m: Logarithm of the mass in GeV, (event,).
        y: Rapidity, (event,).
        operators: Names of the operators, one for each parameter.

    Returns:
        Coefficients of d sigma / (dl dy dc) in pb, (sign, event, monomial).
    """
    weight = prefactor(log_m) * luminosities(log_m, y)
    squares = helicity_coefficients(log_m, operators)
    plus = np.einsum("qhe,qhem->em", weight, squares)
    minus = np.einsum("qhe,qhem->em", weight, squares[:, ::-1])
    return np.stack([plus, minus])


def prefactor(log_m: Floats) -> Floats:
    """Returns what turns luminosity times squared amplitude into pb.

    Args:
        log_m: Logarithm of the mass in GeV.
    """
    return np.asarray(2 * K_FACTOR * PB_GEV2 / (384 * math.pi) * np.exp(2 * log_m))


def _squared_amplitude(log_m: Floats, quark: str, pair: str, operators: Sequence[str]) -> Floats:
    """Returns |A|^2 of one quark and one pair of chiralities in GeV^-4, (event, monomial)."""
    s = np.exp(2 * log_m)
    photon, z_boson = 1 / s, 1 / (s - Z_MASS**2 + 1j * Z_MASS * Z_WIDTH)
    couplings = _z_coupling(quark, pair[0]) * _z_coupling("l", pair[1])
    standard = E_SQUARED * (CHARGE[quark] * CHARGE["l"] * photon + couplings * z_boson)
    shifts = [np.full_like(standard, _shift(quark, pair, operator)) for operator in operators]
    return squared_modulus(np.stack([standard, *shifts], axis=-1))


def _shift(quark: str, pair: str, operator: str) -> float:
    """Returns by how much a parameter of 1 shifts an amplitude, in GeV^-2."""
    shifts = OPERATORS[operator]
    return PER_LAMBDA2 * sum(s.coefficient for s in shifts if s[:2] == (quark, pair))


def _z_coupling(fermion: str, chirality: str) -> float:
    """Returns the coupling to the Z boson in units of e."""
    isospin = ISOSPIN[fermion] if chirality == "L" else 0.0
    return (isospin - CHARGE[fermion] * SIN2_THETA_W) / math.sqrt(SIN2_THETA_W * (1 - SIN2_THETA_W))
