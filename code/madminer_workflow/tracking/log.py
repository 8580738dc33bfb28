"""Logging a step to the MLflow run that started it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from madminer_workflow.tracking.store import masked

__all__ = ["LOG_FILE", "log_file", "log_step"]

LOG_FILE = "MADMINER_WORKFLOW_LOG_FILE"
"""Variable that names the file for what a step has to log, where its caller logs for it."""

_N_METRICS_PER_BATCH = 1000  # the limit of MLflow's interface


def log_step(
    *,
    name: str | None = None,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
    artifacts: Iterable[Path] = (),
) -> None:
    """Logs a step, if MLflow started it; a store that fails costs a warning, not the result.

    If the caller logs, it is left in a file for it: the import of MLflow takes more than a second.

    Args:
        name: The name of the run, as the list of runs shows it.
        params: What went in, besides the parameters in MLproject, which MLflow logs itself.
        metrics: Numbers that came out.
        history: Numbers of each epoch, by name.
        artifacts: Files and folders to copy to the store.
    """
    record = {
        "name": name,
        "params": {key: str(value) for key, value in (params or {}).items()},
        "metrics": {key: float(value) for key, value in (metrics or {}).items()},
        "history": {key: list(map(float, values)) for key, values in (history or {}).items()},
        "artifacts": [str(Path(path).resolve()) for path in artifacts],
    }
    if LOG_FILE in os.environ:
        Path(os.environ[LOG_FILE]).write_text(json.dumps(record), encoding="utf-8")
    elif "MLFLOW_RUN_ID" in os.environ:
        _try_to_log(os.environ["MLFLOW_RUN_ID"], record)


def log_file(run_id: str) -> None:
    """Logs what a step has left in the file that `LOG_FILE` names.

    Args:
        run_id: The MLflow run of the step.
    """
    path = Path(os.environ[LOG_FILE])
    if path.exists():
        _try_to_log(run_id, json.loads(path.read_text(encoding="utf-8")))


def _try_to_log(run_id: str, record: Mapping[str, Any]) -> None:
    """Logs a record, or warns that this did not work."""
    try:
        _log(run_id, **record)
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        line = str(error).partition("\n")[0]
        message = f"warning: not logged to MLflow ({type(error).__name__}: {line})"
        print(masked(message), file=sys.stderr)


def _log(
    run_id: str,
    name: str | None,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    history: Mapping[str, Sequence[float]],
    artifacts: Sequence[str],
) -> None:
    """Logs everything with as few transactions as MLflow allows."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    now = int(1000 * time.time())
    points = [Metric(key, value, now, 0) for key, value in metrics.items()]
    for key, values in history.items():
        points += [Metric(key, value, now, epoch) for epoch, value in enumerate(values)]
    client.log_batch(
        run_id,
        metrics=points[:_N_METRICS_PER_BATCH],
        params=[Param(key, value) for key, value in params.items()],
        tags=[RunTag("mlflow.runName", name)] if name else [],
    )
    for start in range(_N_METRICS_PER_BATCH, len(points), _N_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=points[start : start + _N_METRICS_PER_BATCH])
    for path in map(Path, artifacts):
        log = client.log_artifacts if path.is_dir() else client.log_artifact
        log(run_id, str(path), path.name if path.is_dir() else None)
