"""Figures of Fisher information: the precision that each observation allows at best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from madminer_workflow.figures import style
from madminer_workflow.statistics import grid
from madminer_workflow.statistics.fisher import FisherInformation
from madminer_workflow.statistics.teststatistic import P_68, threshold

__all__ = ["fisher"]

Floats = NDArray[np.float64]

_FINE = 301  # points an axis of smooth drawing
_WIDEST = 2.5  # range of a parameter, in units of the best precision


@style.styled
def fisher(
    informations: Sequence[FisherInformation],
    parameters: Sequence[str],
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Draws Fisher informations.

    One parameter: a bar each. More: the 68 % contour that each would give in every pair, with the
    rest profiled; what does not measure some direction at all is a band.

    Args:
        informations: The informations, at one parameter point.
        parameters: Names of the parameters.
        units: Unit of each parameter by name, for the axes.
    """
    if len(parameters) == 1:
        return _bars(informations, parameters[0])
    planes = list(combinations(range(len(parameters)), 2))
    figure, all_axes = style.panels(len(planes), 3, (6.4 if len(planes) == 1 else 4.4, 4.2))
    half_widths = _half_widths(informations)
    for axes, (x, y) in zip(all_axes, planes, strict=True):
        for information in informations:
            _contour(axes, information, (x, y), half_widths)
        axes.plot(*informations[0].theta[[x, y]], "+", color="0.3", markersize=10)
        axes.set_xlabel(style.axis_label(parameters[x], units))
        axes.set_ylabel(style.axis_label(parameters[y], units))
    entries = [
        Line2D(
            [],
            [],
            color=style.colour(information.name),
            linestyle=_line_style(information),
            label=style.method_label(information.name),
        )
        for information in informations
    ]
    figure.legend(handles=entries, title="68 % regions", loc="outside right upper")
    return figure


def _bars(informations: Sequence[FisherInformation], parameter: str) -> Figure:
    """Draws the information on one parameter with its Monte Carlo uncertainty."""
    figure, (axes,) = style.panels(1, 1, (6.0, 1.4 + 0.4 * len(informations)))
    axes.barh(
        [style.method_label(information.name) for information in informations],
        [information.matrix.item() for information in informations],
        xerr=[information.uncertainty.item() for information in informations],
        color=[style.colour(information.name) for information in informations],
        height=0.6,
    )
    axes.invert_yaxis()
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_xlabel(f"Fisher information on {style.parameter_label(parameter)}")
    return figure


def _contour(
    axes: Axes, information: FisherInformation, plane: tuple[int, int], half_widths: Floats
) -> None:
    """Draws where q = theta^T I theta reaches the 68 % threshold of two parameters."""
    x, y = (
        information.theta[number] + half_widths[number] * np.linspace(-1.0, 1.0, _FINE)
        for number in plane
    )
    difference = grid.points([x, y]) - information.theta[list(plane)]
    matrix = _profiled(information.matrix, plane)
    q = np.einsum("ni,ij,nj->n", difference, matrix, difference).reshape(_FINE, _FINE)
    level = threshold(P_68, 2)
    if q.max() > level:
        colour, line_style = style.colour(information.name), _line_style(information)
        order = 4 if line_style == "dashed" else 3
        axes.contour(
            x, y, q.T, levels=[level], colors=[colour], linestyles=[line_style], zorder=order
        )
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))


def _line_style(information: FisherInformation) -> Literal["dashed", "solid"]:
    """Returns a line style that keeps the upper bound from hiding what reaches it."""
    return "dashed" if information.name == "full" else "solid"


def _profiled(matrix: Floats, plane: tuple[int, int]) -> Floats:
    """Returns the information on two parameters with the rest profiled (Schur complement)."""
    kept = list(plane)
    rest = [number for number in range(len(matrix)) if number not in kept]
    cross = matrix[np.ix_(kept, rest)]
    inverse = np.linalg.pinv(matrix[np.ix_(rest, rest)]) if rest else np.zeros((0, 0))
    return np.asarray(matrix[np.ix_(kept, kept)] - cross @ inverse @ cross.T)


def _half_widths(informations: Sequence[FisherInformation]) -> Floats:
    """Returns the range shown on each side of the point, (parameter,)."""
    covariances = [i.covariance for i in informations]
    known = [np.diag(c) for c in covariances if c is not None and (np.diag(c) > 0.0).all()]
    if not known:
        return np.ones(len(informations[0].theta))
    errors = np.sqrt(threshold(P_68, 2) * np.array(known))
    return np.asarray(1.15 * np.minimum(errors.max(axis=0), _WIDEST * errors.min(axis=0)))
