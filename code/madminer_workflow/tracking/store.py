"""The tracking store of a run: an SQLite file and a folder of artifacts beside the results."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from madminer_workflow.errors import InputError

__all__ = [
    "ARTIFACTS",
    "EXPERIMENTS",
    "environment",
    "experiment",
    "is_remote",
    "masked",
    "prepare",
    "within_folder",
]

ARTIFACTS = "mlruns"
"""The folder of the artifacts, in that of a run."""

_SQLITE = "sqlite:///"
_FILE = "mlflow.db"
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")


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
    file = output_dir / _FILE
    own = f"{_SQLITE}{file}"
    uri = _absolute(os.environ.get("MLFLOW_TRACKING_URI", own))
    try:
        if uri == own and not file.exists():
            _create(file, output_dir / ARTIFACTS)
        prepare(uri, output_dir / ARTIFACTS if uri == own else None)
    except Exception as error:  # whatever SQLite, SQLAlchemy, requests and MLflow raise
        line = str(error).partition("\n")[0]
        message = f"MLFLOW_TRACKING_URI: {uri} cannot be used ({line})"
        raise InputError(masked(message)) from error
    return {"MLFLOW_TRACKING_URI": uri}


def is_remote(output_dir: Path) -> bool:
    """Returns whether the store is reached over the network.

    Args:
        output_dir: The folder of the run; steps in containers write into no database elsewhere.

    Raises:
        InputError: MLFLOW_TRACKING_URI names one.
    """
    own = f"{_SQLITE}{output_dir.absolute() / _FILE}"
    uri = _absolute(os.environ.get("MLFLOW_TRACKING_URI", own))
    if uri.startswith(_SQLITE) and uri != own:
        raise InputError(
            f"MLFLOW_TRACKING_URI: {uri} is out of reach of steps in containers; "
            "allowed are servers, or nothing for a database in the folder of the run"
        )
    return uri != own


def within_folder(output_dir: Path) -> Mapping[str, str]:
    """Prepares the store of a run whose steps write only into the folder of the artifacts.

    The database goes there, since SQLite needs a folder; a link stands in its place.

    Args:
        output_dir: The folder of the run.

    Returns:
        The variables that lead the steps there.

    Raises:
        InputError: The store cannot be used.
    """
    variables = environment(output_dir)
    if is_remote(output_dir):
        return variables
    file, target = output_dir / _FILE, output_dir / ARTIFACTS / _FILE
    target.parent.mkdir(exist_ok=True)
    if not file.is_symlink():
        partial = file.with_name(f".partial-{_FILE}")
        for path in (target, partial):
            path.unlink(missing_ok=True)
        target.hardlink_to(file)
        partial.symlink_to(target.relative_to(output_dir))
        partial.replace(file)
    return {"MLFLOW_TRACKING_URI": f"{_SQLITE}{target}"}


def masked(text: str) -> str:
    """Returns a text without the names and passwords in its URIs.

    Args:
        text: The text.

    >>> masked("https://me:secret@host/path cannot be used")
    'https://***@host/path cannot be used'
    """
    return _PASSWORD.sub("***@", text)


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
