"""The results as a short table for a terminal."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from madminer_workflow.steps.data import EXPECTED
from madminer_workflow.tables import WIDTH, aligned

__all__ = ["mark", "table"]

_CRITERIA = {"cross_entropy": "cross-entropy", "closure": "closure chi-square"}
_CELL_WIDTH = 28  # of the longest cell, that of the best fit
_REASON_WIDTH = 55  # of that of a verdict
_NAME_WIDTH = 22  # of the name of a combination
_STAR = " *"
_BORDER = "* at the border of the scan: there may be more outside"
_SIZES = {1: "interval", 2: "area"}
_LEAST = 2  # that can be compared
_N_NEAREST = 6  # of all combinations and methods
_VERDICTS = ("", "trust", "caution", "distrust")  # from good to bad


def table(results: Mapping[str, Any]) -> str:
    """Returns the limits of all methods as a table of at most 80 columns.

    Args:
        results: The content of results.json.
    """
    if "combinations" in results:
        return _comparison(results)
    lines: list[str] = []
    common = {key: results[key] for key in ("parameters", "luminosity_ipb", "shown")}
    for name, further in {"": results, **results["data"]}.items():
        data = {**common, **further}
        title = f"{name}: " if data.get("is_experiment") else ""
        lines += ["", *_heading(title, data), *_tables(data), *_best(data.get("best"))]
    if any(_STAR in line for line in lines):
        lines += ["", _BORDER]
    return "\n".join([*lines[1:], *_verdicts(results["limits"])])


def mark(name: str, best: Mapping[str, Any] | None) -> str:
    """Returns whether a method is the `best` one, or as good within errors, a `tie`.

    Args:
        name: Name of the method.
        best: The best method for a set of data, as in results.json.
    """
    if not _is_contest(best):
        return ""
    return "best" if name == best["method"] else "tie" if name in best["tied"] else ""


def _comparison(results: Mapping[str, Any]) -> str:
    """Returns the comparison of combinations; the first set of data stands for all."""
    combinations = results["combinations"]
    first = combinations[0]["data"][EXPECTED]
    size = _SIZES.get(len(results["parameters"]), "volume")
    rows = [[["combination"], ["method"], [f"95 % {size}"], ["kinematics"], ["trust"], [""]]]
    tables = {
        one["name"]: {
            method: _compared(method, limit)
            for method, limit in one["data"][EXPECTED]["limits"].items()
        }
        for one in combinations
    }
    # What needs no training is the same everywhere, unless its settings vary.
    same = [
        cells
        for method, cells in tables[combinations[0]["name"]].items()
        if len(tables) > 1 and all(table.get(method) == cells for table in tables.values())
    ]
    for name, table in [*tables.items(), ("all", {cells[0]: cells for cells in same})]:
        own = [cells for cells in table.values() if cells not in same or name == "all"]
        if own:
            title = textwrap.wrap(name.replace("__", " "), _NAME_WIDTH) or ["all"]
            rows.append([title, *map(list, zip(*own, strict=True))])
    lines = [*_heading("", first), "", *_aligned(rows)]
    lines += _overall(results["best"].get(EXPECTED))
    notes = ["", "mean and standard deviation over initialisations"]
    notes = notes if any(one["initialisations"] for one in combinations) else []
    if any(_STAR in line for line in lines):
        notes += ["", _BORDER]
    return "\n".join([*lines, *notes])


def _compared(method: str, limit: Mapping[str, Any]) -> list[str]:
    """Returns the cells of one method of a combination."""
    verdict = max(limit.get("verdicts", [""]), key=_VERDICTS.index)
    sizes = (_mean_size(limit, which) for which in ("full", "kinematics"))
    return [method, *sizes, verdict, _common_mark(limit.get("best", []))]


def _common_mark(marks: Sequence[str]) -> str:
    """Returns how often a method is the best one, if it is not always the same."""
    if 0 < marks.count("best") < len(marks):
        return f"best {marks.count('best')}/{len(marks)}"
    return next(filter(None, marks), "")


def _mean_size(limit: Mapping[str, Any], which: str) -> str:
    """Returns the size of a region with its spread, or its Monte Carlo error without one."""
    column = f"size_95_{which}"
    std, error = limit[column]["std"], limit[f"{column}_mc_error"]["mean"]
    star = _STAR if limit[f"touches_border_95_{which}"] else ""
    return _with_error(limit[column]["mean"], error if std is None else std) + star


def _verdicts(limits: Mapping[str, Any]) -> list[str]:
    """Returns a line for each method that was diagnosed, whether to trust it and why."""
    verdicts = {name: limit["verdict"] for name, limit in limits.items() if "verdict" in limit}
    rows = [
        [[name], [verdict["level"]], textwrap.wrap(verdict["reason"], _REASON_WIDTH)]
        for name, verdict in verdicts.items()
    ]
    return ["", "can they be trusted:", *_aligned(rows)] if rows else []


def _best(best: Mapping[str, Any] | None) -> list[str]:
    """Returns which method is best by what, and how far the others are from it."""
    if not _is_contest(best):
        return []
    return _contest(best["criterion"], best["method"], best["tied"], best["values"])


def _overall(best: Mapping[str, Any] | None) -> list[str]:
    """Returns which method of which combination is best of all, and how far the next are from it.

    What is the same in all combinations has the name of the method alone.
    """
    if best is None:
        return []
    names = {}
    for one in best["values"]:
        every = {two["value"] for two in best["values"] if two["method"] == one["method"]}
        label = f"{one['method']} of {one['combination']}".replace("__", " ")
        names[_key(one)] = label if len(every) > 1 else one["method"]
    values = {names[_key(one)]: one for one in best["values"]}
    if len(values) < _LEAST:
        return []
    name, tied = names[_key(best)], dict.fromkeys(names[_key(one)] for one in best["tied"])
    nearest = sorted(values, key=lambda name: float(values[name]["difference"]))[:_N_NEAREST]
    shown = {name: values[name] for name in nearest}
    return _contest(best["criterion"], name, [one for one in tied if one != name], shown)


def _key(one: Mapping[str, Any]) -> tuple[str, str]:
    """Returns combination and method of an entry."""
    return one["combination"], one["method"]


def _contest(
    criterion: str, method: str, tied: Sequence[str], values: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Returns which of several names is best by what, and how far the others are from it."""
    scale, what = 1.0, f"larger {_CRITERIA[criterion]}"
    # An event costs log 2 without any ratio: what is less than that is information.
    information = math.log(2) - values[method]["value"]
    if criterion == "cross_entropy" and information > 0.0:
        scale, what = 100 / information, "% of its information missing"
    others = [
        name + f" {_with_error(one['difference'] * scale, one['error'] * scale)}".replace(" ", "~")
        for name, one in values.items()
        if name != method
    ]
    ties = f", a tie within errors: {', '.join(tied)}" if tied else ""
    line = f"best by {criterion.replace('_', '-')}: {method}{ties}; {what}: "
    lines = textwrap.wrap(line + ", ".join(others), WIDTH, subsequent_indent="  ")
    return ["", *(line.replace("~", " ") for line in lines)]  # numbers stay with their names


