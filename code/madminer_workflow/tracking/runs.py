"""Runs of MLflow, filled from the records of steps."""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from madminer_workflow.tracking.log import Dataset, Record
from madminer_workflow.tracking.models import log_model

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric, Param, Run
    from mlflow.tracking import MlflowClient

__all__ = [
    "FAILED",
    "FINISHED",
    "KILLED",
    "RUNNING",
    "log_record",
    "milliseconds",
    "tags_of",
    "text",
]

FINISHED, FAILED, KILLED, RUNNING = "FINISHED", "FAILED", "KILLED", "RUNNING"

# The limits of MLflow's interface.
_N_METRICS, _N_OTHERS = 800, 100  # 1000 in all
_LONGEST = 5000

_ENTRY_POINT = "mlflow.project.entryPoint"
_MADE_UP = r"[a-z]+-[a-z]+-\d+"  # as MLflow calls a run that nobody has named

T = TypeVar("T")


def log_record(client: MlflowClient, run: Run, record: Record, folder: Path) -> None:
    """Logs what a step has left, with as few requests as MLflow allows.

    A run that `mlflow run` has made keeps the name and the parameters that it was given there: what
    the step has made of one, as `1` of `input`, is logged as `resolved.NAME`.

    Args:
        client: The client of the store.
        run: The run, as it was when it was made.
        record: What the step has left.
        folder: The folder from which artifacts are named.
    """
    from mlflow.entities import RunTag

    run_id = run.info.run_id
    named = {**_name(run, record), "stage": record.stage, **tags_of(record)}
    batches = itertools.zip_longest(
        _parts([*_points(record)], _N_METRICS),
        _parts([*_params(run, record)], _N_OTHERS),
        _parts([RunTag(k, text(v)) for k, v in named.items() if v is not None], _N_OTHERS),
        fillvalue=(),
    )
    for metrics, params, tags in batches:
        client.log_batch(run_id, metrics=metrics, params=params, tags=tags)
    if record.dataset:
        client.log_inputs(run_id, datasets=[_dataset(record.dataset)])
    for path in (folder / name for name in record.artifacts):
        log = client.log_artifacts if path.is_dir() else client.log_artifact
        log(run_id, str(path), path.name if path.is_dir() else None)
    if record.model and (path := folder / record.model.folder).is_dir():
        log_model(client, run, path.name, [replace(record.model, folder=str(path))])


def tags_of(record: Record) -> dict[str, object]:
    """Returns the tags of a record, and those that MLflow itself has for the same.

    Args:
        record: What a step has left.
    """
    data = {"data": record.dataset.sha256[:16]} if record.dataset else {}
    return {**record.tags, **data, "mlflow.source.git.commit": record.tags.get("commit")}


def milliseconds(seconds: float) -> int:
    """Returns a time as MLflow counts it.

    Args:
        seconds: Seconds since the epoch.
    """
    return round(1000 * seconds)


def text(value: object) -> str:
    """Returns a value as MLflow keeps it.

    Args:
        value: The value of a parameter or a tag.

    >>> text([64, 64]), text(True), text(1e-4)
    ('64, 64', 'true', '0.0001')
    """
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))[:_LONGEST]
    return (str(value).lower() if isinstance(value, bool) else str(value))[:_LONGEST]


def _name(run: Run, record: Record) -> dict[str, object]:
    """Returns the tag with the name of a run, unless `mlflow run --run-name` gave one."""
    is_made_up = re.fullmatch(_MADE_UP, run.info.run_name or "")
    is_kept = _ENTRY_POINT in run.data.tags and not is_made_up
    return {} if is_kept else {"mlflow.runName": record.name}


def _params(run: Run, record: Record) -> Iterator[Param]:
    """Yields the parameters that a run does not have, and those that mean what was given to it."""
    from mlflow.entities import Param

    known = run.data.params
    for name, value in record.params.items():
        if name not in known:
            yield Param(name, text(value))
        elif _ENTRY_POINT in run.data.tags and known[name] != text(value):
            yield Param(f"resolved.{name}", text(value))


def _points(record: Record) -> Iterator[Metric]:
    """Yields all numbers that are known: final ones, and those of each epoch when it ended."""
    from mlflow.entities import Metric

    end = record.time or time.time()
    for name, value in record.metrics.items():
        if value is not None and math.isfinite(value):
            yield Metric(name, float(value), milliseconds(end), 0)
    ends = _ends(end, record.seconds)
    for name, values in record.history.items():
        for epoch, value in enumerate(values, 1):
            if value is not None:
                at = ends[epoch - 1] if epoch <= len(ends) else end
                yield Metric(name, float(value), milliseconds(at), epoch)


def _ends(end: float, seconds: Sequence[float]) -> list[float]:
    """Returns when each epoch ended, the last of which did so just before `end`.

    >>> _ends(10.0, [1.0, 2.0, 3.0])
    [5.0, 7.0, 10.0]
    """
    return [end - after for after in itertools.accumulate([0.0, *seconds[:0:-1]])][::-1]


def _dataset(dataset: Dataset) -> DatasetInput:
    """Returns what MLflow shows of the events, of which none is read."""
    from mlflow.entities import Dataset as Described
    from mlflow.entities import DatasetInput, InputTag

    source = json.dumps({"uri": dataset.source or dataset.name})
    described = Described(dataset.name, dataset.sha256[:16], "local", source)
    return DatasetInput(described, [InputTag("mlflow.data.context", "events")])


def _parts(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """Returns slices of a sequence."""
    return (items[start : start + size] for start in range(0, len(items), size))
