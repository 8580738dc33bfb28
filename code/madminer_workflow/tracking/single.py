"""The run of a step that a user runs alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from madminer_workflow.tracking import store
from madminer_workflow.tracking.log import Record
from madminer_workflow.tracking.runs import FAILED, FINISHED, KILLED, log_record, milliseconds, text

__all__ = ["log_single"]

_BY_SIGNAL = 128  # a larger status means that a signal has ended it


def log_single(
    path: Path,
    name: str,
    parameters: Mapping[str, str],
    output_dir: Path,
    started: float,
    status: int,
) -> None:
    """Logs a step; a store that fails costs a warning, not the result.

    Args:
        path: The record that the step has left, unless it failed.
        name: The name of its entry point.
        parameters: The parameters of the entry point that were given.
        output_dir: The folder of the store, if no other is named.
        started: When it was started, in seconds since the epoch.
        status: Its exit status.
    """
    try:
        client, experiment = store.open_store(output_dir)
        record = Record.read(path) if path.exists() else Record(name, name)
        given = {f"given.{key}": text(value) for key, value in parameters.items()}
        tags = given | ({"error": f"status {status}"} if status else {})
        run = client.create_run(experiment, milliseconds(started), tags, run_name=record.name)
        log_record(client, run, record, path.parent)
        ended = FINISHED if not status else KILLED if status > _BY_SIGNAL else FAILED
        client.set_terminated(run.info.run_id, ended, milliseconds(time.time()))
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        line = f"{store.masked(store.uri_of(output_dir))}: {store.reason(error)}"
        print(f"warning: not logged to MLflow, {line}", file=sys.stderr)
