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
_FLOW, _METHOD = 10, 18  # widths of names, so that a table fits into 80 columns


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
def runs(output_dir: Path) -> None:
    """Show the runs that MLflow has, with their results."""
    from madminer_workflow.errors import InputError
    from madminer_workflow.tables import table
    from madminer_workflow.tracking import store
    from madminer_workflow.tracking.gather import flows

    place = store.masked(store.uri_of(output_dir))
    try:
        found = flows(*store.open_existing(output_dir))
    except InputError:
        raise
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        raise InputError(f"{store.URI}: {place} cannot be used ({store.reason(error)})") from error
    click.echo(table(_HEAD, [row for one in found for row in _rows(one)]))
    click.echo(f"\n{len(found)} flow{'' if len(found) == 1 else 's'} in {place}", err=True)


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
