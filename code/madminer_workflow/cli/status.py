"""Shows what the last run has done, or does."""

from __future__ import annotations

import collections
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from madminer_workflow.engine.journal import Entry, Report

__all__ = ["duration", "headline", "status"]

_PATH = click.Path(path_type=Path)
_HEAD = ("step", "state", "start", "duration", "last line")


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
def status(output_dir: Path) -> None:
    """Show what the last run has done, or does."""
    from madminer_workflow.engine.journal import read
    from madminer_workflow.tables import table

    report = read(output_dir)
    click.echo(f"{output_dir}: {headline(report)}\n")
    click.echo(table(_HEAD, [_row(entry) for entry in report.steps]))


def headline(report: Report) -> str:
    """Returns how a run is, in one line.

    Args:
        report: What it has noted.
    """
    from madminer_workflow.engine.progress import clock

    end = _now() if report.state == "running" else report.written
    count = collections.Counter(entry.state for entry in report.steps)
    counts = ", ".join(f"{number} {state}" for state, number in count.items())
    total = f"{len(report.steps)}{'' if report.complete else '+'} steps"
    took = clock((end - report.started).total_seconds())
    start = f"{report.started:%Y-%m-%d %H:%M:%S}"
    return f"{report.state}, started {start}, {took}, {total}{counts and ': '}{counts}"


def duration(entry: Entry) -> str | None:
    """Returns how long a step has run; None if nobody knows.

    Args:
        entry: What the run has noted of it.
    """
    from madminer_workflow.engine.progress import clock

    end = _now() if entry.state == "running" else entry.ended
    return clock((end - entry.started).total_seconds()) if entry.started and end else None


def _row(entry: Entry) -> list[str | None]:
    """Returns what stands in the row of a step."""
    start = f"{entry.started:%H:%M:%S}" if entry.started else None
    return [entry.label, entry.state, start, duration(entry), _last_line(entry)]


def _last_line(entry: Entry) -> str | None:
    """Returns why a step failed, or what it said last if it has not ended."""
    from madminer_workflow.engine import logs

    if entry.state in ("running", "interrupted"):
        return logs.progress(entry.folder) or logs.last_line(entry.folder)
    return entry.reason


def _now() -> datetime:
    """Returns the time."""
    return datetime.now().astimezone()
