"""The results as a short table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["table"]

_STAR = " *"


def table(results: Mapping[str, Any]) -> str:
    """Returns the limits of all methods as a table of at most 80 columns.

    Args:
        results: The content of results.json.
    """
    parameters = results["parameters"]
    size = {1: "length", 2: "area"}.get(len(parameters), "volume")
    kinds = [("full", "kinematics and rate"), ("kinematics", "kinematics only")]
    shown = [(kind, words) for kind, words in kinds if kind in results["shown"]]
    theta = ", ".join(f"{name} = {value:g}" for name, value in results["theta_true"].items())
    lines = [
        f"Expected limits for {theta}, {results['luminosity_ipb']:g} /pb, "
        f"{results['n_expected']:.5g} events",
    ]
    for kind, words in shown:
        rows = [
            [name, *_row(limit[kind], parameters)]
            for name, limit in results["limits"].items()
            if kind == "full" or name != "rate"
        ]
        lines += [
            "",
            f"{words}:",
            *_aligned([["method", "best fit", f"68 % {size}", "95 %"], *rows]),
        ]
    if any(_STAR in line for line in lines):
        lines += ["", "* reaches the border of the scan and may be larger"]
    return "\n".join(lines)


def _row(limit: Mapping[str, Any], parameters: Sequence[str]) -> list[str]:
    """Returns the cells of one method."""
    fitted = [limit["best_fit"][name] for name in parameters]
    best = "-" if None in fitted else ", ".join(f"{value:.2f}" for value in fitted)
    return [best, *(_size(limit["regions"][level]) for level in ("68", "95"))]


def _size(region: Mapping[str, Any]) -> str:
    """Returns the size of a region, or its intervals for one parameter."""
    if region["intervals"] is not None:
        text = " and ".join(f"[{low:.3g}, {high:.3g}]" for low, high in region["intervals"])
    else:
        text = f"{region['size']:.3g}"
    return text + (_STAR if region["touches_border"] else "")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the rows with columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
