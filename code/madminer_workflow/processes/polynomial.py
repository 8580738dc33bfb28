"""Polynomials of second degree in the parameters, the form of every squared amplitude.

With t = (1, theta_1, ..., theta_k) an amplitude is sum_i v_i t_i, and its squared modulus is a
sum over the monomials t_i t_j, i <= j: 1, theta_a, theta_a theta_b (a <= b), in this order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["gradients", "monomials", "squared_modulus"]

Floats = NDArray[np.float64]


def monomials(thetas: ArrayLike) -> Floats:
    """Returns the monomials at parameter points.

    Args:
        thetas: Parameter points, (theta, parameter) or (parameter,).

    Returns:
        The monomials, (theta, monomial) or (monomial,).

    >>> monomials([2.0, 3.0])
    array([1., 2., 3., 4., 6., 9.])
    """
    t = _with_one(np.asarray(thetas, float))
    i, j = np.triu_indices(t.shape[-1])
    return np.asarray(t[..., i] * t[..., j])


def gradients(theta: ArrayLike) -> Floats:
    """Returns the derivative of each monomial by each parameter, (parameter, monomial).

    Args:
        theta: The parameter point, (parameter,).

    >>> gradients([2.0, 3.0])
    array([[0., 1., 0., 4., 3., 0.],
           [0., 0., 1., 0., 2., 6.]])
    """
    t = _with_one(np.asarray(theta, float))
    i, j = np.triu_indices(len(t))
    derivative = np.eye(len(t))[1:]
    return np.asarray(derivative[:, i] * t[j] + t[i] * derivative[:, j])


def squared_modulus(amplitudes: NDArray[np.complex128]) -> Floats:
    """Returns the coefficients of |sum_i v_i t_i|^2.

    Args:
        amplitudes: The coefficients v of amplitudes, (..., 1 + parameter).

    Returns:
        Real coefficients, (..., monomial).
    """
    i, j = np.triu_indices(amplitudes.shape[-1])
    products = amplitudes[..., i] * amplitudes[..., j].conj()
    return np.asarray(np.where(i == j, 1.0, 2.0) * products.real)


def _with_one(thetas: Floats) -> Floats:
    """Returns t = (1, theta)."""
    return np.concatenate([np.ones((*thetas.shape[:-1], 1)), thetas], axis=-1)
