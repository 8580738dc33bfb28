"""What a study leaves to be logged while it goes on, and what that says about it.

A trial has its record from its beginning, since its process may be killed. Whoever logs the study
reads nothing but these records and asks for locks, so that it needs no Optuna.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from madminer_workflow.engine.journal import Entry, Report
from madminer_workflow.estimators.history import EpochRecord
from madminer_workflow.storage import write_json
from madminer_workflow.tracking.log import RECORD, Record
from madminer_workflow.tuning.locks import is_locked, locked
from madminer_workflow.tuning.study import Attempt, trial_folder, trial_lock

__all__ = ["IN_USE", "Diary", "leave", "read"]

IN_USE = "in-use.lock"
"""The name of the file in the folder of a study whose lock is shared by all that work on it."""

_CURVES = ("train_loss", "validation_loss", "learning_rate", "gradient_norm")
_STATES = {"complete": "done", "pruned": "done", "failed": "failed", "running": "running"}
_INTERRUPTED = "interrupted"


class Diary:
    """The record of a trial, which grows."""

    def __init__(self, folder: Path, record: Record) -> None:
        """Begins one.

        Args:
            folder: The folder of the trial.
            record: What is known of it from the beginning.
        """
        self._folder = folder
        self._record = replace(record, started=time.time())
        self._history: dict[str, list[float]] = {}
        self._write({"state": "running"}, {})

    def note(self, network: int, epoch: EpochRecord) -> None:
        """Adds an epoch.

        Args:
            network: Number of the network, from zero.
            epoch: The epoch.
        """
        ending = f"/{network + 1}" if network else ""
        row = {name: getattr(epoch, name) for name in _CURVES} | {"epoch_seconds": epoch.seconds}
        for name, value in row.items():
            self._history.setdefault(name + ending, []).append(value)
        self._write({"state": "running"}, {})

    def end(self, attempt: Attempt, objective: str) -> None:
        """Adds what has become of the trial.

        Args:
            attempt: The trial.
            objective: Name of the objective.
        """
        metrics = {objective: attempt.objective, "seconds": attempt.seconds}
        self._write({"state": attempt.state, "error": attempt.reason}, metrics)

    def _write(self, tags: dict[str, str | None], metrics: dict[str, float | None]) -> None:
        """Writes what is known."""
        record = replace(
            self._record,
            tags={**self._record.tags, **tags},
            metrics=metrics,
            history=self._history,
            seconds=self._history.get("epoch_seconds", ()),
            time=time.time(),
        )
        leave(self._folder, record)


def leave(folder: Path, record: Record) -> None:
    """Leaves a record in a folder.

    Args:
        folder: The folder.
        record: What is to be logged.
    """
    write_json(folder / RECORD, asdict(record))


def read(folder: Path) -> Report:
    """Returns what a study has done so far; trials whose process was killed are marked.

    Args:
        folder: The folder of the study.

    Raises:
        InputError: A record cannot be read.
    """
    is_alive = is_locked(folder / IN_USE)  # before records are read: then they are the last ones
    whole = Record.read(folder / RECORD)
    entries = tuple(_entries(folder))
    state = "running" if is_alive else _STATES[str(whole.tags["state"])]
    state = _INTERRUPTED if state == "running" and not is_alive else state
    written = max([whole.time, *(one.ended.timestamp() for one in entries if one.ended)])
    return Report(state, _local(whole.started), _local(written), state == "done", entries)


def _entries(folder: Path) -> Iterator[Entry]:
    """Yields what is known of the trials of a study."""
    for path in sorted((folder / "trials").glob(f"*/{RECORD}")):
        number = int(path.parent.name)
        record = _closed(folder, number)
        yield Entry(
            label=record.name,
            stage=record.stage,
            words={},
            folder=path.parent,
            needs=(),
            state=_STATES.get(str(record.tags["state"]), _INTERRUPTED),
            started=_local(record.started),
            ended=_local(record.time),
            reason=str(error) if (error := record.tags.get("error")) else None,
        )


def _closed(folder: Path, number: int) -> Record:
    """Returns the record of a trial; that of one whose process was killed says so."""
    home = trial_folder(folder, number)
    try:
        with locked(trial_lock(folder, number), wait=False):
            record = Record.read(home / RECORD)
            if record.tags["state"] == "running":
                record = replace(record, tags={**record.tags, "state": "killed"})
                leave(home, record)
            return record
    except BlockingIOError:
        return Record.read(home / RECORD)


def _local(seconds: float) -> datetime:
    """Returns a local time from seconds since the epoch."""
    return datetime.fromtimestamp(seconds).astimezone()
