"""Registers the best model of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

__all__ = ["register"]

_PATH = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
@click.option("--name", required=True, help="Name of the registered model.")
@click.option("--alias", default="champion", show_default=True, help="Alias of the new version.")
def register(output_dir: Path, name: str, alias: str) -> None:
    """Register the model of the best method of a run in MLflow."""
    from madminer_workflow.errors import InputError
    from madminer_workflow.tracking import store
    from madminer_workflow.tracking.champion import register_best

    try:
        method, version = register_best(output_dir, name, alias)
    except InputError:
        raise
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        uri = store.masked(store.uri_of(output_dir))
        click.echo(f"error: not registered in MLflow, {uri}: {store.reason(error)}", err=True)
        sys.exit(1)
    click.echo(f"{method}: models:/{name}@{alias}, version {version}")
