"""The results as a short table for a terminal."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from madminer_workflow.tables import aligned

__all__ = ["table"]

_WIDTH = 80
_CELL_WIDTH = 32  # of the longest cell, that of the best fit
_REASON_WIDTH = 55  # of that of a verdict
_STAR = " *"


def table(results: Mapping[str, Any]) -> str:
    """Returns the limits of all methods as a table of at most 80 columns.

    Args:
        results: The content of results.json.
    """
    lines: list[str] = []
    for data in (results, *results["data"].values()):
        lines += ["", *_heading(data, results["luminosity_ipb"]), *_tables(data, results)]
    if any(_STAR in line for line in lines):
        lines += ["", "* at the border of the scan: there may be more outside"]
    return "\n".join([*lines[1:], *_verdicts(results["limits"])])


def _verdicts(limits: Mapping[str, Any]) -> list[str]:
    """Returns a line for each method that was diagnosed, whether to trust it and why."""
    verdicts = {name: limit["verdict"] for name, limit in limits.items() if "verdict" in limit}
    rows = [
        [[name], [verdict["level"]], textwrap.wrap(verdict["reason"], _REASON_WIDTH)]
        for name, verdict in verdicts.items()
    ]
    return ["", "can they be trusted:", *_aligned(rows)] if rows else []


def _heading(data: Mapping[str, Any], luminosity_ipb: float) -> list[str]:
    """Returns what the limits are for."""
    if "n_observed" in data:
        what, n_events = "Observed limits", f"{data['n_observed']:.0f}"
    else:
        theta = ", ".join(f"{name} = {value:g}" for name, value in data["theta_true"].items())
        what, n_events = f"Expected limits for {theta}", f"{data['n_expected']:.5g}"
    line = f"{what}, {luminosity_ipb:g} /pb, {n_events} events"
    return textwrap.wrap(line, _WIDTH, subsequent_indent="  ")


def _tables(data: Mapping[str, Any], results: Mapping[str, Any]) -> list[str]:
    """Returns the limits for one set of data, with the rate and without."""
    lines, parameters = [], results["parameters"]
    size = {1: "interval", 2: "area"}.get(len(parameters), "volume")
    kinds = {"full": "kinematics and rate", "kinematics": "kinematics only"}
    for kind in (kind for kind in kinds if kind in results["shown"]):
        rows = [
            [[name], *_row(limit[kind], parameters)]
            for name, limit in data["limits"].items()
            if kind == "full" or name != "rate"
        ]
        titles = [["method"], ["best fit"], [f"68 % {size}"], ["95 %"]]
        lines += ["", f"{kinds[kind]}:", *_aligned([titles, *rows])]
    return lines


def _row(limit: Mapping[str, Any], parameters: Sequence[str]) -> list[list[str]]:
    """Returns the cells of one method, each as its lines."""
    regions = limit["regions"]
    best = [
        _rounded(limit["best_fit"][name], *interval)
        for name, interval in zip(parameters, regions["68"]["box"], strict=True)
    ]
    known = "-" if None in best else ", ".join(filter(None, best))
    known += _STAR if limit["best_fit_at_border"] else ""
    return [textwrap.wrap(known, _CELL_WIDTH), *(_size(regions[level]) for level in ("68", "95"))]


def _rounded(value: float | None, low: float, high: float) -> str | None:
    """Returns a value to a hundredth of an interval or finer; None if there is none."""
    if value is None or not math.isfinite(value):
        return None
    decimals = max(0, 2 - math.floor(math.log10(high - low))) if high > low else 2
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0 makes -0.0 a zero


def _size(region: Mapping[str, Any]) -> list[str]:
    """Returns the size of a region, or its intervals for one parameter, one a line."""
    if region["intervals"] is not None:
        lines = [f"[{low:.3g}, {high:.3g}]" for low, high in region["intervals"]] or ["-"]
    else:
        lines = [_with_error(region["size"], region["size_mc_error"])]
    return [*lines[:-1], lines[-1] + (_STAR if region["touches_border"] else "")]


def _with_error(size: float, error: float | None) -> str:
    """Returns a size with its Monte Carlo error, both to the first digit of the error."""
    if not error or not math.isfinite(error):
        return f"{size:.3g}"
    decimals = max(0, -math.floor(math.log10(error)))
    return f"{size:.{decimals}f} +- {error:.{decimals}f}"


def _aligned(rows: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """Returns the lines of rows with columns of equal width."""
    lines = [line for row in rows for line in itertools.zip_longest(*row, fillvalue="")]
    return [f"  {line}".rstrip() for line in aligned(lines)]
