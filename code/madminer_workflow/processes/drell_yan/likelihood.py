"""The exact likelihood at detector level: the truth that every learned limit is held against.

Smearing is linear, so densities at detector level are polynomials of second degree in the
parameters like those at truth level; they are integrated in `quadrature`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.processes.drell_yan.detector import accepted, angular_kernels
from madminer_workflow.processes.drell_yan.presets import Preset
from madminer_workflow.processes.drell_yan.quadrature import acceptance_nodes, smeared_signs
from madminer_workflow.processes.polynomial import gradients, monomials

__all__ = ["ExactLikelihood", "ExpectedLikelihood", "FisherInformation", "LogLikelihood"]

Floats = NDArray[np.float64]

NEGLIGIBLE: Final = 1e-17  # share of the cross section of a node that is left out
ROUNDING: Final = 1e-3  # of log m and r in files that do not give all digits
BLOCK: Final = 1024  # events or nodes at a time, times parameter points: 20 MB for a map


@dataclass(frozen=True)
class LogLikelihood:
    """Log-likelihood of data at parameter points, up to constants.

    Attributes:
        kinematics: Sum of log p(x|theta) over the events, (theta,).
        rate: Logarithm of the Poisson probability of the number of events, (theta,).
    """

    kinematics: Floats
    rate: Floats

    @property
    def full(self) -> Floats:
        """Both together, (theta,)."""
        return self.kinematics + self.rate


@dataclass(frozen=True)
class ExpectedLikelihood:
    """Twice the expected drop of the log-likelihood below that of the true parameters.

    Attributes:
        thetas: Parameter points, (theta, parameter).
        q_kinematics: Without the number of events, (theta,).
        q_full: With its Poisson distribution, (theta,).
        n_expected: Expected number of events at the true parameters.
    """

    thetas: Floats
    q_kinematics: Floats
    q_full: Floats
    n_expected: float


@dataclass(frozen=True)
class FisherInformation:
    """Fisher information, (parameter, parameter) each.

    Attributes:
        full: Of kinematics and rate.
        rate: Of the number of events alone.
        kinematics: Of the normalised distribution alone.
    """

    full: Floats
    rate: Floats
    kinematics: Floats


@dataclass(frozen=True)
class ExactLikelihood:
    """The detector-level likelihood of a preset.

    Events are rows that begin with m_ll, cos_theta_cs, y_ll, on which all further observables
    depend, inside the acceptance. Integrals over the acceptance are done at first use.

    Attributes:
        preset: The process.
    """

    preset: Preset

    def accepted(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Tells which events pass the cuts, up to rounding; for others the density is no truth.

        Args:
            x: Events, (event, observable).

        Returns:
            Whether each does, (event,).
        """
        mass, cosine, y = np.asarray(x, float)[:, :3].T
        with np.errstate(divide="ignore", invalid="ignore"):  # what is no number passes no cut
            log_m, r = np.log(mass) + ROUNDING, np.abs(np.arctanh(cosine)) - ROUNDING
        return accepted(log_m, np.maximum(r, 0.0), y, self.preset.m_min)

    def density_components(self, x: ArrayLike) -> Floats:
        """Returns d sigma / (d log m d r d y) as a polynomial of the parameters.

        Args:
            x: Events, (event, observable).

        Returns:
            Coefficients in pb, (event, monomial).
        """
        mass, cosine, y = np.asarray(x, float)[:, :3].T
        kernels = angular_kernels(np.copysign(1.0, y) * np.arctanh(cosine))
        smeared = smeared_signs(np.log(mass), y, self.preset.operators)
        return np.asarray(np.einsum("se,sem->em", kernels, smeared))

    def density(self, x: ArrayLike, thetas: ArrayLike) -> Floats:
        """Returns d sigma / (d m_ll d cos_theta_cs d y_ll) in pb/GeV, (event, theta).

        Args:
            x: Events, (event, observable).
            thetas: Parameter points, (theta, parameter).
        """
        mass, cosine = np.asarray(x, float)[:, :2].T
        jacobian = mass * (1 - cosine**2)
        return np.asarray(self.density_components(x) @ monomials(thetas).T / jacobian[:, None])

    def log_ratio(self, x: ArrayLike, thetas: ArrayLike, theta_ref: ArrayLike) -> Floats:
        """Returns log p(x|theta) / p(x|theta_ref) of normalised densities, (event, theta).

        Args:
            x: Events, (event, observable).
            thetas: Parameter points, (theta, parameter).
            theta_ref: The reference point, (parameter,).
        """
        components = self.density_components(x)
        components /= (components @ monomials(theta_ref))[:, None]
        rates = self.cross_sections(thetas) / self.cross_sections(theta_ref)
        ratio = components @ (monomials(thetas) / rates[:, None]).T
        return np.log(ratio, out=ratio)

    def score(self, x: ArrayLike, theta: ArrayLike) -> Floats:
        """Returns the gradient of log p(x|theta) of the normalised density, (event, parameter).

        Args:
            x: Events, (event, observable).
            theta: The parameter point, (parameter,).
        """
        components, slopes = self.density_components(x), gradients(theta)
        relative = components @ slopes.T / (components @ monomials(theta))[:, None]
        return np.asarray(relative - slopes @ self._integrals / self.cross_sections(theta))

    def log_likelihood(
        self, x: ArrayLike, thetas: ArrayLike, luminosity_ipb: float
    ) -> LogLikelihood:
        """Returns the log-likelihood of data, of which every event counts once.

        Args:
            x: Observed events, (event, observable).
            thetas: Parameter points, (theta, parameter).
            luminosity_ipb: Integrated luminosity in pb^-1.
        """
        components, points = self.density_components(x), monomials(thetas)
        sums = np.zeros(len(points))
        for some in _blocks(len(components)):
            sums += np.log(components[some] @ points.T).sum(axis=0)
        cross_sections = self.cross_sections(thetas)
        n_events, n_expected = len(components), luminosity_ipb * cross_sections
        return LogLikelihood(
            kinematics=sums - n_events * np.log(cross_sections),
            rate=n_events * np.log(n_expected) - n_expected,
        )

    def cross_sections(self, thetas: ArrayLike) -> Floats:
        """Returns the accepted cross section in pb, (theta,) or a single one.

        Args:
            thetas: Parameter points, (theta, parameter) or (parameter,).
        """
        return np.asarray(monomials(thetas) @ self._integrals)

    def asimov_q(
        self, thetas: ArrayLike, theta_true: ArrayLike, luminosity_ipb: float
    ) -> ExpectedLikelihood:
        """Returns the expected test statistic, zero at the true parameters.

        Args:
            thetas: Parameter points, (theta, parameter).
            theta_true: The parameters of the Asimov data, (parameter,).
            luminosity_ipb: Integrated luminosity in pb^-1.
        """
        thetas, (components, weights) = np.asarray(thetas, float), self._nodes
        points, true_density = monomials(thetas), components @ monomials(theta_true)
        log_ratios = np.zeros(len(thetas))
        for some in _blocks(len(weights)):
            ratios = points @ (components[some] / true_density[some, None]).T
            log_ratios += np.log(ratios) @ (weights * true_density)[some]
        n_true = luminosity_ipb * float(self.cross_sections(theta_true))
        n_expected = luminosity_ipb * self.cross_sections(thetas)
        log_rate = np.log(n_expected / n_true)
        q_kinematics = -2 * (luminosity_ipb * log_ratios - n_true * log_rate)
        q_rate = 2 * (n_expected - n_true - n_true * log_rate)
        return ExpectedLikelihood(thetas, q_kinematics, q_kinematics + q_rate, n_true)

    def fisher_information(self, theta: ArrayLike, luminosity_ipb: float) -> FisherInformation:
        """Returns the Fisher information at a parameter point.

        Args:
            theta: The parameter point, (parameter,).
            luminosity_ipb: Integrated luminosity in pb^-1.
        """
        components, weights = self._nodes
        slopes = gradients(theta)
        density_slopes = components @ slopes.T
        density = components @ monomials(theta)
        full = (density_slopes.T * (weights / density)) @ density_slopes
        rate_slopes = slopes @ self._integrals
        rate = np.outer(rate_slopes, rate_slopes) / self.cross_sections(theta)
        full, rate = luminosity_ipb * full, luminosity_ipb * rate
        return FisherInformation(full=full, rate=rate, kinematics=full - rate)

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats]:
        """Density components at the nodes of the acceptance, (node, monomial), and weights."""
        nodes = acceptance_nodes(self.preset.m_min)
        log_m = np.broadcast_to(nodes.log_m[:, None], nodes.y.shape)
        smeared = smeared_signs(log_m.ravel(), nodes.y.ravel(), self.preset.operators)
        smeared = smeared.reshape(2, *nodes.y.shape, -1)
        components = np.einsum("slyr,slym->lyrm", angular_kernels(nodes.r), smeared)
        components = components.reshape(nodes.weights.size, -1)
        weights = nodes.weights.ravel()
        shares = weights * components[:, 0]
        matters = shares > NEGLIGIBLE * shares.sum()
        return components[matters], weights[matters]

    @cached_property
    def _integrals(self) -> Floats:
        """Accepted cross section as a polynomial of the parameters in pb, (monomial,)."""
        components, weights = self._nodes
        return np.asarray(weights @ components)


def _blocks(length: int) -> Iterator[slice]:
    """Yields slices that cover a length."""
    for start in range(0, length, BLOCK):
        yield slice(start, start + BLOCK)
