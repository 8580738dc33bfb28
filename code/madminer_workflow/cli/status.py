"""Shows what the last run has done, or does."""

from __future__ import annotations

import collections
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from madminer_workflow.engine.journal import Entry, Report

__all__ = ["status"]

_PATH = click.Path(path_type=Path)
_HEAD = ("step", "state", "start", "duration", "last line")


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
def status(output_dir: Path) -> None:
    """Show what the last run has done, or does."""
    from madminer_workflow.engine.journal import read
    from madminer_workflow.engine.tables import table

    report = read(output_dir)
    click.echo(f"{output_dir}: {_headline(report)}\n")
    click.echo(table(_HEAD, [_row(entry) for entry in report.steps]))


def _headline(report: Report) -> str:
    """Returns how a run is, in one line."""
    from madminer_workflow.engine.progress import clock

    begin = f"started {report.started:%Y-%m-%d %H:%M:%S}"
    end = datetime.now().astimezone() if report.state == "running" else report.written
    count = collections.Counter(entry.state for entry in report.steps)
    counts = ", ".join(f"{number} {state}" for state, number in count.items())
    total = f"{len(report.steps)}{'' if report.complete else '+'}"
    took = clock((end - report.started).total_seconds())
    return f"{report.state}, {begin}, {took}; of {total} steps {counts or 'none known'}"


def _row(entry: Entry) -> list[str | None]:
    """Returns what stands in the row of a step."""
    from madminer_workflow.engine.progress import clock

    start = f"{entry.started:%H:%M:%S}" if entry.started else None
    took = None
    if entry.started and (end := entry.ended or _now_if(entry.state == "running")):
        took = clock((end - entry.started).total_seconds())
    return [entry.label, entry.state, start, took, _last_line(entry)]


def _now_if(running: bool) -> datetime | None:
    """Returns the time now for a step that is running; nobody knows when another one stopped."""
    return datetime.now().astimezone() if running else None


def _last_line(entry: Entry) -> str | None:
    """Returns why a step failed, or what it said last if it has not ended well."""
    from madminer_workflow.engine import logs

    if entry.state in ("running", "interrupted"):
        return logs.progress(entry.folder) or logs.last_line(entry.folder)
    return entry.reason
