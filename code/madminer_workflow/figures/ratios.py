"""Figures of learned against joint quantities, the targets of training that hold latent variables.

The learned ratio and score are averages of the joint ones over the latent variables, so points
scatter about the diagonal even for a perfect estimator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from madminer_workflow.figures import style

__all__ = ["Comparison", "correlation", "ratios"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """A learned and a joint quantity of the same samples.

    Attributes:
        method: Name of the method.
        quantity: What is compared: `log r`, or the parameter of a component of the score.
        joint: The joint quantity, (sample,).
        learned: The learned quantity, (sample,).
    """

    method: str
    quantity: str
    joint: Floats
    learned: Floats


def correlation(comparison: Comparison) -> float:
    """Returns the linear correlation of both quantities, NaN if one of them is constant.

    Args:
        comparison: What to compare.
    """
    joint, learned = _finite(comparison)
    if len(joint) < 2 or np.ptp(joint) == 0.0 or np.ptp(learned) == 0.0:
        return float("nan")
    return float(np.corrcoef(joint, learned)[0, 1])


@style.styled
def ratios(comparisons: Sequence[Comparison]) -> Figure:
    """Draws the density of samples in learned against joint quantity, one panel a comparison.

    Args:
        comparisons: What to compare.
    """
    figure, all_axes = style.panels(len(comparisons), 3, (3.7, 3.6))
    for axes, comparison in zip(all_axes, comparisons, strict=True):
        _draw(axes, comparison)
    return figure


def _draw(axes: Axes, comparison: Comparison) -> None:
    """Draws one comparison over the range of all but the most extreme samples."""
    joint, learned = _finite(comparison)
    low, high = np.quantile(np.concatenate([joint, learned]), [0.002, 0.998])
    margin = 0.05 * (high - low) or 1.0
    low, high = float(low - margin), float(high + margin)
    axes.hexbin(
        joint,
        learned,
        gridsize=50,
        extent=(low, high, low, high),
        bins="log",
        cmap="Blues",
        mincnt=1,
        linewidths=0.1,
    )
    axes.plot([low, high], [low, high], color="0.3", linewidth=1.0, linestyle="--")
    quantity = _quantity_label(comparison.quantity)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set(xlabel=f"joint {quantity}", ylabel=f"learned {quantity}")
    name = style.method_label(comparison.method)
    axes.set_title(f"{name}, correlation {correlation(comparison):.3f}")


def _quantity_label(quantity: str) -> str:
    """Returns how the quantity is written on an axis."""
    if quantity == "log r":
        return r"$\log\,r$"
    return f"score in {style.parameter_label(quantity)}"


def _finite(comparison: Comparison) -> tuple[Floats, Floats]:
    """Returns joint and learned quantity of the samples where both are finite."""
    finite = np.isfinite(comparison.joint) & np.isfinite(comparison.learned)
    return comparison.joint[finite], comparison.learned[finite]
