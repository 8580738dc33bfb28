"""What a search ends with: the best settings as an input file, and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from madminer_workflow import tables
from madminer_workflow.configuration.loading import dumped
from madminer_workflow.storage import write_text
from madminer_workflow.tuning.gain import Gain
from madminer_workflow.tuning.search import Search, best_document
from madminer_workflow.tuning.study import Attempt

__all__ = ["BEST_FILE", "conclusion", "table", "write"]

BEST_FILE = "best.yml"
"""The name of the input file with the best settings."""

_SHOWN = 10  # trials in the terminal


def write(search: Search) -> Path | None:
    """Writes the trials as trials.csv, and the best settings as an input file.

    Args:
        search: The search.

    Returns:
        The input file; None if no trial has reached its end.
    """
    folder, attempts = search.study.folder, search.study.attempts()
    keys = [one.key for one in search.tuning.space]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["trial", "state", search.tuning.objective, "seconds", *keys, "reason"])
    for one in attempts:
        values = [one.values.get(key, "") for key in keys]
        row = [one.number, one.state, one.objective, one.seconds, *values, one.reason]
        writer.writerow(["" if entry is None else entry for entry in row])
    write_text(folder / "trials.csv", lines.getvalue())
    document = best_document(search)
    if document is None:
        return None
    write_text(folder / BEST_FILE, dumped(document))
    return folder / BEST_FILE


def table(attempts: Sequence[Attempt]) -> str:
    """Returns the best trials as a table for a terminal.

    Args:
        attempts: All trials.
    """
    done = [one for one in attempts if one.objective is not None]
    done.sort(key=lambda one: (one.objective or 0.0, one.number))
    keys = list(dict.fromkeys(key for one in done for key in one.values))
    head = ["trial", "objective", *(key.rpartition(".")[2] for key in keys)]
    rows = [
        [one.number, f"{one.objective:.6f}", *(_short(one.values.get(key)) for key in keys)]
        for one in done[:_SHOWN]
    ]
    return tables.table(head, rows)


def conclusion(search: Search, gain: Gain | None) -> str:
    """Returns in a sentence what the search has found.

    Args:
        search: The search.
        gain: The gain of its best settings over those of the input file.
    """
    attempts = search.study.attempts()
    states = [one.state for one in attempts]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    if gain is None:
        return f"{len(attempts)} trials ({counts}): none has reached its end"
    words = {
        "better": "a gain",
        "none": "no gain: it is inside the spread of seeds",
        "worse": "worse",
    }
    return (
        f"{len(attempts)} trials ({counts}). {search.tuning.objective} less by "
        f"{gain.difference:.2g} +- {gain.error:.2g} than with the input file, "
        f"spread of seeds {gain.spread:.2g}, {len(gain.tuned)} seeds: {words[gain.verdict]}"
    )


def _short(value: object) -> object:
    """Returns a value as a table shows it."""
    return f"{value:.4g}" if isinstance(value, float) else value
