"""Integrals over the detector: smeared densities, and nodes that cover the acceptance.

The angle enters the cross section only as (1 +- c)^2, so the smearing of both variables factorises:

    p(l', r', y) = sum over signs  k(r') * integral dl N(l'; l, sigma(l)) G(l, y),

with k from `detector.angular_kernels` and G as in `model.sign_coefficients`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.processes.drell_yan.detector import ETA_MAX, mass_resolution
from madminer_workflow.processes.drell_yan.model import (
    LOG_SQRT_S,
    helicity_coefficients,
    luminosities,
    prefactor,
)

__all__ = ["AcceptanceNodes", "acceptance_nodes", "smeared_signs"]

Floats = NDArray[np.float64]

# The trapezoidal rule over the true mass converges exponentially: with half the step or a wider
# window the densities of 1e5 events of every kind change by less than 2e-8.
STEP: Final = 0.4  # of the smallest resolution
WINDOW: Final = 7.5  # resolutions to either side
BLOCK: Final = 1024  # events that share the nodes

# Gauss-Legendre rules over the acceptance: with twice the nodes or twice the highest mass, cross
# sections change by 1e-10 and the test statistic by 2e-8, relative to themselves.
HIGHEST_MASS: Final = 25e3  # GeV
MASS_PANELS, MASS_ORDER = 10, 8
RAPIDITY_ORDER = 24
ANGLE_PANELS, ANGLE_ORDER = 2, 12


@dataclass(frozen=True)
class AcceptanceNodes:
    """Nodes and weights of integrals over the measured variables.

    The density is the same at (r, y) and (-r, -y): y > 0 is covered, and weights are doubled.

    Attributes:
        log_m: Logarithm of the measured mass in GeV, (mass,).
        y: Rapidity, (mass, rapidity).
        r: The measured atanh(c), (mass, rapidity, angle).
        weights: Their weights, (mass, rapidity, angle).
    """

    log_m: Floats
    y: Floats
    r: Floats
    weights: Floats


def acceptance_nodes(m_min: float) -> AcceptanceNodes:
    """Returns nodes that cover the acceptance.

    Args:
        m_min: Smallest measured mass in GeV.
    """
    edges = np.linspace(math.log(m_min), math.log(HIGHEST_MASS), MASS_PANELS + 1)
    log_m, mass_weights = _gauss_legendre(edges, MASS_ORDER)
    unit_y, y_weights = _gauss_legendre(np.array([0.0, 1.0]), RAPIDITY_ORDER)
    unit_r, r_weights = _gauss_legendre(np.linspace(-1.0, 1.0, ANGLE_PANELS + 1), ANGLE_ORDER)
    reachable = LOG_SQRT_S - log_m + 6 * mass_resolution(log_m)
    y_max = np.minimum(ETA_MAX, reachable)[:, None]
    y = y_max * unit_y
    r_max = (ETA_MAX - y)[..., None]
    y_weights = 2 * mass_weights[:, None] * y_max * y_weights
    return AcceptanceNodes(log_m, y, r_max * unit_r, y_weights[..., None] * r_max * r_weights)


def smeared_signs(log_m: Floats, y: Floats, operators: Sequence[str]) -> Floats:
    """Returns the polynomials that multiply the angular kernels at measured masses.

    Args:
        log_m: Logarithm of the measured mass in GeV, (event,).
        y: Rapidity, (event,).
        operators: Names of the operators, one for each parameter.

    Returns:
        Coefficients of d sigma / (d log m d y) in pb, (sign, event, monomial).
    """
    order = np.argsort(log_m)  # neighbours in mass need the same few nodes
    blocks = np.array_split(order, max(1, math.ceil(len(order) / BLOCK)))
    result = np.concatenate([_smeared_block(log_m[b], y[b], operators) for b in blocks], axis=1)
    unsorted = np.empty_like(result)
    unsorted[:, order] = result
    return unsorted


def _smeared_block(log_m: Floats, y: Floats, operators: Sequence[str]) -> Floats:
    """Returns the smeared polynomials of events of similar mass, (sign, event, monomial)."""
    nodes, step = _true_masses(log_m)
    sigma = mass_resolution(nodes)
    kernel = np.exp(-0.5 * ((log_m[:, None] - nodes) / sigma) ** 2)
    kernel *= step * prefactor(nodes) / (math.sqrt(2 * math.pi) * sigma)
    weighted = luminosities(nodes, y[:, None]) * kernel
    squares = helicity_coefficients(nodes, operators)
    both_signs = np.concatenate([squares, squares[:, ::-1]], axis=-1)
    smeared = np.matmul(weighted, both_signs).sum(axis=(0, 1))
    return np.stack(np.split(smeared, 2, axis=-1))


def _true_masses(log_m: Floats) -> tuple[Floats, float]:
    """Returns equidistant log masses from where events can come, and their distance."""
    start = float((log_m - WINDOW * mass_resolution(log_m)).min(initial=LOG_SQRT_S))
    highest = stop = float(log_m.max(initial=start))
    for _ in range(8):  # the resolution at the true mass depends on the end that is looked for
        stop = min(highest + WINDOW * float(mass_resolution(stop)), LOG_SQRT_S)
    number = math.ceil((stop - start) / (STEP * mass_resolution(start))) + 1
    nodes, step = np.linspace(start, stop, number, retstep=True)
    return nodes, float(step)


def _gauss_legendre(edges: Floats, order: int) -> tuple[Floats, Floats]:
    """Returns nodes and weights of a composite rule with the same order in every panel, (node,)."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2
    centre = (edges[1:] + edges[:-1])[:, None] / 2
    return (centre + half * nodes).ravel(), (half * weights).ravel()
