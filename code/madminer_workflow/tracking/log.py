"""What a step has to log, left as a small file in its folder by whoever runs it.

Importing MLflow takes more than a second, and a worker may not reach the store: a step writes a
record, and the process that has started it, or the run that has submitted it, logs it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json, sha256, write_json
from madminer_workflow.storage.provenance import software
from madminer_workflow.tracking.names import RECORD, RECORD_FILE

__all__ = ["RECORD", "RECORD_FILE", "Dataset", "Record", "Trained", "log_error", "log_step"]


@dataclass(frozen=True)
class Dataset:
    """The events that a step has used, or that its samples are from.

    Attributes:
        name: Name of the file.
        sha256: Its checksum.
        source: Its path; None if only the other two are known.
    """

    name: str
    sha256: str
    source: str | None = None

    @classmethod
    def of(cls, path: Path) -> Dataset:
        """Describes an event file.

        Args:
            path: The file.
        """
        return cls(path.name, sha256(path), str(path.resolve()))


@dataclass(frozen=True)
class Trained:
    """A model that a step has trained.

    Attributes:
        folder: Its folder, relative to that of the record.
        example: Some events, (event,) for each observable.
    """

    folder: str
    example: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Record:
    """What a step has to log.

    Attributes:
        name: The name of its run, for people.
        stage: The stage that it belongs to.
        params: What went in, all defaults filled in.
        tags: What tells runs apart: method, member, preset, versions.
        metrics: Numbers that came out.
        history: Numbers of each epoch, by name, (epoch,).
        seconds: How long each epoch took, (epoch,).
        artifacts: Files and folders to show, relative to the folder of the record.
        dataset: The events.
        model: What was trained.
        time: When all of this was known, in seconds since the epoch.
        started: When it was begun, if anybody has noted it.
    """

    name: str
    stage: str
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    history: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    seconds: Sequence[float] = ()
    artifacts: Sequence[str] = ()
    dataset: Dataset | None = None
    model: Trained | None = None
    time: float = 0.0
    started: float = 0.0

    @classmethod
    def read(cls, path: Path) -> Record:
        """Reads a record.

        Args:
            path: The file.

        Raises:
            InputError: It cannot be read or is no record.
        """
        content = read_json(path)
        try:
            dataset = content["dataset"] and Dataset(**content["dataset"])
            model = Trained(**content["model"]) if content.get("model") else None
            return cls(**{**content, "dataset": dataset, "model": model})
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: not the record of a step ({error})") from error


def log_step(
    name: str,
    stage: str,
    *,
    artifacts: Iterable[Path] = (),
    model: tuple[Path, Mapping[str, Sequence[float]]] | None = None,
    tags: Mapping[str, object] | None = None,
    **content: Any,
) -> None:
    """Leaves what a step has to log, or logs it if MLflow itself has started the step.

    Args:
        name: The name of its run.
        stage: The stage that it belongs to.
        artifacts: Files and folders to show; those that do not exist are left out.
        model: The folder of a trained model, and some events, (event,) for each observable.
        tags: What tells runs apart; the version of the code is added.
        **content: Further attributes of the record.
    """
    file, run_id = os.environ.get(RECORD_FILE), os.environ.get("MLFLOW_RUN_ID")
    if not (file or run_id):
        return
    folder = Path(file).parent if file else Path.cwd()
    code = {key: value for key, value in software().items() if key in _CODE}
    record = Record(
        name=name,
        stage=stage,
        tags={**code, **(tags or {})},
        artifacts=[os.path.relpath(path, folder) for path in artifacts if path.exists()],
        model=model and Trained(os.path.relpath(model[0], folder), model[1]),
        time=time.time(),
        **content,
    )
    if file:
        write_json(file, asdict(record))
    elif run_id:
        _log_here(run_id, record, folder)


def log_error(message: str) -> None:
    """Tells the run that MLflow itself has started, if it has, why its step failed.

    Args:
        message: What is wrong, in one line.
    """
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if run_id and not os.environ.get(RECORD_FILE):
        from madminer_workflow.tracking import store

        with contextlib.suppress(Exception):  # of a store that cannot be used MLflow tells more
            store.client(os.environ.get(store.URI)).set_tag(run_id, "error", message)


_CODE = ("version", "commit", "dirty")


def _log_here(run_id: str, record: Record, folder: Path) -> None:
    """Logs to the run that MLflow has started; a store that fails costs a warning only."""
    from madminer_workflow.tracking import store
    from madminer_workflow.tracking.runs import log_record

    try:
        client = store.client(os.environ.get(store.URI))
        log_record(client, client.get_run(run_id), record, folder)
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        print(f"warning: not logged to MLflow ({store.reason(error)})", file=sys.stderr)
