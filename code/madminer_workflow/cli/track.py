"""Logs a run to MLflow."""

from __future__ import annotations

import sys
from pathlib import Path

import click

__all__ = ["track"]

_PATH = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
@click.option("--follow", "since", type=float, hidden=True)
def track(output_dir: Path, since: float | None) -> None:
    """Log what MLflow does not have yet of a run."""
    from madminer_workflow.engine import journal
    from madminer_workflow.errors import InputError
    from madminer_workflow.tracking import store
    from madminer_workflow.tracking.follow import follow, problem
    from madminer_workflow.tracking.gather import Gatherer, found

    if since is not None:
        if said := follow(output_dir, since):
            click.echo(f"warning: {said}")
        return
    report = journal.read(output_dir) if journal.has_run(output_dir) else found(output_dir)
    if report.state == "running":
        raise InputError(f"output_dir: the run in {output_dir} goes on, and is logged as it does")
    try:
        gatherer = Gatherer(*store.open_store(output_dir), output_dir)
        n_new = gatherer.gather(report)
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        click.echo(f"error: {problem(output_dir, error)}", err=True)
        sys.exit(1)
    click.echo(f"{n_new} runs logged to {store.masked(store.uri_of(output_dir))}")