def _is_contest(best: Mapping[str, Any] | None) -> TypeGuard[Mapping[str, Any]]:
    """Returns whether several methods were compared."""
    return best is not None and len(best["values"]) > 1


def _heading(title: str, data: Mapping[str, Any]) -> list[str]:
    """Returns what the limits are for."""
    if "n_observed" in data:
        what, n_events = "Observed limits", f"{data['n_observed']:.0f}"
    else:
        theta = ", ".join(f"{name} = {value:g}" for name, value in data["theta_true"].items())
        what, n_events = f"Expected limits for {theta}", f"{data['n_expected']:.5g}"
    line = f"{title}{what}, {data['luminosity_ipb']:g} /pb, {n_events} events"
    return textwrap.wrap(line, WIDTH, subsequent_indent="  ")


def _tables(data: Mapping[str, Any]) -> list[str]:
    """Returns the limits for one set of data, with the rate and without."""
    lines, parameters = [], data["parameters"]
    size = _SIZES.get(len(parameters), "volume")
    kinds = {"full": "kinematics and rate", "kinematics": "kinematics only"}
    for kind in (kind for kind in kinds if kind in data["shown"]):
        rows = [
            [[name], *_row(limit[kind], parameters), [mark(name, data.get("best"))]]
            for name, limit in data["limits"].items()
            if kind == "full" or name != "rate"
        ]
        titles = [["method"], ["best fit"], [f"68 % {size}"], ["95 %"], [""]]
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
