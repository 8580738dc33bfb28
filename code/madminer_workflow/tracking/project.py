"""Starts an entry point of MLproject in a run of its own, as `mlflow run` does, in half the time.

`mlflow run` imports all of MLflow's command line, and each step would import the client once more
to log. Here the process that has started a step also logs what the step left in a file.

    python -m madminer_workflow.tracking.project FOLDER -e ENTRY -P KEY=VALUE ...
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from madminer_workflow.tracking.log import LOG_FILE, log_file
from madminer_workflow.tracking.store import experiment, masked

__all__ = ["main"]


@click.command()
@click.argument("folder")
@click.option("-e", "--entry-point", required=True, help="Name of the entry point.")
@click.option("-P", "parameters", multiple=True, help="KEY=VALUE; repeatable.")
@click.option("--storage-dir", required=True, help="Folder for temporary files.")
def main(folder: str, entry_point: str, parameters: tuple[str, ...], storage_dir: str) -> None:
    """Run an entry point of the MLproject in FOLDER."""
    os.environ[LOG_FILE] = str(Path(storage_dir) / "log.json")
    from mlflow import projects
    from mlflow.exceptions import MlflowException

    try:
        run = projects.run(
            folder,
            entry_point,
            parameters=dict(pair.split("=", 1) for pair in parameters),
            experiment_name=experiment(entry_point),
            run_name=entry_point,
            env_manager="local",
            storage_dir=storage_dir,
        )
    except MlflowException as error:
        line = masked(f"error: {str(error).partition(chr(10))[0]}")
        sys.exit(line if _unexpected() else 1)
    log_file(run.run_id)


def _unexpected() -> bool:
    """Tells whether it was not the step that failed, which has said why itself."""
    status = os.environ.get("MADMINER_WORKFLOW_STATUS_FILE")
    return status is None or not Path(status).exists()


if __name__ == "__main__":
    main()
