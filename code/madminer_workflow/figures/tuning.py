"""Figures of a search for better settings: how it went, and what mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter
from numpy.typing import NDArray

from madminer_workflow.figures import style

__all__ = ["Trials", "importance", "tuning_history"]

_OUTSIDE = {
    "pruned": ("v", "0.55"),
    "failed": ("x", "#882255"),
    "killed": ("+", "0.55"),
    "above": ("^", ""),
}
"""Marker and colour of trials without an objective, or with one that is out of range."""


@dataclass(frozen=True)
class Trials:
    """What has become of the trials of a search.

    Attributes:
        method: Name of the method.
        objective: Name of what is made small.
        values: What each trial has reached, NaN if it did not reach its end, (trial,).
        states: How each trial ended.
        default: What the settings of the input file reach, for several seeds; (seed,), or empty.
    """

    method: str
    objective: str
    values: NDArray[np.float64]
    states: Sequence[str]
    default: NDArray[np.float64]


@style.styled
def tuning_history(trials: Trials) -> Figure:
    """Draws the objective of each trial and the smallest one so far.

    Args:
        trials: The trials in the order in which they were begun.
    """
    figure, (axes,) = style.panels(1, 1, (6.4, 4.4))
    numbers, reached = np.arange(len(trials.values)), np.isfinite(trials.values)
    colour = style.colour(trials.method)
    if len(trials.default):
        low, high = trials.default.min(), trials.default.max()
        axes.axhspan(low, high, color="0.85", linewidth=0, label="input file, other seeds")
    if reached.any():
        best = np.fmin.accumulate(trials.values)
        axes.step(numbers, best, where="post", color="0.35", linewidth=1.2, label="best so far")
    axes.plot(numbers[reached], trials.values[reached], "o", color=colour, label="complete")
    low, high = _range(np.append(trials.values[reached], trials.default))
    axes.set_ylim(low, high)
    outside = {state: numbers[np.array(trials.states) == state] for state in _OUTSIDE}
    outside["above"] = numbers[reached][trials.values[reached] > high]
    for name, where in outside.items():
        if len(where):
            marker, shade = _OUTSIDE[name]
            heights, over = np.full(len(where), 0.97), axes.get_xaxis_transform()
            shade = shade or colour
            axes.plot(where, heights, marker, ls="none", color=shade, transform=over, label=name)
    axes.set(xlabel="trial", ylabel=trials.objective.replace("_", "-"))
    axes.set_title(style.method_label(trials.method))
    _whole_numbers(axes)
    style.legend_below(figure, axes.get_legend_handles_labels()[0])
    return figure


@style.styled
def importance(trials: Trials, shares: Mapping[str, float] | None) -> Figure:
    """Draws how much of the variation of the objective is due to each key.

    Args:
        trials: The trials.
        shares: The shares by key, the largest first; None if the trials do not tell.
    """
    n_trials = np.isfinite(trials.values).sum()
    rows = list((shares or {}).items())[::-1]
    figure, (axes,) = style.panels(1, 1, (6.4, 1.4 + 0.36 * max(len(rows), 2)))
    title = f"{style.method_label(trials.method)}, {n_trials} complete trials"
    axes.set_title(title)
    axes.yaxis.set_minor_locator(NullLocator())
    if not rows:
        text = "too few trials to tell, or all are alike"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
        axes.set(xticks=[], yticks=[])
        return figure
    names = [key.removeprefix(f"{trials.method}.") for key, _ in rows]
    bars = axes.barh(names, [share for _, share in rows], color=style.colour(trials.method))
    axes.bar_label(bars, [f"{share:.0%}" for _, share in rows], padding=3)
    axes.set(xlim=(0, 1.12 * max(share for _, share in rows) or 1.0))
    axes.set_xlabel(f"share of the variance of {trials.objective.replace('_', '-')}")
    axes.tick_params(axis="y", length=0)
    return figure


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Returns a range of values in which single large ones are cut off."""
    if not len(values):
        return 0.0, 1.0
    low, typical = values.min(), np.quantile(values, 0.75)
    high = min(values.max(), low + 3 * (typical - low)) if typical > low else values.max()
    margin = 0.1 * (high - low) or 1e-3 * abs(low) or 1.0
    return float(low - margin), float(high + 2 * margin)


def _whole_numbers(axes: Axes) -> None:
    """Counts trials, and lets the values of the objective show in what they differ."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
