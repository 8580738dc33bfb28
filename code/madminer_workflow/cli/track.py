"""Logs a run to MLflow."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from madminer_workflow.errors import InputError

__all__ = ["track"]

_PATH = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
@click.option("--follow", "since", type=float, hidden=True)
@click.option("--study", hidden=True)
def track(output_dir: Path, since: float | None, study: str | None) -> None:
    """Log what MLflow does not have yet of a run."""
    from madminer_workflow.tracking import store
    from madminer_workflow.tracking.follow import follow, problem
    from madminer_workflow.tuning import follow as tuning

    if since is not None:
        folder = output_dir / tuning.FOLDER / study if study else None
        said = tuning.follow(output_dir, folder) if folder else follow(output_dir, since)
        if said:
            click.echo(f"warning: {said}")
        return
    try:
        n_new = _logged(store.folder_of(output_dir))
    except InputError:
        raise
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        click.echo(f"error: {problem(output_dir, error)}", err=True)
        sys.exit(1)
    click.echo(f"{n_new} runs logged to {store.masked(store.uri_of(output_dir))}")


def _logged(output_dir: Path) -> int:
    """Logs what is new in a folder; returns the number of steps and trials."""
    from madminer_workflow.engine import journal
    from madminer_workflow.tracking import store
    from madminer_workflow.tracking.gather import Gatherer, reported
    from madminer_workflow.tuning.follow import log, studies

    searches = studies(output_dir)
    n_new = sum(log(output_dir, folder) for folder in searches)
    if searches and not journal.has_run(output_dir):
        return n_new
    report = reported(output_dir)
    if report.state == "running":
        raise InputError(f"output_dir: the run in {output_dir} goes on, and is logged as it does")
    return n_new + Gatherer(*store.open_store(output_dir), output_dir).gather(report)
