"""The tracking store of a run: an SQLite file and a folder of artifacts beside the results."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from madminer_workflow.errors import InputError

__all__ = ["EXPERIMENTS", "environment", "experiment", "prepare"]

_SQLITE = "sqlite:///"


def experiment(entry_point: str) -> str:
    """Returns the experiment of an entry point of MLproject, whose runs can be compared.

    Args:
        entry_point: Name of the entry point.
    """
    return f"madminer-{entry_point}"


EXPERIMENTS = tuple(experiment(step) for step in ("sample", "train", "eval", "plot"))
"""The experiments of all steps."""


def environment(output_dir: Path) -> Mapping[str, str]:
    """Prepares the store of a run and returns the variables that lead its steps there.

    Args:
        output_dir: The folder of the run; not used where MLFLOW_TRACKING_URI names a store.

    Raises:
        InputError: The store that MLFLOW_TRACKING_URI names cannot be used.
    """
    file = output_dir / "mlflow.db"
    own = f"{_SQLITE}{file}"
    uri = _absolute(os.environ.get("MLFLOW_TRACKING_URI", own))
    try:
        if uri == own and not file.exists():
            _create(file, output_dir / "mlruns")
        prepare(uri, output_dir / "mlruns" if uri == own else None)
    except Exception as error:  # whatever SQLite, SQLAlchemy, requests and MLflow raise
        line = str(error).partition("\n")[0]
        raise InputError(f"MLFLOW_TRACKING_URI: {uri} cannot be used ({line})") from error
    return {"MLFLOW_TRACKING_URI": uri}


def prepare(uri: str, artifact_root: Path | None) -> None:
    """Creates the tables and experiments of a store, which parallel steps would race for.

    Args:
        uri: The tracking URI.
        artifact_root: The folder of artifacts; None leaves it to the store.
    """
    if _has_experiments(uri):
        return
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")  # read when MLflow is imported
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    for name in EXPERIMENTS:
        if client.get_experiment_by_name(name) is None:
            location = str(artifact_root / name) if artifact_root else None
            client.create_experiment(name, artifact_location=location)


def _create(file: Path, artifact_root: Path) -> None:
    """Makes a store that has its name when it is complete; MLflow cannot go on with half of one."""
    partial = file.with_name(f".partial-{file.name}")
    partial.unlink(missing_ok=True)
    prepare(f"{_SQLITE}{partial}", artifact_root)
    partial.replace(file)


def _absolute(uri: str) -> str:
    """Returns the URI of a store independent of the folder that a step runs in."""
    if not uri.startswith(_SQLITE):
        return uri
    return f"{_SQLITE}{Path(uri.removeprefix(_SQLITE)).absolute()}"


def _has_experiments(uri: str) -> bool:
    """Returns whether an SQLite store is complete, without the seconds of importing MLflow."""
    if not uri.startswith(_SQLITE):
        return False
    with contextlib.closing(sqlite3.connect(uri.removeprefix(_SQLITE))) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if "experiments" not in tables:
            return False
        names = {name for (name,) in database.execute("SELECT name FROM experiments")}
    return names.issuperset(EXPERIMENTS)
