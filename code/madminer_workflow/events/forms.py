"""Event weights as quadratic forms of the parameters.

Where amplitudes are linear in the parameters, the weight of an event is w(theta) = v^T W v with
v = (1, theta - theta_ref) and a symmetric matrix W, linear in its weights at the benchmarks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.errors import InputError
from madminer_workflow.events.header import Header

__all__ = ["form_coefficients", "form_monomials"]

Floats = NDArray[np.float64]

_TOLERANCE = 1e-6  # largest relative deviation of a weight from a quadratic polynomial


def form_monomials(differences: ArrayLike) -> Floats:
    """Returns the products v_i v_j, i <= j, of v = (1, theta - theta_ref), (theta, entry).

    Args:
        differences: Parameter points relative to the reference, (theta, parameter).

    >>> form_monomials([[2.0, 3.0]])
    array([[1., 2., 3., 4., 6., 9.]])
    """
    differences = np.asarray(differences, float)
    v = np.concatenate([np.ones((len(differences), 1)), differences], axis=1)
    i, j = np.triu_indices(v.shape[1])
    return np.asarray(v[:, i] * v[:, j])


def form_coefficients(header: Header, theta_ref: ArrayLike) -> Floats:
    """Returns what turns the weights at the benchmarks into coefficients of the form.

    Args:
        header: The header of the event file.
        theta_ref: The reference point, (parameter,).

    Returns:
        Coefficients of the products of `form_monomials`, (benchmark, entry).

    Raises:
        InputError: The weights of the file are not quadratic in the parameters.
    """
    if header.morphing is None:
        raise InputError(f"{header.path}: no morphing, quadratic needs one of second degree")
    theta_ref, widths = np.asarray(theta_ref, float), np.ptp(header.ranges, axis=1)
    n_entries = form_monomials(theta_ref[None]).shape[1]
    steps = np.random.default_rng(0).uniform(-1.0, 1.0, (3 * n_entries, len(widths)))
    monomials = form_monomials(steps)
    weights = header.morphing.weights(theta_ref + steps * widths)
    coefficients = np.linalg.lstsq(monomials, weights, rcond=None)[0]
    if np.abs(monomials @ coefficients - weights).max() > _TOLERANCE * np.abs(weights).max():
        powers = header.morphing.components.sum(axis=1).max()
        raise InputError(
            f"{header.path}: its morphing has degree {powers} in the parameters, "
            "quadratic needs degree 2"
        )
    return np.asarray((coefficients / form_monomials(widths[None])[0, :, None]).T)
