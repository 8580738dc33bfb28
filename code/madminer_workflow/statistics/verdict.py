"""Whether the limits of a learned method can be trusted, in one line.

What counts is how far the 95 % contour moves. Near it q grows like the square of the distance from
the best fit, so a share a of q changes the extent of the region by a / 2 in each parameter and the
area of two by a. The limits below are such shares of q at the contour.

A finding counts only if it is large *and* beyond the Monte Carlo error: tests with many events find
differences that no data will ever see, and tests with few events find large ones by chance. The
truth is not used, even where it is known: the verdict is the same for any process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.diagnostics import Diagnostics, possible_change
from madminer_workflow.statistics.teststatistic import P_95, threshold

__all__ = [
    "LARGE",
    "NOTICEABLE",
    "Verdict",
    "verdict",
]

Level = Literal["trust", "caution", "distrust"]
Floats = NDArray[np.float64]

NOTICEABLE: Final = 0.05
"""Bias of q, or information lost, relative to q at the contour: 5 % of the area."""

LARGE: Final = 0.25
"""Bias of q from which on a region is not to be trusted: a quarter of the area."""

NOISE: Final = 0.1
"""Monte Carlo error of q relative to q at the contour: p-values of 0.05 are right to 0.015."""

VISIBLE: Final = 0.25
"""Largest change of q that a failed closure allows, relative to q at the contour.

It is a bound, which the change would only reach if the mismodelling had the shape of the signal;
measured changes are a quarter to a half of it.
"""

EFFECTIVE_EVENTS: Final = 1000.0
"""Effective number of events below which Monte Carlo errors themselves are uncertain."""

PULL: Final = 4.0
"""Pull near the contour from which on a bias is not noise: the largest of many correlated ones."""

P_VALUE: Final = 1e-3
"""Smallest p-value, times the number of tests, of what may be noise."""


@dataclass(frozen=True)
class Verdict:
    """Whether to trust a method.

    Attributes:
        level: Whether to trust it, to be cautious, or not to trust it.
        reason: Why, in at most 60 characters.
    """

    level: Level
    reason: str


@dataclass(frozen=True)
class _Finding:
    """One number against its limits: `caution` beyond the first, `distrust` beyond the second."""

    value: float
    limits: tuple[float, float]
    reason: str
    significant: bool = True

    @property
    def severity(self) -> float:
        """How far beyond the limits it is: above one for caution, above two for distrust."""
        if not self.significant or np.isnan(self.value):
            return 0.0
        caution, distrust = self.limits
        return self.value / caution if self.value < caution else 1.0 + self.value / distrust


def verdict(diagnostics: Diagnostics) -> Verdict:
    """Judges a method by the worst of its diagnostics; if all are well, the first one is named.

    Args:
        diagnostics: The diagnostics of the method.
    """
    level = threshold(P_95, len(diagnostics.parameters))
    findings = [*_bias(diagnostics, level), *_scores(diagnostics), *_closure(diagnostics, level)]
    findings += [*_noise(diagnostics, level), *_events(diagnostics)]
    worst = max(findings, key=lambda finding: finding.severity)
    if worst.severity < 1.0:
        return Verdict("trust", findings[0].reason)
    return Verdict("caution" if worst.severity < 2.0 else "distrust", worst.reason)


def _bias(diagnostics: Diagnostics, level: float) -> Iterator[_Finding]:
    """Yields what the one-step correction changes, and whether it can see a bias at all."""
    test = diagnostics.bias_test
    if test is None:
        return
    if not np.isfinite(test.size):
        yield _Finding(np.inf, (1.0, 1.0), "bias test: no finite correction of q")
        return
    limits, significant = (NOTICEABLE * level, LARGE * level), test.pull > PULL
    reason = f"bias test: nothing beyond its noise of {test.noise:.2f}"
    if significant:
        numbers = f"(noise {test.noise:.2f}, limit {limits[0]:.2f})"
        reason = f"bias test: q is off by {test.size:.2f} {numbers}"
    yield _Finding(test.size, limits, reason, significant)
    reason = f"bias test: its own error is {test.noise:.2f} (limit {limits[1]:.1f})"
    yield _Finding(test.noise, (LARGE * level, np.inf), reason)


def _scores(diagnostics: Diagnostics) -> Iterator[_Finding]:
    """Yields the share of the information that a learned score misses.

    Histograms of any score give valid limits, so the worst that can be said is caution.
    """
    closure = diagnostics.score_closure
    if closure is None:
        return
    lost = float(np.max(np.where(_significant(closure.tests.p_values), closure.lost, 0.0)))
    numbers = f"misses {100 * lost:.1f} % of information (limit {100 * NOTICEABLE:.0f} %)"
    yield _Finding(lost, (NOTICEABLE, np.inf), f"valid: score {numbers}")


def _closure(diagnostics: Diagnostics, level: float) -> Iterator[_Finding]:
    """Yields what failed closure of the worst observable, or calibration, allows q to be off."""
    closure, calibration = diagnostics.closure, diagnostics.calibration
    if closure is not None:
        significant = _significant(closure.tests.p_values)
        visible = np.where(significant, closure.chi2_data, 0.0).max(axis=0)
        name = closure.observables[int(visible.argmax())]
        yield _visible(f"closure of {name[:14]}", float(visible.max()), level)
    if calibration is not None:
        significant = _significant(calibration.tests.p_values)
        visible = np.where(significant, calibration.chi2_data, 0.0)
        yield _visible("calibration", float(visible.max()), level)


def _visible(what: str, chi2: float, level: float) -> _Finding:
    """Returns the finding for a chi-square of mismodelling that data would see."""
    change, limits = float(possible_change(chi2, level)), (VISIBLE * level, level)
    return _Finding(change, limits, f"{what}: q may be off by {change:.1f} (limit {limits[0]:.1f})")


def _noise(diagnostics: Diagnostics, level: float) -> Iterator[_Finding]:
    """Yields the Monte Carlo error of q."""
    stability = diagnostics.stability
    if stability is not None:
        limits = (NOISE * level, LARGE * level)
        reason = f"Monte Carlo error of q is {stability.error:.2f} (limit {limits[0]:.1f})"
        yield _Finding(stability.error, limits, reason)


def _events(diagnostics: Diagnostics) -> Iterator[_Finding]:
    """Yields the effective number of events and the points without a likelihood."""
    events, unknown = diagnostics.smallest_effective_samples, diagnostics.unknown
    reason = f"only {events:.0f} effective events (limit {EFFECTIVE_EVENTS:.0f})"
    yield _Finding(EFFECTIVE_EVENTS / max(events, 1e-9), (1.0, 10.0), reason)
    reason = (
        f"no likelihood at {100 * unknown:.0f} % of the points (limit {100 * NOTICEABLE:.0f} %)"
    )
    yield _Finding(unknown, (NOTICEABLE, LARGE), reason)


def _significant(p_values: Floats) -> NDArray[np.bool_]:
    """Returns which of several tests find more than noise."""
    return p_values * p_values.size < P_VALUE
