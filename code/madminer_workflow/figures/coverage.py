"""The figure of coverage: the share of toys whose region contains the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from madminer_workflow.figures import style
from madminer_workflow.statistics.coverage import Coverage, Share
from madminer_workflow.statistics.limits import Which

__all__ = ["CoverageSeries", "coverage"]

Floats = NDArray[np.float64]

_TITLES: dict[Which, str] = {"full": "kinematics and rate", "kinematics": "kinematics only"}
_WIDTH = 0.6  # between the first and the last method of a point, in distances of points


@dataclass(frozen=True)
class CoverageSeries:
    """The coverage of one method.

    Attributes:
        name: Its name in the legend.
        method: The method whose colour and marker it has.
        coverages: The coverage of the regions by their levels in percent, for each true point,
            with the rate and without.
    """

    name: str
    method: str
    coverages: Mapping[Which, Sequence[Mapping[str, Coverage]]]


@style.styled
def coverage(series: Sequence[CoverageSeries], parameters: Sequence[str], thetas: Floats) -> Figure:
    """Draws the coverage at all true points, one panel a level, with the rate and without.

    The bands are two standard deviations of a share of as many toys with the nominal coverage.
    Open markers are regions with the thresholds of the construction of Neyman.

    Args:
        series: The methods, the same points each.
        parameters: Names of the parameters.
        thetas: The true points, (true point, parameter).
    """
    first = series[0].coverages
    levels = sorted(first["full"][0], reverse=True)
    panels = [(level, which) for level in levels for which in _TITLES]
    figure, all_axes = style.panels(len(panels), len(_TITLES), (4.8, 3.1))
    for axes, (level, which) in zip(all_axes, panels, strict=True):
        _nominal(axes, first[which][0][level])
        columns = [
            column
            for one in series
            for column in _columns(one, [at[level] for at in one.coverages[which]])
        ]
        for number, (shares, look) in enumerate(columns):
            x = np.arange(len(shares)) + _WIDTH * ((number + 0.5) / len(columns) - 0.5)
            values, errors = [one.value for one in shares], [one.error for one in shares]
            axes.errorbar(x, values, errors, markersize=5, elinewidth=1.2, **look)
        axes.set_title(f"{level} % region, {_TITLES[which]}")
        axes.set_ylabel("coverage")
        _label_points(axes, parameters, thetas)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def _nominal(axes: Axes, coverage: Coverage) -> None:
    """Draws what the coverage should be."""
    low, high = (coverage.nominal + sign * 2.0 * coverage.nominal_error for sign in (-1.0, 1.0))
    axes.axhspan(low, high, color="0.9", linewidth=0.0, label="nominal, two errors")
    axes.axhline(coverage.nominal, color="0.5", linewidth=1.0)


def _columns(
    one: CoverageSeries, coverages: Sequence[Coverage]
) -> Iterator[tuple[Sequence[Share], dict[str, Any]]]:
    """Yields the shares of a method at all points with their looks: asymptotic, constructed."""
    look = {"color": style.colour(one.method), "fmt": style.marker(one.method)}
    yield [at.coverage for at in coverages], {**look, "label": style.method_label(one.name)}
    constructed = [at.neyman.coverage for at in coverages if at.neyman is not None]
    if constructed:
        label = f"{style.method_label(one.name)}, Neyman"
        yield constructed, {**look, "label": label, "markerfacecolor": "white"}


def _label_points(axes: Axes, parameters: Sequence[str], thetas: Floats) -> None:
    """Labels each true point with the values of the parameters, one below the other."""
    labels = ["\n".join(f"{value:.3g}" for value in theta) for theta in thetas]
    axes.set_xticks(range(len(thetas)), labels)
    axes.tick_params(axis="x", which="both", top=False, length=0)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(-0.5, len(thetas) - 0.5)
    names = ", ".join(style.parameter_label(name) for name in parameters)
    axes.set_xlabel(f"true {names}")
