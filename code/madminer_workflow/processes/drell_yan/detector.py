"""The detector: resolution, acceptance, and the observables.

Lepton momenta are smeared such that the logarithm of the mass and r = atanh(c), half the distance
of the leptons in rapidity, fluctuate independently; the rapidity of the pair is exact.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ETA_MAX",
    "OBSERVABLES",
    "SIGMA_R",
    "accepted",
    "angular_kernels",
    "mass_resolution",
    "observables",
    "smear",
]

Floats = NDArray[np.float64]

ETA_MAX: Final = 2.5
"""Largest |eta| of an accepted lepton."""

SIGMA_R: Final = 0.10
"""Resolution of r = atanh(c)."""

OBSERVABLES: Final = {
    "m_ll": "(lm + lp).m",
    "cos_theta_cs": "sign((lm + lp).rapidity) * tanh((lm.eta - lp.eta) / 2)",
    "y_ll": "(lm + lp).rapidity",
    "log_m_ll": "log((lm + lp).m)",
    "pt_l": "lm.pt",
    "eta_lm": "lm.eta",
    "eta_lp": "lp.eta",
}
"""Names of the observables and their definitions by the four-momenta of l- and l+."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(14)


def mass_resolution(log_m: ArrayLike) -> Floats:
    """Returns the standard deviation of the measured logarithm of the mass.

    Args:
        log_m: Logarithm of the true mass in GeV.
    """
    return np.asarray(np.hypot(0.02, 0.025e-3 * np.exp(log_m)))


def smear(log_m: Floats, r: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Returns the measured values of both variables.

    Args:
        log_m: Logarithm of the true mass in GeV, (event,).
        r: The true atanh(c), (event,).
        rng: Source of random numbers.
    """
    noise = rng.standard_normal((2, len(log_m)))
    return log_m + mass_resolution(log_m) * noise[0], r + SIGMA_R * noise[1]


def accepted(log_m: Floats, r: Floats, y: Floats, m_min: float) -> NDArray[np.bool_]:
    """Returns which events pass the cuts on the mass and on both pseudorapidities y +- r.

    Args:
        log_m: Logarithm of the measured mass in GeV, (event,).
        r: The measured atanh(c), (event,).
        y: Rapidity of the pair, (event,).
        m_min: Smallest accepted mass in GeV.
    """
    return np.asarray((log_m > math.log(m_min)) & (np.abs(r) + np.abs(y) < ETA_MAX))


def observables(log_m: Floats, r: Floats, y: Floats) -> Floats:
    """Returns the observables in the order of OBSERVABLES, (event, observable).

    The sign of y decides which proton the quark probably came from, and with it the sign of
    cos_theta_cs (Collins, Soper, 1977, Phys. Rev. D 16, 2219).

    Args:
        log_m: Logarithm of the measured mass in GeV, (event,).
        r: The measured atanh(c), (event,).
        y: Rapidity of the pair, (event,).
    """
    mass = np.exp(log_m)
    cosine = np.copysign(1.0, y) * np.tanh(r)
    return np.stack([mass, cosine, y, log_m, mass / (2 * np.cosh(r)), y + r, y - r], axis=1)


def angular_kernels(r: Floats) -> Floats:
    """Returns the densities of the measured r that (1 + c)^2 and (1 - c)^2 become.

    Gauss-Hermite integral of N(r; r', 0.1) (1 - c^2) (1 +- c)^2, c = tanh r'; 1e-13 exact, as the
    poles of tanh are 16 standard deviations away.

    Args:
        r: The measured atanh(c), any shape.

    Returns:
        The densities, (sign, ...).
    """
    c = np.tanh(r[..., None] + SIGMA_R * _NODES)
    weight = (1 - c**2) * (_WEIGHTS / math.sqrt(2 * math.pi))
    return np.stack([(weight * (1 + c) ** 2).sum(axis=-1), (weight * (1 - c) ** 2).sum(axis=-1)])
