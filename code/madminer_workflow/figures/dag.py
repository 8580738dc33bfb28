"""The steps of a workflow and what depends on what, in layers from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from madminer_workflow.figures import style
from madminer_workflow.figures.diagram import Box, colours

__all__ = ["dag"]

# All lengths are in inches.
_HEIGHT, _ROW, _GAP, _MARGIN, _HEAD = 0.5, 0.64, 0.62, 0.25, 0.42
_PER_CHARACTER, _SMALLEST_WIDTH, _PADDING = 0.078, 1.3, 0.13
_LONGEST = 40  # characters of a name
_TEXT, _MUTED, _LINE = "#222222", "#555555", "#9A9A9A"

_Places = dict[str, tuple[float, float]]


@style.styled
def dag(boxes: Sequence[Box], title: str) -> Figure:
    """Draws boxes, each to the right of all that it needs.

    Args:
        boxes: The boxes; what is needed stands before what needs it.
        title: What they are, in a line.
    """
    layers = _layers(boxes)
    rows = _rows(layers)
    widths = [max(map(_width, layer)) for layer in layers]
    lefts = [_MARGIN + sum(widths[:n]) + n * _GAP for n in range(len(widths))]
    n_rows = max(rows.values(), default=0.0) + 1
    height = _HEAD + n_rows * _ROW + _MARGIN
    right = lefts[-1] + widths[-1] if layers else _MARGIN
    width = max(right, _MARGIN + _PER_CHARACTER * len(title)) + _MARGIN
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(_MARGIN, _HEAD / 2, title, va="center", color=_MUTED, parse_math=False)
    inputs, outputs = {}, {}
    for layer, left, layer_width in zip(layers, lefts, widths, strict=True):
        for box in layer:
            middle = _HEAD + (rows[box.key] + 0.5) * _ROW
            inputs[box.key], outputs[box.key] = (left, middle), (left + layer_width, middle)
            _draw_box(axes, box, inputs[box.key], layer_width)
    _draw_arrows(axes, boxes, inputs, outputs)
    return figure


def _layers(boxes: Sequence[Box]) -> list[list[Box]]:
    """Returns the boxes by the length of the longest way to them."""
    depth: dict[str, int] = {}
    for box in boxes:
        depth[box.key] = max((depth[key] + 1 for key in box.needs), default=0)
    n_layers = max(depth.values(), default=-1) + 1
    return [[box for box in boxes if depth[box.key] == n] for n in range(n_layers)]


def _rows(layers: Sequence[Sequence[Box]]) -> dict[str, float]:
    """Returns the row of each box: near those of what it needs, at least one below the other."""
    rows: dict[str, float] = {}
    for layer in layers:
        wanted = {
            box.key: sum(rows[key] for key in box.needs) / len(box.needs) if box.needs else 0.0
            for box in layer
        }
        keys = sorted(wanted, key=lambda key: wanted[key])
        placed: list[float] = []
        for key in keys:
            placed.append(max(wanted[key], placed[-1] + 1) if placed else wanted[key])
        excess = sum(placed) / len(placed) - sum(wanted.values()) / len(placed)
        rows |= {key: row - excess for key, row in zip(keys, placed, strict=True)}
    lowest = min(rows.values(), default=0.0)
    return {key: row - lowest for key, row in rows.items()}


def _width(box: Box) -> float:
    """Returns the width of a box."""
    upper, lower = (len(left) + len(right) for left, right in _lines(box))
    return max(_SMALLEST_WIDTH, _PER_CHARACTER * max(upper, lower) + 3 * _PADDING)


def _lines(box: Box) -> tuple[tuple[str, str], tuple[str, str]]:
    """Returns what stands left and right in the upper and the lower line of a box."""
    name = box.name if len(box.name) <= _LONGEST else f"{box.name[: _LONGEST - 3]}..."
    return (box.title, box.state), (name, box.note)


def _draw_box(axes: Axes, box: Box, place: tuple[float, float], width: float) -> None:
    """Draws a box."""
    (left, middle), (fill, edge) = place, colours(box.state)
    is_sure = box.state not in ("waiting", "may run")
    shape = FancyBboxPatch(
        (left, middle - _HEIGHT / 2),
        width,
        _HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.07",
        facecolor=fill,
        edgecolor=edge,
        linewidth=1.2,
        linestyle="-" if is_sure else (0, (4, 2)),
    )
    axes.add_patch(shape)
    lines = _lines(box)
    is_single = not any(lines[1])
    for (first, second), shift, weight in zip(lines, (-0.1, 0.11), ("bold", None), strict=True):
        y = middle if is_single else middle + shift
        size: dict[str, Any] = {"fontsize": 9, "va": "center_baseline", "parse_math": False}
        axes.text(left + _PADDING, y, first, color=_TEXT, weight=weight, **size)
        colour = edge if weight else _MUTED
        axes.text(left + width - _PADDING, y, second, color=colour, ha="right", **size)


def _draw_arrows(axes: Axes, boxes: Sequence[Box], inputs: _Places, outputs: _Places) -> None:
    """Draws what depends on what as curves from the right of a box to the left of another."""
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    for box in boxes:
        for key in box.needs:
            (x0, y0), (x1, y1) = outputs[key], inputs[box.key]
            middle = (x0 + x1) / 2
            curve = Path([(x0, y0), (middle, y0), (middle, y1), (x1, y1)], codes)
            axes.add_patch(PathPatch(curve, fill=False, edgecolor=_LINE, linewidth=1, zorder=0.5))
    for x, y in {inputs[box.key] for box in boxes if box.needs}:
        tip = Path([(x - 0.09, y - 0.045), (x, y), (x - 0.09, y + 0.045)], closed=False)
        axes.add_patch(PathPatch(tip, fill=False, edgecolor=_LINE, linewidth=1))
