"""Logging a step to the MLflow run that started it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

__all__ = ["log_step"]

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

    Args:
        name: The name of the run, as the list of runs shows it.
        params: What went in, besides the parameters in MLproject, which MLflow logs itself.
        metrics: Numbers that came out.
        history: Numbers of each epoch, by name.
        artifacts: Files and folders to copy to the store.
    """
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if run_id is None:
        return
    try:
        _log(run_id, name, params or {}, metrics or {}, history or {}, artifacts)
    except Exception as error:  # whatever SQLAlchemy, requests and MLflow raise
        line = str(error).partition("\n")[0]
        print(f"warning: not logged to MLflow ({type(error).__name__}: {line})", file=sys.stderr)


def _log(
    run_id: str,
    name: str | None,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    history: Mapping[str, Sequence[float]],
    artifacts: Iterable[Path],
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
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag("mlflow.runName", name)] if name else [],
    )
    for start in range(_N_METRICS_PER_BATCH, len(points), _N_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=points[start : start + _N_METRICS_PER_BATCH])
    for path in artifacts:
        log = client.log_artifacts if path.is_dir() else client.log_artifact
        log(run_id, str(path), path.name if path.is_dir() else None)
