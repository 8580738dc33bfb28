"""The plotting step of several variants: the products of each, and what compares them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from madminer_workflow.configuration.model import Plotting
from madminer_workflow.configuration.variants import Part
from madminer_workflow.errors import InputError
from madminer_workflow.events import Events
from madminer_workflow.statistics import mean_limit
from madminer_workflow.statistics.ranking import average, ranking
from madminer_workflow.steps.best import Contest
from madminer_workflow.steps.combine import DataLimits
from madminer_workflow.steps.data import EXPECTED
from madminer_workflow.steps.plot import (
    limit_figures,
    plot_into,
    products_folder,
    units_of,
    write_products,
)
from madminer_workflow.steps.report import mark
from madminer_workflow.storage import write_json, write_text
from madminer_workflow.storage.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Run", "comparison", "plot_variants", "rows"]

Record = Mapping[str, Any]

_WHICH = ("full", "kinematics")
_LEVELS = ("68", "95")
_ABOUT = (
    "theta_true",
    "n_expected",
    "n_observed",
    "luminosity_ipb",
    "shown",
    "is_experiment",
)
_LEAST = 2  # initialisations that have a spread
_DRAWN = "95"  # the level of the regions that are drawn


@dataclass(frozen=True)
class Run:
    """The products of one variant.

    Attributes:
        name: Its name, which is also that of its folder.
        record: What varies: `combination`, `values`, `initialisation` and the name of the `sweep`.
        results: The content of its results.json.
        data: Its limits for each set of data.
        contests: For each set of data what tells the best method.
    """

    name: str
    record: Record
    results: Record
    data: Mapping[str, DataLimits]
    contests: Mapping[str, Contest] = field(default_factory=dict)


def plot_variants(
    parts: Sequence[Part],
    events: Events,
    result_files: Sequence[Path],
    output_dir: Path,
    input_file: Path,
) -> tuple[dict[str, Any], Path]:
    """Writes the products of all variants into folders of their names, and compares them.

    results.json comes last: where it is, everything is.

    Args:
        parts: The variants, with the places of their results among all.
        events: All events of the file.
        result_files: The folders of all results.
        output_dir: The WORKDIR.
        input_file: The input file, for the record.

    Returns:
        The content of results.json, and the folder of the products.

    Raises:
        InputError: The results cannot be read or do not belong together.
    """
    target = products_folder(output_dir)
    (target / "results.json").unlink(missing_ok=True)
    runs: list[Run] = []
    for part in parts:
        others = runs[0].contests if runs else {}
        runs.append(_run(part, events, result_files, target, input_file, others))
    inputs = provenance(data_file=events.header.path, input_file=input_file)
    wanted = parts[0].configuration.plotting
    for name, group in _groups(runs).items():
        if name and group[0].record["initialisation"] is not None:
            _write(target / name, group, comparison(group), wanted, events, inputs)
    record = comparison(runs)
    write_text(target / "sweep.csv", _csv(runs, record["best"]))
    return _write(target, runs, record, wanted, events, inputs), target


def rows(run: Run, best: Mapping[str, Record | None] | None = None) -> Iterator[dict[str, Any]]:
    """Yields the rows of a variant in sweep.csv: one for each set of data and method.

    Args:
        run: The variant.
        best: The best method of all variants for each set of data.
    """
    for data, found in _data(run.results).items():
        for method, limit in found["limits"].items():
            own = run.results["limits"].get(method, {})
            yield {
                "combination": run.record["combination"],
                "initialisation": run.record["initialisation"],
                **run.record["values"],
                "data": data,
                "luminosity_ipb": found["luminosity_ipb"],
                "method": method,
                **dict(_numbers(limit)),
                **_learned(own),
                "verdict": own.get("verdict", {}).get("level"),
                "best": mark(method, found.get("best")),
                **_overall((best or {}).get(data), run.record["combination"], method),
                "folder": run.name,
            }


def comparison(runs: Sequence[Run]) -> dict[str, Any]:
    """Returns what compares variants: mean and standard deviation over the initialisations.

    Args:
        runs: The variants.
    """
    return {
        "parameters": runs[0].results["parameters"],
        "sweep": {
            "name": runs[0].record["sweep"] or None,
            "keys": list(dict.fromkeys(key for run in runs for key in run.record["values"])),
        },
        "combinations": [_combination(name, group) for name, group in _groups(runs).items()],
        "best": {data: _best(runs, data) for data in runs[0].contests},
    }


def _run(
    part: Part,
    events: Events,
    result_files: Sequence[Path],
    target: Path,
    input_file: Path,
    others: Mapping[str, Contest],
) -> Run:
    """Writes the products of one variant and returns them."""
    record, places = part.record, part.record["results"]
    if max(places) >= len(result_files):
        raise InputError(
            f"result_files: {len(result_files)} results, expected those of all combinations, as "
            f"{part.name} needs number {max(places) + 1}"
        )
    folders = [result_files[place] for place in places]
    about = {key: record[key] for key in ("combination", "values", "initialisation", "sweep")}
    write_json(target / part.name / "combination.json", about)
    own = target / part.name
    made = plot_into(own, part.configuration, events, folders, input_file, others)
    return Run(part.name, about, made.results, _without_replicas(made.data), made.contests)


def _without_replicas(data: Mapping[str, DataLimits]) -> dict[str, DataLimits]:
    """Returns limits without what takes most memory."""
    return {
        name: replace(one, limits={key: replace(v, replicas={}) for key, v in one.limits.items()})
        for name, one in data.items()
    }


def _write(
    target: Path,
    runs: Sequence[Run],
    compared: Record,
    plotting: Plotting,
    events: Events,
    inputs: Record,
) -> dict[str, Any]:
    """Writes what compares variants; means of limits, too, if they differ by initialisation only.

    Returns:
        The content of results.json.
    """
    record = {**compared, "provenance": inputs}
    drawn = dict(_figures(runs))
    means: Mapping[str, DataLimits] = {}
    if len(record["combinations"]) == 1 and runs[0].record["initialisation"] is not None:
        means = _means(runs)
        drawn |= dict(limit_figures(means, plotting, units_of(events)))
    write_products(target, means, drawn, record)
    return record


def _means(runs: Sequence[Run]) -> dict[str, DataLimits]:
    """Returns the limits with the mean and the standard deviation of q over variants."""
    return {
        name: replace(
            one,
            limits={
                method: mean_limit([run.data[name].limits[method] for run in runs])
                for method in one.limits
                if all(method in run.data[name].limits for run in runs)
            },
        )
        for name, one in runs[0].data.items()
    }


def _groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Returns the variants of each combination, which differ by their initialisation."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.record["combination"], []).append(run)
    return groups


def _data(results: Record) -> dict[str, Record]:
    """Returns what is known about each set of data, by its name."""
    return {EXPECTED: results, **results["data"]}


def _numbers(limit: Record) -> Iterator[tuple[str, Any]]:
    """Yields the numbers of a limit by the names of their columns."""
    for which in _WHICH:
        for level in _LEVELS:
            region = limit[which]["regions"][level]
            yield f"size_{level}_{which}", region["size"]
            yield f"size_{level}_{which}_mc_error", region["size_mc_error"]
            yield f"touches_border_{level}_{which}", region["touches_border"]
        for parameter, value in limit[which]["best_fit"].items():
            yield f"best_fit_{which}_{parameter}", value


def _learned(method: Record) -> dict[str, float | None]:
    """Returns what is known about the training of a method and the bias that it left."""
    members = method.get("members", [])
    bias = (method.get("diagnostics", {}).get("bias_test") or {}).get("size")
    return {
        "validation_loss": _mean([member["validation_loss"] for member in members]),
        "training_seconds": sum(member["training_seconds"] for member in members) or None,
        "bias_test": bias,
    }


def _combination(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Returns the record of one combination."""
    seeds = [run.record["initialisation"] for run in runs]
    return {
        "name": name,
        "values": runs[0].record["values"],
        "initialisations": None if seeds == [None] else seeds,
        "folders": [run.name for run in runs],
        "data": {
            data: {
                **{key: found[key] for key in _ABOUT if key in found},
                "limits": {
                    method: _method([run.results for run in runs], data, method)
                    for method in found["limits"]
                },
            }
            for data, found in _data(runs[0].results).items()
        },
    }


