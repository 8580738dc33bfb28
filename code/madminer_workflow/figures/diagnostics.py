"""Figures of diagnostics: what there is to know about how far a method can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from madminer_workflow.figures import style
from madminer_workflow.statistics.diagnostics import (
    BinnedTests,
    Calibration,
    Closure,
    Curves,
    Diagnostics,
    ScoreCalibration,
    ScoreClosure,
    possible_change,
)
from madminer_workflow.statistics.teststatistic import P_68, threshold
from madminer_workflow.statistics.verdict import LARGE, NOTICEABLE, Verdict

__all__ = ["diagnostics"]

Floats = NDArray[np.float64]
Draw = Callable[[Axes], None]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_LARGEST_Q = 2.0  # that is drawn, relative to that at the 95 % contour
_LONGEST_NAME = 14
_LIMIT: Any = {"color": "0.9", "zorder": 0, "linewidth": 0.0}


@style.styled
def diagnostics(diagnostics: Diagnostics, verdict: Verdict, curves: Curves) -> Figure:
    """Draws the diagnostics of one method, a panel each; those that do not apply are left out.

    Args:
        diagnostics: The diagnostics.
        verdict: What follows from them.
        curves: Those that depend on the parameter point.
    """
    draws = [
        *_of_points(curves, style.colour(diagnostics.method)),
        *_of_events(diagnostics, curves.threshold),
    ]
    figure, all_axes = style.panels(len(draws), 3, (4.4, 3.6))
    for axes, draw in zip(all_axes, draws, strict=True):
        draw(axes)
    name = style.method_label(diagnostics.method)
    figure.suptitle(f"{name}: {verdict.level}. {verdict.reason[0].upper()}{verdict.reason[1:]}")
    if diagnostics.calibration is not None:
        style.legend_below(figure, _legend(diagnostics.thetas))
    return figure


def _of_points(curves: Curves, colour: str) -> Iterator[Draw]:
    """Yields what draws the diagnostics that are functions of the parameter point."""
    if curves.offset is not None:
        title = r"normalisation: $2N\,\log\,E_{\mathrm{ref}}[r]$"
        yield partial(_scatter, curves=curves, values=curves.offset, title=title, colour=colour)
    if curves.correction is not None:
        title, error = "bias test: corrected less plug-in $q$", curves.correction_error
        yield partial(
            _scatter,
            curves=curves,
            values=curves.correction,
            title=title,
            colour=colour,
            error=error,
            limit=NOTICEABLE * curves.threshold,
        )
    if curves.halves is not None:
        values, title = curves.halves[0] - curves.halves[1], "stability: difference of the halves"
        yield partial(_scatter, curves=curves, values=values, title=title, colour=colour)
    yield partial(_effective_samples, curves=curves, colour=colour)


def _of_events(diagnostics: Diagnostics, level: float) -> Iterator[Draw]:
    """Yields what draws the diagnostics that compare events."""
    if diagnostics.closure is not None:
        yield partial(_closure, closure=diagnostics.closure, level=level)
    if diagnostics.calibration is not None:
        yield partial(_calibration, calibration=diagnostics.calibration)
    names = diagnostics.parameters
    if diagnostics.score_closure is not None:
        yield partial(_score_closure, closure=diagnostics.score_closure, parameters=names)
    if diagnostics.score_calibration is not None:
        scores = diagnostics.score_calibration
        for number, name in enumerate(names):
            yield partial(_regression, scores=scores, number=number, parameter=name)


def _scatter(
    axes: Axes,
    curves: Curves,
    values: Floats,
    title: str,
    colour: str,
    error: Floats | None = None,
    limit: float | None = None,
) -> None:
    """Draws a change of q against q, one point for each parameter point of the grid."""
    shown = np.flatnonzero(curves.q < _LARGEST_Q * curves.threshold)
    x, y = curves.q[shown], values[shown]
    if error is not None:
        axes.errorbar(x, y, error[shown], fmt="none", ecolor=colour, alpha=0.3, linewidth=0.8)
    if limit is not None:
        axes.axhspan(-limit, limit, **_LIMIT)
    axes.plot(x, y, "o", color=colour, markersize=2.5, markeredgewidth=0.0)
    axes.axhline(0.0, color="0.3", linewidth=0.8)
    axes.set(title=title, ylabel=r"change of $q$")
    _against_q(axes, curves)


def _effective_samples(axes: Axes, curves: Curves, colour: str) -> None:
    """Draws the effective number of events against q."""
    shown = np.flatnonzero(curves.q < _LARGEST_Q * curves.threshold)
    values = curves.effective_samples[shown]
    axes.plot(curves.q[shown], values, "o", color=colour, markersize=2.5, markeredgewidth=0.0)
    axes.set(title="effective number of events", yscale="log")
    finite = values[np.isfinite(values) & (values > 0.0)]
    if len(finite):
        axes.set_ylim(finite.min() / 3.0, finite.max() * 3.0)
    _against_q(axes, curves)


def _against_q(axes: Axes, curves: Curves) -> None:
    """Draws the axis of q, with q at the borders of both regions."""
    for level, line in ((threshold(P_68, len(curves.axes)), "--"), (curves.threshold, "-")):
        axes.axvline(level, color="0.6", linewidth=0.8, linestyle=line, zorder=1)
    axes.set(xlabel="$q$ (lines: borders of 68 and 95 %)")
    axes.set_xlim(0.0, _LARGEST_Q * curves.threshold)


def _closure(axes: Axes, closure: Closure, level: float) -> None:
    """Draws chi-squares of all tests; colours tell how much they matter."""
    changes = possible_change(closure.chi2_data.T, level)
    numbers = [str(number + 1) for number in range(changes.shape[1])]
    image = _table(axes, changes, closure.tests, level)
    _name(axes, closure.observables, numbers)
    axes.set(title=r"closure: $\chi^2/n_{\mathrm{df}}$", xlabel="parameter point")
    axes.figure.colorbar(image, ax=axes, label="possible change of $q$")


def _score_closure(axes: Axes, closure: ScoreClosure, parameters: Sequence[str]) -> None:
    """Draws chi-squares of all tests of a score; colours tell how much they matter."""
    image = _table(axes, 100.0 * closure.lost.T, closure.tests, 100.0 * LARGE)
    _name(axes, closure.observables, [style.parameter_label(name) for name in parameters])
    axes.set(title=r"closure: $\chi^2/n_{\mathrm{df}}$", xlabel="component of the score")
    axes.figure.colorbar(image, ax=axes, label="information lost [%]")


def _table(axes: Axes, sizes: Floats, tests: BinnedTests, largest: float) -> AxesImage:
    """Draws chi-square per degree of freedom on colours for sizes, (row, column)."""
    image = axes.imshow(sizes, cmap="Reds", vmin=0.0, vmax=largest, aspect="auto")
    ratios = (tests.chi2 / np.maximum(tests.ndf, 1)).T
    for (row, column), ratio in np.ndenumerate(ratios):
        colour = "white" if sizes[row, column] > 0.6 * largest else "black"
        text = f"{ratio:.1f}" if ratio < 100.0 else f"{ratio:.0f}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize="x-small")
    return image


def _name(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Names rows and columns of a table."""
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), [row[:_LONGEST_NAME] for row in rows])
    axes.tick_params(which="both", length=0)


