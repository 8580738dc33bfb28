"""What logs a study to MLflow while it goes on: a process beside each of those that take trials."""

from __future__ import annotations

import os
from pathlib import Path

from madminer_workflow.tracking import store
from madminer_workflow.tracking.follow import (
    AGAIN_SECONDS,
    EVERY_SECONDS,
    input_ends,
    problem,
    wait_while,
)
from madminer_workflow.tracking.gather import Gatherer
from madminer_workflow.tracking.log import RECORD
from madminer_workflow.tuning.locks import is_locked, locked
from madminer_workflow.tuning.records import IN_USE, read

__all__ = ["FOLDER", "follow", "log", "studies"]

FOLDER = "tuning"
"""The folder of all studies in that of a run."""

_LOCK = "tracking.lock"


def follow(output_dir: Path, folder: Path) -> str | None:
    """Logs the trials of a study until the process has ended that has started this one.

    Args:
        output_dir: The folder of the run, whose store is used.
        folder: The folder of the study.

    Returns:
        Why not all could be logged; None if it was.
    """
    os.nice(10)
    error: Exception | None = None
    ended, wait = False, 0.0
    while not ended:
        if ended := input_ends(wait):
            wait_while(lambda: is_locked(folder / IN_USE))  # by helpers
        try:
            log(output_dir, folder)
            error, wait = None, EVERY_SECONDS
        except Exception as failure:  # whatever SQLAlchemy, requests and MLflow raise
            error, wait = failure, AGAIN_SECONDS
    return problem(output_dir, error) if error else None


def log(output_dir: Path, folder: Path) -> int:
    """Logs what is new of a study; returns the number of trials.

    Args:
        output_dir: The folder of the run, whose store is used.
        folder: The folder of the study.
    """
    if not (folder / RECORD).exists():
        return 0
    with locked(folder / _LOCK):  # other processes work on the study, and are followed too
        return Gatherer(*store.open_store(output_dir), folder).gather(read(folder))


def studies(output_dir: Path) -> list[Path]:
    """Returns the folders of all studies in that of a run.

    Args:
        output_dir: The folder of the run.
    """
    return sorted(path.parent for path in (output_dir / FOLDER).glob(f"*/{RECORD}"))