def _method(results: Sequence[Record], data: str, method: str) -> dict[str, Any]:
    """Returns mean and standard deviation of the numbers of a method over initialisations."""
    limits = [_data(one)[data]["limits"].get(method) for one in results]
    numbers = [dict(_numbers(limit)) for limit in limits if limit is not None]
    learned = [one["limits"][method] for one in results if method in one["limits"]]
    columns = [one | _learned(own) for one, own in zip(numbers, learned, strict=True)]
    found: dict[str, Any] = {}
    for column in columns[0]:
        values = [one[column] for one in columns]
        if column.startswith("touches_border"):
            found[column] = any(values)
        else:
            found[column] = {"mean": _mean(values), "std": _std(values)}
    verdicts = [own["verdict"]["level"] for own in learned if "verdict" in own]
    rankings = [_data(one)[data].get("best") or {} for one in results]
    marks = [mark(method, best) for best in rankings if method in best.get("values", {})]
    return found | {k: v for k, v in {"verdicts": verdicts, "best": marks}.items() if v}


def _best(runs: Sequence[Run], data: str) -> dict[str, Any] | None:
    """Returns the best method and combination for a set of data; None if nothing compares all."""
    contests = [run.contests.get(data) for run in runs]
    first = contests[0]
    if first is None or not all(one and first.is_comparable(one) for one in contests):
        return None
    judged = {
        (name, method): average([run.contests[data].judged[method] for run in group])
        for name, group in _groups(runs).items()
        for method in group[0].contests[data].judged
    }
    found = ranking(first.configuration.pick_best, judged)
    return {
        "criterion": found.criterion,
        **_key(found.method),
        "tied": [_key(one) for one in found.tied],
        "values": [_key(key) | asdict(standing) for key, standing in found.values.items()],
    }


