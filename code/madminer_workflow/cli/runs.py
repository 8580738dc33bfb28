"""Shows what MLflow has of the runs in a folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlflow.entities import Run

__all__ = ["runs"]

_PATH = click.Path(path_type=Path, exists=True, file_okay=False)
_HEAD = ("flow", "started", "state", "method", "entropy", "95 % area", "IoU")
_STUDY_HEAD = ("study", "started", "state", "trials", "objective", "best", "gain")
_PLURALS = {"flow": "flows", "study": "studies"}
_FLOW, _METHOD = 10, 18  # widths of names, so that a table fits into 80 columns


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
def runs(output_dir: Path) -> None:
    """Show the runs that MLflow has, with their results."""
    from madminer_workflow.errors import InputError
    from madminer_workflow.tables import table
    from madminer_workflow.tracking import store
    from madminer_workflow.tracking.gather import flows, studies

    place = store.masked(store.uri_of(output_dir))
    try:
        opened = store.open_existing(output_dir)
        found, searches = flows(*opened), studies(*opened)
    except InputError:
        raise
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        raise InputError(f"{store.URI}: {place} cannot be used ({store.reason(error)})") from error
    if found or not searches:
        click.echo(table(_HEAD, [row for one in found for row in _rows(one)]))
    if searches:
        click.echo("\n" * bool(found) + table(_STUDY_HEAD, [_study_row(one) for one in searches]))
    sizes = {"flow": len(found)} | ({"study": len(searches)} if searches else {})
    words = [f"{n} {name if n == 1 else _PLURALS[name]}" for name, n in sizes.items()]
    click.echo(f"\n{' and '.join(words)} in {place}", err=True)


def _study_row(run: Run) -> list[str | None]:
    """Returns the row of a search for better settings."""
    tags, metrics = run.data.tags, run.data.metrics
    start = datetime.fromtimestamp(run.info.start_time / 1000)
    n_trials = int(sum(n for name, n in metrics.items() if name.startswith("trials/")))
    objective = tags.get("objective", "")
    best = f"{metrics[objective]:.7g}" if objective in metrics else None
    about = [tags.get("method", "")[-_METHOD:], f"{start:%m-%d %H:%M}", run.info.status.lower()]
    return [*about, str(n_trials) if n_trials else None, objective, best, tags.get("gain")]


def _rows(run: Run) -> list[list[str | None]]:
    """Returns the rows of a flow: one for each method and baseline of which it has results."""
    start = datetime.fromtimestamp(run.info.start_time / 1000)
    name = run.data.tags.get("folder", run.info.run_name)
    about = [name[:_FLOW], f"{start:%m-%d %H:%M}", run.info.status.lower()]
    methods = [key.partition("/")[2] for key in run.data.metrics if key.startswith("area_95/")]
    rows = [[*about, method[-_METHOD:], *_numbers(run, method)] for method in methods]
    rest = [["", "", "", *row[3:]] for row in rows[1:]]
    return [*rows[:1], *rest] or [[*about, run.data.params.get("method"), *[None] * 3]]


def _numbers(run: Run, method: str) -> list[str | None]:
    """Returns the numbers of a method as texts."""
    names = ("cross_entropy", "area_95", "iou_95")
    found = [run.data.metrics.get(f"{name}/{method}") for name in names]
    formats = (".5f", ".4g", ".3f")
    return [
        None if value is None else format(value, form)
        for value, form in zip(found, formats, strict=True)
    ]
