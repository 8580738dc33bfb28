"""How normalisation, correction and halves of the events change the limit, as a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.diagnostics.curves import Curves
from madminer_workflow.statistics.regions import iou

__all__ = [
    "BiasTest",
    "Normalisation",
    "Stability",
    "bias_test",
    "normalisation",
    "smallest_effective_samples",
    "stability",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Normalisation:
    """How much the normalisation E_ref[r] = 1 had to change the learned ratio.

    Attributes:
        largest: Largest |log E_ref[r]| over all points.
        largest_q: Largest change of q, 2 N |log E_ref[r]|, where q < 12.
    """

    largest: float
    largest_q: float


@dataclass(frozen=True)
class Stability:
    """How much q differs between both halves of the events.

    Attributes:
        error: Monte Carlo error of q from all events, root mean square where q < 12; half of `rms`,
            which is a rough estimate of it, if there is no better one.
        rms: Root mean square of the difference where q < 12.
        largest: Largest difference where q < 12.
        iou: Overlap of the 95 % regions of the halves.
    """

    error: float
    rms: float
    largest: float
    iou: float


@dataclass(frozen=True)
class BiasTest:
    """How much the one-step correction, which removes a bias to first order, changes q.

    Attributes:
        rms: Root mean square of the change where q < 12.
        noise: Root mean square of its Monte Carlo error there.
        size: What remains of `rms` when `noise` is subtracted in quadrature.
        pull: Largest change in units of its error near the 95 % contour.
    """

    rms: float
    noise: float
    size: float
    pull: float


def normalisation(curves: Curves) -> Normalisation | None:
    """Summarises the normalisation of a ratio; None for methods without one.

    Args:
        curves: What depends on the parameter point.
    """
    if curves.log_normalisation is None or curves.offset is None:
        return None
    largest_q = _largest(np.abs(curves.offset[curves.matters]))
    return Normalisation(_largest(np.abs(curves.log_normalisation)), largest_q)


def smallest_effective_samples(curves: Curves) -> float:
    """Returns the smallest effective number of events where q < 12.

    Args:
        curves: What depends on the parameter point.
    """
    return float(np.nanmin(curves.effective_samples[curves.matters], initial=np.inf))


def stability(curves: Curves) -> Stability | None:
    """Compares the halves of the events; None if they were not computed.

    Args:
        curves: What depends on the parameter point.
    """
    if curves.halves is None:
        return None
    first, second = curves.halves
    difference = (first - second)[curves.matters]
    rms = _rms(difference)
    return Stability(
        error=0.5 * rms if curves.error is None else _rms(curves.error[curves.matters]),
        rms=rms,
        largest=_largest(np.abs(difference)),
        iou=iou(first, second, curves.threshold, curves.axes),
    )


def bias_test(curves: Curves) -> BiasTest | None:
    """Compares plug-in and corrected q; None for methods without correction.

    Args:
        curves: What depends on the parameter point.
    """
    if curves.correction is None or curves.correction_error is None:
        return None
    change, error = curves.correction, curves.correction_error
    rms, noise = (_rms(values[curves.matters]) for values in (change, error))
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.abs(change / error)[curves.near_contour]
    return BiasTest(rms, noise, float(np.sqrt(np.maximum(rms**2 - noise**2, 0.0))), _largest(pulls))


def _rms(values: Floats) -> float:
    """Returns the root mean square of the finite values, NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite**2))) if len(finite) else float("nan")


def _largest(values: Floats) -> float:
    """Returns the largest finite value, NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else float("nan")
