"""How limits look, and the titles and legends that say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from madminer_workflow.figures import style
from madminer_workflow.statistics.limits import Limit, Which
from madminer_workflow.statistics.teststatistic import P_68, P_95

__all__ = [
    "LEVELS",
    "REGIONS",
    "TRUTH",
    "band",
    "band_handles",
    "best_fit",
    "handles",
    "is_observed",
    "line",
    "meanings",
    "observed_handles",
    "title",
]

LEVELS: dict[float, tuple[str, Any]] = {P_68: ("68 %", (0, (4, 2))), P_95: ("95 %", "solid")}
"""Name and line style of the border of each region by its p-value."""

REGIONS = {P_68: 0.45, P_95: 0.2}
"""Opacity of filled regions by their p-values."""

TRUTH: dict[str, Any] = {
    "marker": "*",
    "linestyle": "none",
    "color": "black",
    "markerfacecolor": "none",
    "markersize": 15,
    "zorder": 7,
}
"""The look of the true point."""

_OPACITIES = {True: 0.3, False: 0.4}  # of bands, with the spread between members and without
_NEUTRAL = "0.35"  # the colour of entries for all methods


def line(limit: Limit) -> dict[str, Any]:
    """Returns how the lines of a method look.

    Args:
        limit: Its limit.
    """
    width = 2.2 if limit.name == "exact" else 1.7
    return {"color": style.colour(limit.name), "linewidth": width}


def band(limit: Limit, *, members: bool) -> dict[str, Any]:
    """Returns how the uncertainty of a method looks.

    Args:
        limit: Its limit.
        members: Whether it includes the spread between members.
    """
    return {
        "color": style.colour(limit.name),
        "alpha": _OPACITIES[members],
        "linewidth": 0.0,
        "zorder": 2,
    }


def best_fit(limit: Limit, which: Which) -> dict[str, Any] | None:
    """Returns how the best fit of a method looks, None if there is none to mark.

    That of exact expected data is the true point.

    Args:
        limit: Its limit.
        which: With the rate (full) or without.
    """
    is_truth = limit.name == "exact" and not is_observed(limit)
    if is_truth or np.isnan(limit.minimum(which).theta).any():
        return None
    return {
        "marker": style.marker(limit.name),
        "color": style.colour(limit.name),
        "markeredgecolor": "white",
        "markeredgewidth": 0.7,
        "linestyle": "none",
        "zorder": 6,
    }


def is_observed(limit: Limit) -> bool:
    """Tells whether a limit is one of observed data, which have no true point.

    Args:
        limit: The limit.
    """
    return bool(np.isnan(limit.theta_true).any())


def title(limit: Limit, which: Which, data: str | None = None) -> str:
    """Returns what is shown: the data and the likelihood.

    Args:
        limit: One of the limits shown.
        which: With the rate (full) or without.
        data: What the data are, by default expected or observed.
    """
    data = data or ("Observed" if is_observed(limit) else "Expected")
    likelihood = "kinematics and rate" if which == "full" else "kinematics only"
    luminosity = limit.luminosity_ipb
    amount = f"{luminosity / 1e3:g} fb" if luminosity >= 1e3 else f"{luminosity:g} pb"
    return f"{data} limits, {likelihood}, {amount}$^{{-1}}$"


def handles(limits: Sequence[Limit], which: Which, *, marked: bool = True) -> list[Line2D]:
    """Returns the entries of a legend: the methods and, in a plane, what lines and markers mean.

    Args:
        limits: The limits shown.
        which: With the rate (full) or without.
        marked: Whether best fits and the true point are marked.
    """
    entries = []
    for limit in limits:
        marker = best_fit(limit, which) if marked else None
        options = line(limit) | (marker or {})
        options |= {"linestyle": "solid", "label": style.method_label(limit.name)}
        entries.append(Line2D([], [], **options))
    return [*entries, *(meanings(limits[0]) if marked else [])]


def meanings(limit: Limit) -> list[Line2D]:
    """Returns the entries of a legend that say what line styles and markers mean.

    Args:
        limit: One of the limits shown.
    """
    entries = [_best_fit_entry("best fit")]
    if not is_observed(limit):
        entries.append(Line2D([], [], **TRUTH, label="truth"))
    return [*entries, *(_level_entries("") if len(limit.parameters) > 1 else [])]


def band_handles(limits: Sequence[Limit], which: Which, *, detailed: bool = False) -> list[Line2D]:
    """Returns the entries of a legend that say what bands mean, none if no error is known.

    Args:
        limits: The limits shown.
        which: With the rate (full) or without.
        detailed: Whether the Monte Carlo error is drawn alone too.
    """
    simulation = any(limit.uncertainty(which, ["mc_std"]) is not None for limit in limits)
    spread = any(limit.uncertainty(which, ["std"]) is not None for limit in limits)
    total = r" $\oplus$ ".join(["MC"] * simulation + ["members"] * spread)
    shades = {total: "0.82"} | ({"MC": "0.65"} if simulation and detailed else {})
    return [
        Line2D(
            [],
            [],
            color=_NEUTRAL,
            solid_capstyle="butt",
            path_effects=[withStroke(linewidth=9.0, foreground=shade)],
            label=rf"$\pm 1\sigma$ {name}",
        )
        for name, shade in shades.items()
        if name
    ]


def observed_handles(limit: Limit) -> list[Line2D | Patch]:
    """Returns the entries of a legend that tell what is expected from what is observed.

    Args:
        limit: One of the expected limits shown.
    """
    truth = Line2D([], [], **TRUTH, label="assumed truth")
    markers = [_best_fit_entry("best fit to data"), truth]
    if len(limit.parameters) == 1:
        dashed = Line2D([], [], color=_NEUTRAL, linestyle="dashed", label="expected")
        return [dashed, Line2D([], [], color=_NEUTRAL, label="observed"), *markers]
    fills = [
        Patch(facecolor=_NEUTRAL, alpha=opacity, label=f"expected {LEVELS[p_value][0]}")
        for p_value, opacity in REGIONS.items()
    ]
    return [*fills, *_level_entries("observed "), *markers]


def _best_fit_entry(label: str) -> Line2D:
    """Returns the entry of a legend for best fits."""
    return Line2D([], [], color=_NEUTRAL, marker="o", linestyle="none", label=label)


def _level_entries(prefix: str) -> list[Line2D]:
    """Returns the entries of a legend for the borders of regions."""
    return [
        Line2D([], [], color=_NEUTRAL, linestyle=line_style, label=prefix + name)
        for name, line_style in LEVELS.values()
    ]
