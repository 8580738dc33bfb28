"""Monte Carlo events with weights at every benchmark.

Truth is thrown from a mixture of benchmarks, so that few events carry most of the weight nowhere
in parameter space, then smeared and cut. Mass and rapidity come from a table of the mixture's
density, the quark, its proton and the angle from their exact distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from madminer_workflow.processes.drell_yan.detector import (
    ETA_MAX,
    SIGMA_R,
    accepted,
    mass_resolution,
    observables,
    smear,
)
from madminer_workflow.processes.drell_yan.model import (
    LOG_SQRT_S,
    helicity_coefficients,
    luminosities,
    prefactor,
    sign_coefficients,
)
from madminer_workflow.processes.drell_yan.presets import Preset
from madminer_workflow.processes.polynomial import monomials
from madminer_workflow.seeds import seed as derive_seed

__all__ = ["GeneratedEvents", "generate"]

Floats = NDArray[np.float64]

SM_SHARE: Final = 0.4  # of the mixture; the other benchmarks share the rest
REACH: Final = 5.0  # resolutions beyond a cut from where truth can be accepted: 1e-7 is lost
CHUNK: Final = 1 << 16  # thrown events at a time
LOWEST_ACCEPTANCE: Final = 0.04  # that is compensated by throwing more: bounds the weights
MASS_CELLS, RAPIDITY_CELLS = 400, 80


@dataclass(frozen=True)
class GeneratedEvents:
    """Accepted events.

    Attributes:
        preset: The process.
        x: Observables in the order of `detector.OBSERVABLES`, (event, observable).
        weights: Weight at each benchmark in pb, (event, benchmark); their sum is the cross section.
        n_thrown: Number of thrown events, accepted or not.
        seed: The seed.
    """

    preset: Preset
    x: Floats
    weights: Floats
    n_thrown: int
    seed: int

    def __len__(self) -> int:
        """Returns the number of events."""
        return len(self.x)

    @property
    def cross_sections(self) -> Floats:
        """Accepted cross section at each benchmark in pb, (benchmark,)."""
        return np.asarray(self.weights.sum(axis=0))

    @property
    def cross_section_errors(self) -> Floats:
        """Monte Carlo errors of the cross sections in pb, (benchmark,)."""
        return np.sqrt(self._squares - self.cross_sections**2 / self.n_thrown)

    @property
    def effective_sizes(self) -> Floats:
        """Number of unweighted events as good as these, (sum w)^2 / sum w^2, (benchmark,)."""
        return np.asarray(self.cross_sections**2 / self._squares)

    @property
    def _squares(self) -> Floats:
        """Sum of squared weights, (benchmark,)."""
        return np.asarray(np.einsum("eb,eb->b", self.weights, self.weights))


def generate(preset: Preset, n_events: int, seed: int) -> GeneratedEvents:
    """Returns accepted events, independent of each other and hence in random order.

    Throwing ends with accepted event number n_events + 1, which is not kept and whose throw does
    not count: the cross section is then unbiased (Haldane, 1945, Biometrika 33, 222).

    Args:
        preset: The process.
        n_events: Number of accepted events.
        seed: The base seed; the same seed gives the same events.
    """
    rng = np.random.default_rng(derive_seed(seed, "generate", preset.name))
    proposal = _Proposal(preset)
    chunks, n_accepted, n_thrown = [], 0, 0
    while n_accepted <= n_events:
        passed, x, weights = _throw(preset, proposal, rng)
        wanted = n_events - n_accepted
        n_thrown += int(passed[wanted]) if len(passed) > wanted else CHUNK
        n_accepted += len(passed)
        chunks.append((x[:wanted], weights[:wanted]))
    x, weights = (np.concatenate(arrays) for arrays in zip(*chunks, strict=True))
    weights = weights / n_thrown
    return GeneratedEvents(preset, x, weights, n_thrown, seed)


class _Proposal:
    """Density from which mass and rapidity are thrown: constant in the cells of a table.

    The cells are equidistant in log m and in y / y_max(m). They hold the mixture's density times
    the root of the acceptance, which gives the smallest variance for the number of thrown events.

    Attributes:
        mixture: What the monomials of an event are multiplied by to get the mixture, (monomial,).
    """

    def __init__(self, preset: Preset) -> None:
        """Fills the table.

        Args:
            preset: The process.
        """
        log_m_min = np.log(preset.m_min)
        self._start = log_m_min - REACH * mass_resolution(log_m_min)
        self._width = (LOG_SQRT_S - self._start) / MASS_CELLS
        log_m = self._start + self._width * (np.arange(MASS_CELLS) + 0.5).repeat(RAPIDITY_CELLS)
        fraction = (np.arange(RAPIDITY_CELLS) + 0.5) * (2 / RAPIDITY_CELLS) - 1
        y = _largest_rapidity(log_m) * np.tile(fraction, MASS_CELLS)

        components = sign_coefficients(log_m, y, preset.operators).sum(axis=0)
        components *= (_angular_integral(y) * _largest_rapidity(log_m))[:, None]
        acceptance = _acceptance(log_m, y, log_m_min)
        self.mixture = _mixture(preset, acceptance @ components)
        table = components @ self.mixture * np.sqrt(np.maximum(acceptance, LOWEST_ACCEPTANCE))
        self._probabilities = table / table.sum()
        self._cumulative = self._probabilities.cumsum()
        self._cumulative /= self._cumulative[-1]

    def throw(self, number: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Returns log masses, rapidities and their density, (event,) each.

        Args:
            number: Number of events.
            rng: Source of random numbers.
        """
        cell = np.searchsorted(self._cumulative, rng.random(number), side="right")
        row, column = np.divmod(cell, RAPIDITY_CELLS)
        log_m = self._start + self._width * (row + rng.random(number))
        y_max = _largest_rapidity(log_m)
        y = y_max * ((column + rng.random(number)) * (2 / RAPIDITY_CELLS) - 1)
        area = self._width * y_max * (2 / RAPIDITY_CELLS)
        return log_m, y, self._probabilities[cell] / area


