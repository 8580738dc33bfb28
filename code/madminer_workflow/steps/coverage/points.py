"""The true points at which coverage is tried out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Limits
from madminer_workflow.errors import InputError
from madminer_workflow.events import Events
from madminer_workflow.statistics import P_95, grid, threshold
from madminer_workflow.statistics.coverage import spread
from madminer_workflow.statistics.interpolation import minimum
from madminer_workflow.statistics.teststatistic import rate_term
from madminer_workflow.steps.data import EXPECTED
from madminer_workflow.steps.members import Member

__all__ = ["chosen_points", "given_points"]

Floats = NDArray[np.float64]

_N_POINTS = 5  # besides the one of the expected data


def given_points(events: Events, limits: Limits, thetas: Sequence[Sequence[float]]) -> Floats:
    """Returns true points that a user has given, (true point, parameter).

    Args:
        events: All events of the file.
        limits: The scanned region.
        thetas: The points.

    Raises:
        InputError: One has the wrong length, is outside the region, or has no cross section.
    """
    return np.array([_checked(events, limits, theta) for theta in thetas])


def chosen_points(events: Events, limits: Limits, members: Sequence[Member]) -> Floats:
    """Returns true points in the expected 95 % region of a method, (true point, parameter).

    The first is the point of the expected data. The others are five grid points of the region that
    the method expects for it with the rate, each as far as possible from those before it. The
    border of the scan is left out: beyond it no toy can have its best fit.

    Args:
        events: All events of the file.
        limits: The grid and the data of the evaluations.
        members: The members of the method.

    Raises:
        InputError: The method has no likelihood at any point.
    """
    axes = grid.axes(limits.region, limits.resolutions)
    q = _expected_q(events, limits, members).reshape(grid.shape(axes))
    inside = np.zeros(q.shape, bool)
    interior = (slice(1, -1),) * q.ndim
    inside[interior] = q[interior] < threshold(P_95, q.ndim)
    widths = np.ptp(limits.region, axis=1)
    candidates = grid.points(axes)[inside.ravel()] / widths
    return np.asarray(spread(candidates, limits.thetas_true[0] / widths, _N_POINTS) * widths)


def _expected_q(events: Events, limits: Limits, members: Sequence[Member]) -> Floats:
    """Returns q of the first expected data with the rate, uncorrected as in toys, (theta,)."""
    axes = grid.axes(limits.region, limits.resolutions)
    likelihoods = [member.evaluation.likelihoods[EXPECTED] for member in members]
    mean = np.mean([one.plug_in for one in likelihoods], axis=0)
    predicted = limits.luminosity_ipb * events.cross_sections(grid.points(axes))
    q = rate_term(likelihoods[0].n_events, predicted) - 2.0 * mean
    if not np.isfinite(q).any():
        raise InputError(f"{members[0].folder}: no likelihood at any parameter point")
    return np.asarray(q - minimum(q.reshape(grid.shape(axes)), axes).value)


def _checked(events: Events, limits: Limits, theta: Sequence[float]) -> Floats:
    """Returns a true point if it can be one."""
    names, text = events.header.parameter_names, ", ".join(f"{value:g}" for value in theta)
    if len(theta) != len(names):
        raise InputError(f"theta: {text}, expected one number for each of {', '.join(names)}")
    for name, value, (low, high) in zip(names, theta, limits.region, strict=True):
        if not low <= value <= high:
            raise InputError(
                f"theta: {name} = {value:g}, allowed: {low:g} to {high:g}, the scanned region"
            )
    if not events.cross_sections([theta])[0] > 0.0:
        raise InputError(f"theta: {text}, where the events have no positive cross section")
    return np.array(theta, float)
