"""The choice of benchmarks that fix the event weights everywhere in the range."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from madminer_workflow.processes.polynomial import monomials

__all__ = ["choose_benchmarks", "determine"]

POINTS_PER_AXIS = 5


def choose_benchmarks(ranges: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], ...]:
    """Returns the Standard Model and further points of a grid that interpolate well.

    They are approximate Fekete points (Sommariva, Vianello, 2009, Comput. Math. Appl. 57, 1324):
    each next one has the monomials that are least of all a combination of those of the others.

    Args:
        ranges: Smallest and largest value of each parameter.

    Returns:
        Parameter points, as many as there are monomials.
    """
    axes = [np.linspace(low, high, POINTS_PER_AXIS) for low, high in ranges]
    grid = np.array([[0.0] * len(axes), *itertools.product(*axes)])
    remainders, _ = np.linalg.qr(monomials(grid / np.abs(ranges).max(axis=1)))
    chosen = [0]
    while len(chosen) < remainders.shape[1]:
        direction = remainders[chosen[-1]] / np.linalg.norm(remainders[chosen[-1]])
        remainders -= np.outer(remainders @ direction, direction)
        chosen.append(int((remainders**2).sum(axis=1).argmax()))
    return tuple(tuple(float(value) for value in grid[index]) for index in chosen)


def determine(benchmarks: Sequence[Sequence[float]]) -> bool:
    """Returns whether weights at the benchmarks determine those at every other point.

    Args:
        benchmarks: Parameter points, as many as there are monomials.
    """
    return int(np.linalg.matrix_rank(monomials(benchmarks))) == len(benchmarks)
