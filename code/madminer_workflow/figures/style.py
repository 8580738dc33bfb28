"""How figures look: fonts, one colour and one marker a method, names of methods and parameters."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar
from zlib import crc32

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = [
    "axis_label",
    "colour",
    "legend_below",
    "marker",
    "method_label",
    "method_panels",
    "panel",
    "panels",
    "parameter_label",
    "styled",
]

P = ParamSpec("P")
R = TypeVar("R")

# After the palettes of Okabe and Ito (2008) and Tol (2021), which people with colour-vision
# deficiencies can tell apart; related methods have related hues.
_COLOURS = {
    "exact": "#000000",
    "quadratic": "#D55E00",
    "alices": "#0072B2",
    "alice": "#56B4E9",
    "carl": "#CC79A7",
    "rolr": "#E69F00",
    "cascal": "#882255",
    "rascal": "#AA4499",
    "sally": "#009E73",
    "sallino": "#999933",
    "scandal": "#332288",
    "histogram": "#7A5230",
    "rate": "#888888",
    "full": "#000000",  # the last two are Fisher informations
    "kinematics": "#0072B2",
}
_MARKERS = {
    "exact": "X",
    "quadratic": "o",
    "alices": "s",
    "alice": "D",
    "carl": "^",
    "rolr": "v",
    "cascal": "P",
    "rascal": "<",
    "sally": "d",
    "sallino": "p",
    "scandal": "h",
    "histogram": ">",
    "rate": "8",
}
_LABELS = {
    "exact": "exact",
    "quadratic": "quadratic",
    "histogram": "histogram",
    "rate": "rate only",
    "full": "full (upper bound)",
    "kinematics": "kinematics only",
}
_OTHERS = ("#117733", "#88CCEE", "#661100", "#6699CC", "#AA4466")

_STYLE: Any = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 12,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "axes.linewidth": 0.8,
    "axes.axisbelow": "line",
    "lines.linewidth": 1.7,
    "lines.markersize": 6,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "mathtext.fontset": "dejavusans",
    "figure.constrained_layout.use": True,
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Makes a function draw in the style of the project, whatever the user's settings are.

    Args:
        draw: A function that makes a figure.
    """

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return draw(*args, **kwargs)

    return wrapper


def colour(method: str) -> str:
    """Returns the colour of a method, the same in every figure.

    Args:
        method: Its name.
    """
    return _COLOURS.get(method, _OTHERS[crc32(method.encode()) % len(_OTHERS)])


def marker(method: str) -> str:
    """Returns the marker of a method, the same in every figure.

    Args:
        method: Its name.
    """
    return _MARKERS.get(method, "H")


def method_label(method: str) -> str:
    """Returns the name of a method as its authors write it.

    Args:
        method: Its name.

    Example:
        >>> method_label("alices"), method_label("rate"), method_label("my_trees")
        ('ALICES', 'rate only', 'my_trees')
    """
    if method in _LABELS:
        return _LABELS[method]
    return method.upper() if method in _COLOURS else _plain(method)


def parameter_label(parameter: str) -> str:
    r"""Returns the name of a parameter: a letter with an index is typeset, all else left alone.

    Args:
        parameter: Its name.

    Example:
        >>> parameter_label("c_eu"), parameter_label("CWL2"), parameter_label("my_own_$")
        ('$c_{\\mathrm{eu}}$', 'CWL2', 'my_own_\\$')
    """
    match = re.fullmatch(r"([A-Za-z])_([A-Za-z0-9]+)", parameter)
    if match:
        return rf"${match[1]}_{{\mathrm{{{match[2]}}}}}$"
    return _plain(parameter)


def axis_label(parameter: str, units: Mapping[str, str] | None = None) -> str:
    """Returns the label of an axis: the parameter and its unit, if it has one.

    Args:
        parameter: Name of the parameter.
        units: Unit of each parameter by name.
    """
    unit = (units or {}).get(parameter)
    return parameter_label(parameter) + (f" [{unit}]" if unit else "")


def panels(n: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Returns a figure with a number of panels, row by row.

    Args:
        n: Number of panels.
        columns: Largest number of panels in a row; all rows but the last are equally full.
        size: Width and height of a panel in inches.
    """
    rows = math.ceil(n / columns)
    columns = math.ceil(n / rows)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    return figure, [panel(figure, (rows, columns), number) for number in range(n)]


def method_panels(n: int, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Returns a figure with a panel a method, a larger one if there is only one.

    Args:
        n: Number of panels.
        columns: Largest number of panels in a row.
    """
    return panels(n, columns, (5.6, 5.2) if n == 1 else (3.7, 3.3))


def panel(figure: Figure, shape: tuple[int, int], number: int) -> Axes:
    """Adds a panel to a figure.

    Args:
        figure: The figure.
        shape: Number of rows and columns of its panels.
        number: Which panel, counted row by row from zero.
    """
    axes = figure.add_subplot(*shape, number + 1)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    return axes


def legend_below(figure: Figure, entries: Sequence[Artist]) -> None:
    """Draws a legend below all panels, in as many rows as the width of the figure demands.

    Args:
        figure: The figure.
        entries: What the legend shows; there is none without.
    """
    for rows in range(1, len(entries) + 1):
        columns = math.ceil(len(entries) / rows)
        legend = figure.legend(handles=entries, loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width < figure.bbox.width:
            return
        legend.remove()


def _plain(text: str) -> str:
    """Returns text that is not taken for mathematics."""
    return text.replace("$", r"\$")