def _calibration(axes: Axes, calibration: Calibration) -> None:
    """Draws true less predicted fractions against predicted ones, one line a parameter point."""
    for number in range(len(calibration.predicted)):
        predicted = calibration.predicted[number]
        difference = calibration.true[number] - predicted
        axes.errorbar(predicted, difference, calibration.errors[number], **_look(number))
    axes.axhline(0.0, color="0.3", linewidth=0.8)
    axes.set(title="calibration of $s = 1 / (1 + r)$", xlabel="mean $s$")
    axes.set_ylabel("true fraction less mean $s$")


def _regression(axes: Axes, scores: ScoreCalibration, number: int, parameter: str) -> None:
    """Draws the mean of the joint score in bins of the learned one."""
    learned, joint = scores.learned[number] - scores.mean[number], scores.joint[number]
    axes.axline((0.0, 0.0), slope=1.0, color="0.3", linewidth=0.8)
    axes.errorbar(learned, joint, scores.errors[number], **_look(number))
    slope, error = scores.slope[number], scores.slope_error[number]
    axes.set_title(f"score in {style.parameter_label(parameter)}: slope {slope:.3f} ± {error:.3f}")
    axes.set(xlabel="learned score less its mean", ylabel="mean of the joint score")


def _look(number: int) -> dict[str, Any]:
    """Returns how the points of one parameter point look."""
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    return {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.0}


def _legend(thetas: Floats) -> list[Artist]:
    """Returns what tells which parameter point is which."""
    return [
        Line2D([], [], label=f"{number + 1}: ({', '.join(f'{v:.3g}' for v in theta)})", **look)
        for number, theta in enumerate(thetas)
        for look in [_look(number)]
    ]
