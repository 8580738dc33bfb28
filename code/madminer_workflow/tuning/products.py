"""What a search ends with: the best settings as an input file, tables, figures, and its record."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from madminer_workflow import figures, tables
from madminer_workflow.configuration.loading import dumped
from madminer_workflow.configuration.tuning import Dimension
from madminer_workflow.storage import write_figures, write_text
from madminer_workflow.tracking.gather import STUDY
from madminer_workflow.tracking.log import RECORD, Record
from madminer_workflow.tuning.gain import Gain
from madminer_workflow.tuning.records import leave
from madminer_workflow.tuning.search import Search, best_document
from madminer_workflow.tuning.study import ENDED, Attempt, trial_folder

__all__ = ["BEST_FILE", "announce", "counts", "gain_table", "trial_table", "write"]

BEST_FILE = "best.yml"
"""The name of the input file with the best settings."""

_PRODUCTS = (BEST_FILE, "trials.csv", "gain.json", "figures")
_SHOWN = 10  # trials in the terminal
_VERDICTS = {"better": "a gain", "none": "none: within seeds", "worse": "worse"}


def announce(search: Search, n_trials: int) -> None:
    """Leaves the record of a study that begins or goes on.

    Args:
        search: The search.
        n_trials: How many trials are wanted in all.
    """
    folder = search.study.folder
    with search.study.locked():
        is_new = not (folder / RECORD).exists()
        if not is_new and sum(one.state in ENDED for one in search.study.attempts()) >= n_trials:
            return
        record = _record(search) if is_new else Record.read(folder / RECORD)
        tags = {**record.tags, "state": "running"}
        leave(folder, replace(record, tags=tags, metrics={}, history={}, artifacts=[]))


def write(search: Search, gains: Mapping[str, Gain]) -> Path | None:
    """Writes what a search ends with.

    Args:
        search: The search.
        gains: The gain of settings by their names, that of the best trial first.

    Returns:
        The input file with the best settings; None if no trial has reached its end.
    """
    folder, attempts = search.study.folder, search.study.attempts()
    for one in attempts:
        if one.state == "killed" and not (trial_folder(folder, one.number) / RECORD).exists():
            search.diary(one.number, one.values).end(one, search.tuning.objective)
    write_text(folder / "trials.csv", _rows(search, attempts))
    document = best_document(search)
    if document is not None:
        write_text(folder / BEST_FILE, dumped(document))
        write_figures(folder / "figures", _figures(search, attempts, gains), n_processes=1)
    with search.study.locked():
        leave(folder, _ended(Record.read(folder / RECORD), search, attempts, gains))
    return None if document is None else folder / BEST_FILE


def trial_table(search: Search) -> str:
    """Returns the best trials as a table for a terminal, with as many keys as fit.

    Args:
        search: The search.
    """
    done = [one for one in search.study.attempts() if one.objective is not None]
    done.sort(key=lambda one: (one.objective or 0.0, one.number))
    keys = [one.key for one in search.tuning.space]
    text = ""
    for number in range(len(keys), -1, -1):
        head = ["trial", search.tuning.objective]
        head += [key.rpartition(".")[2] for key in keys[:number]]
        rows = [
            [
                one.number,
                f"{one.objective:#.8g}",
                *(_short(one.values, key) for key in keys[:number]),
            ]
            for one in done[:_SHOWN]
        ]
        text = tables.table(head, rows)
        if max(map(len, text.splitlines())) <= tables.WIDTH:
            break
    return text


def gain_table(search: Search, gains: Mapping[str, Gain]) -> str:
    """Returns what settings gain as a table for a terminal.

    Args:
        search: The search.
        gains: The gain of settings by their names.
    """
    first = next(iter(gains.values()))
    head = ["settings", search.tuning.objective, "less by", "error", "spread", "gain"]
    rows: list[list[object]] = [["input file", f"{np.mean(first.default):#.8g}", *[None] * 4]]
    for name, one in gains.items():
        sizes = (f"{size:.1e}" for size in (one.difference, one.error, one.spread))
        rows.append([name[-24:], f"{np.mean(one.tuned):#.8g}", *sizes, _VERDICTS[one.verdict]])
    return tables.table(head, rows)


def counts(attempts: Sequence[Attempt]) -> str:
    """Returns how many trials ended how.

    Args:
        attempts: All trials.
    """
    states = Counter(one.state for one in attempts)
    return f"{len(attempts)} trials: {', '.join(f'{n} {state}' for state, n in states.items())}"


def _rows(search: Search, attempts: Sequence[Attempt]) -> str:
    """Returns all trials as a table of comma-separated values."""
    keys = [one.key for one in search.tuning.space]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["trial", "state", search.tuning.objective, "seconds", *keys, "reason"])
    for one in attempts:
        row = [one.number, one.state, one.objective, one.seconds]
        writer.writerow([*row, *(one.values.get(key) for key in keys), one.reason])
    return lines.getvalue()


def _figures(
    search: Search, attempts: Sequence[Attempt], gains: Mapping[str, Gain]
) -> dict[str, Any]:
    """Returns the figures by their names."""
    method, objective = search.tuning.method, search.tuning.objective
    values = [np.nan if one.objective is None else one.objective for one in attempts]
    default = next((one.default for one in gains.values()), ())
    trials = figures.Trials(
        method, objective, np.array(values), [one.state for one in attempts], np.array(default)
    )
    shares = search.study.importances()
    return {
        "history": figures.tuning_history(trials),
        "importance": figures.importance(trials, shares),
    }


def _record(search: Search) -> Record:
    """Returns what is known of a study before it begins."""
    tuning = search.tuning
    prefix = f"{tuning.method}."
    params = {
        "method": tuning.method,
        "objective": tuning.objective,
        "sampler": tuning.sampler,
        "pruning": tuning.pruning,
        **{f"space.{one.key.removeprefix(prefix)}": _described(one) for one in tuning.space},
    }
    name, now = f"tuning {tuning.method}", time.time()
    return Record(name, STUDY, params, search.tags, dataset=search.dataset, time=now, started=now)


def _ended(
    record: Record, search: Search, attempts: Sequence[Attempt], gains: Mapping[str, Gain]
) -> Record:
    """Returns the record of a study with what it has found."""
    states, objective = Counter(one.state for one in attempts), search.tuning.objective
    metrics: dict[str, float | None] = {f"trials/{state}": n for state, n in states.items()}
    tags: dict[str, object] = {**record.tags, "state": "complete"}
    if gains and (best := search.study.best):
        first = next(iter(gains.values()))
        metrics |= {objective: best.objective, "gain": first.difference, "gain_error": first.error}
        metrics |= {"gain_spread": first.spread}
        tags |= {"best": f"trial {best.number}", "gain": first.verdict}
    artifacts = [name for name in _PRODUCTS if (search.study.folder / name).exists()]
    return replace(record, tags=tags, metrics=metrics, artifacts=artifacts, time=time.time())


def _described(one: Dimension) -> str:
    """Returns what is tried of a key."""
    if one.choices:
        return ", ".join(map(str, one.choices))
    scale = "logarithmic" if one.log else f"step {one.step:g}" if one.step else "linear"
    return f"{one.low:g} to {one.high:g}, {scale}"


def _short(values: Mapping[str, Any], key: str) -> object:
    """Returns a value as a table shows it."""
    value = values.get(key)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else value