def _throw(
    preset: Preset, proposal: _Proposal, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Throws a chunk; returns indices, observables and benchmark weights of the accepted events.

    The weights belong to a single thrown event.
    """
    log_m, y, density = proposal.throw(CHUNK, rng)
    luminosity = luminosities(log_m, y)
    squares = helicity_coefficients(log_m, preset.operators)
    mixed = squares @ proposal.mixture
    strengths = luminosity[:, :, None] * np.stack([mixed, mixed[:, ::-1]], axis=2)
    total = strengths.sum(axis=(0, 1, 2))
    quark, proton, sign = _choose(strengths, rng)
    c = _throw_angle(sign, y, rng)
    measured_log_m, measured_r = smear(log_m, np.arctanh(c), rng)

    passed = np.flatnonzero(accepted(measured_log_m, measured_r, y, preset.m_min))
    quark, proton, c = quark[passed], proton[passed], c[passed, None]
    components = (1 + c) ** 2 * squares[quark, proton, passed]
    components += (1 - c) ** 2 * squares[quark, 1 - proton, passed]
    # The luminosity cancels between the density of the chosen channel and the one thrown from.
    scale = (prefactor(log_m) * total * _angular_integral(y) / density)[passed]
    components *= (scale / (components @ proposal.mixture))[:, None]
    x = observables(measured_log_m[passed], measured_r[passed], y[passed])
    return passed, x, components @ monomials(preset.benchmarks).T


def _choose(
    strengths: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns quark, proton and sign of 1 +- c of each event.

    Args:
        strengths: Their probabilities up to a factor, (quark, proton, sign, event).
        rng: Source of random numbers.
    """
    shape, number = strengths.shape[:-1], strengths.shape[-1]
    cumulative = strengths.reshape(-1, number).cumsum(axis=0)
    chosen = (cumulative[:-1] < rng.random(number) * cumulative[-1]).sum(axis=0)
    quark, proton, sign = np.unravel_index(chosen, shape)
    return quark, proton, sign


def _throw_angle(sign: NDArray[np.int64], y: Floats, rng: np.random.Generator) -> Floats:
    """Returns c from the density (1 + c)^2 or (1 - c)^2 for the signs 0 and 1."""
    largest = _largest_cosine(y)
    low, high = (1 - largest) ** 3, (1 + largest) ** 3
    c = np.cbrt(low + (high - low) * rng.random(len(y))) - 1
    return np.where(sign == 0, c, -c)


def _largest_rapidity(log_m: Floats) -> Floats:
    """Returns the largest |y| that kinematics and acceptance allow."""
    return np.minimum(ETA_MAX, LOG_SQRT_S - log_m)


def _largest_cosine(y: Floats) -> Floats:
    """Returns the largest |c| from where an event can be smeared into the acceptance."""
    return np.tanh(ETA_MAX - np.abs(y) + REACH * SIGMA_R)


def _angular_integral(y: Floats) -> Floats:
    """Returns the integral of (1 +- c)^2 over the angles that are thrown."""
    largest = _largest_cosine(y)
    return 2 * largest * (1 + largest**2 / 3)


def _acceptance(log_m: Floats, y: Floats, log_m_min: float) -> Floats:
    """Returns roughly the probability that a thrown event is accepted."""
    mass = ndtr((log_m - log_m_min) / mass_resolution(log_m))
    visible = np.tanh(ETA_MAX - np.abs(y))
    return np.asarray(mass * 2 * visible * (1 + visible**2 / 3) / _angular_integral(y))


def _mixture(preset: Preset, cross_section: Floats) -> Floats:
    """Returns the mixture of the benchmarks' normalised densities.

    Args:
        preset: The process.
        cross_section: Accepted cross section up to a factor, (monomial,).
    """
    points = monomials(preset.benchmarks)
    shares = np.full(len(points), (1 - SM_SHARE) / (len(points) - 1))
    shares[0] = SM_SHARE
    return np.asarray((shares / (points @ cross_section)) @ points)