def _overall(best: Record | None, combination: str, method: str) -> dict[str, Any]:
    """Returns where a method of a combination stands among all."""
    wanted = {"combination": combination, "method": method}
    found = [one for one in (best or {}).get("values", []) if wanted.items() <= one.items()]
    if best is None or not found:
        return dict.fromkeys(("overall", "criterion", "criterion_difference", "criterion_error"))
    is_best = wanted.items() <= best.items()
    return {
        "overall": "best" if is_best else "tie" if wanted in best["tied"] else "",
        "criterion": found[0]["value"],
        "criterion_difference": found[0]["difference"],
        "criterion_error": found[0]["error"],
    }


def _key(key: tuple[str, str]) -> dict[str, str]:
    """Returns what tells a method of a combination."""
    return dict(zip(("combination", "method"), key, strict=True))


def _mean(values: Sequence[float | None]) -> float | None:
    """Returns the mean of what is known."""
    known = _known(values)
    if len(set(known)) == 1:  # without the rounding of a sum
        return known[0]
    return float(np.mean(known)) if known else None


def _std(values: Sequence[float | None]) -> float | None:
    """Returns the standard deviation of what is known, if that is enough."""
    known = _known(values)
    if len(known) < _LEAST:
        return None
    return float(np.std(known, ddof=1)) if len(set(known)) > 1 else 0.0


def _known(values: Sequence[float | None]) -> list[float]:
    """Returns the values that are finite numbers."""
    return [value for value in values if value is not None and np.isfinite(value)]


def _csv(runs: Sequence[Run], best: Mapping[str, Record | None]) -> str:
    """Returns the content of sweep.csv."""
    table = [row for run in runs for row in rows(run, best)]
    keys = (key for run in runs for key in run.record["values"])
    columns = dict.fromkeys(
        ("combination", "initialisation", *keys, *(key for row in table for key in row))
    )
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in table)
    return stream.getvalue()


def _cell(value: Any) -> Any:
    """Returns a value as the text of a cell; lists and blocks as JSON."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _figures(runs: Sequence[Run]) -> Iterator[tuple[str, Figure]]:
    """Yields the figures that compare the sizes of regions, one for each set of data."""
    from madminer_workflow.figures import ComparedSize, comparison

    for data in dict.fromkeys(data for run in runs for data in _data(run.results)):
        sizes = [
            ComparedSize(name, method, which, *_sizes(group, data, method, which))
            for name, group in _groups(runs).items()
            for found in [_data(group[0].results).get(data, {"limits": {}})]
            for method in found["limits"]
            for which in found["shown"]
            if which == "full" or method != "rate"
        ]
        ending = "" if data == EXPECTED else f"_{data}"
        n_parameters = len(runs[0].results["parameters"])
        yield f"sweep{ending}", comparison(sizes, n_parameters, title=runs[0].record["sweep"])


def _sizes(
    runs: Sequence[Run], data: str, method: str, which: str
) -> tuple[list[float], float | None]:
    """Returns the sizes of the regions of several initialisations, and their Monte Carlo error."""
    limits = [_data(run.results)[data]["limits"].get(method) for run in runs]
    regions = [limit[which]["regions"][_DRAWN] for limit in limits if limit is not None]
    return [one["size"] for one in regions], _mean([one["size_mc_error"] for one in regions])
