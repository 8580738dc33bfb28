"""The tracking store of a run: an SQLite file and a folder of artifacts beside the results.

MLFLOW_TRACKING_URI names another one, such as a server. It may hold a password, which is never
written or printed.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from madminer_workflow.errors import InputError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = [
    "EXPERIMENT",
    "FILE",
    "QUIET",
    "URI",
    "check_exists",
    "client",
    "folder_of",
    "masked",
    "open_existing",
    "open_store",
    "reason",
    "uri_of",
]

URI = "MLFLOW_TRACKING_URI"
FILE = "mlflow.db"
EXPERIMENT = "madminer-workflow"
"""The experiment of all runs, so that steps stand below the run that they belong to."""

_SQLITE = "sqlite:///"
_STUDY = "study.db"
_ARTIFACTS = "mlruns"
_LONGEST = 150  # characters of a reason
QUIET = {
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # of a server that is down nobody waits minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # of language models, in many processes
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def uri_of(output_dir: Path) -> str:
    """Returns the URI of the store of a run.

    Args:
        output_dir: The folder of the run; not used where MLFLOW_TRACKING_URI names a store.
    """
    given = os.environ.get(URI) or f"{_SQLITE}{folder_of(output_dir) / FILE}"
    if not given.startswith(_SQLITE):
        return given
    return f"{_SQLITE}{Path(given.removeprefix(_SQLITE)).absolute()}"


def folder_of(output_dir: Path) -> Path:
    """Returns the folder that has the store: for a study of settings, that of its run.

    Args:
        output_dir: The folder of a run or of a study in it.
    """
    folder = output_dir.absolute()
    return folder.parents[1] if (folder / _STUDY).exists() else folder


def masked(text: str) -> str:
    """Returns a text without the users and passwords of its URIs.

    Args:
        text: The text.

    >>> masked("cannot reach http://me:secret@host:5000/api")
    'cannot reach http://***@host:5000/api'
    """
    return re.sub(r"(\w://)\S*@", r"\1***@", text)


def reason(error: BaseException) -> str:
    """Returns in one line why a store cannot be used.

    Args:
        error: What SQLAlchemy, requests or MLflow have raised.
    """
    text = str(error)
    if "error code 401" in text or "error code 403" in text:
        return "the server refuses user and password"
    if "Max retries exceeded" in text or "Connection refused" in text:
        return "the server does not answer"
    line = masked(text).strip().partition("\n")[0]
    return textwrap.shorten(f"{type(error).__name__}: {line}", _LONGEST, placeholder=" ...")


def client(uri: str | None) -> MlflowClient:
    """Imports MLflow, quietly, and returns its client of a store.

    Args:
        uri: The URI of the store; None for the one that MLflow itself takes.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")  # those of MLflow and its many packages
    from mlflow.tracking import MlflowClient

    return MlflowClient(_without_password(uri) if uri else None)


def _without_password(uri: str) -> str:
    """Hands user and password of a server over as MLflow wants it: it shows URIs."""
    parts = urlsplit(uri)
    user, at, host = parts.netloc.rpartition("@")
    if at and parts.scheme in ("http", "https"):
        name, _, password = user.partition(":")
        os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(name)
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
        uri = urlunsplit(parts._replace(netloc=host))
        os.environ[URI] = uri  # which artifacts are sent to
    return uri


def open_store(output_dir: Path) -> tuple[MlflowClient, str]:
    """Opens the store of a run, which is made if it is missing.

    Args:
        output_dir: The folder of the run.

    Returns:
        The client of the store and the identifier of the experiment.
    """
    output_dir = folder_of(output_dir)
    uri, own = uri_of(output_dir), output_dir / FILE
    if uri != f"{_SQLITE}{own}":
        mlflow = client(uri)
        return mlflow, _experiment(mlflow, None)
    with _locked(output_dir):  # steps that a user runs side by side would race for making it
        if not own.exists():
            _create(own)
    mlflow = client(uri)
    return mlflow, _experiment(mlflow, output_dir)


def open_existing(output_dir: Path) -> tuple[MlflowClient, str]:
    """Opens the store of a run to read from it.

    Args:
        output_dir: The folder of the run.

    Raises:
        InputError: There is none.
    """
    check_exists(output_dir)
    return open_store(output_dir)


def check_exists(output_dir: Path) -> None:
    """Refuses a folder without a store, if no other store is named.

    Args:
        output_dir: The folder of the run.

    Raises:
        InputError: There is no store.
    """
    file = folder_of(output_dir) / FILE
    if uri_of(output_dir) == f"{_SQLITE}{file}" and not file.exists():
        raise InputError(f"output_dir: {output_dir} has no {FILE}, expected the folder of a run")


def _create(file: Path) -> None:
    """Makes a store that has its name when it is complete; MLflow cannot go on with half of one."""
    partial = file.with_name(f".partial-{file.name}")
    partial.unlink(missing_ok=True)
    _experiment(client(f"{_SQLITE}{partial}"), file.parent)
    partial.replace(file)


def _experiment(mlflow: MlflowClient, folder: Path | None) -> str:
    """Returns the identifier of the experiment, with its artifacts in a folder or where they go."""
    if found := mlflow.get_experiment_by_name(EXPERIMENT):
        return str(found.experiment_id)
    location = str(folder.absolute() / _ARTIFACTS) if folder else None
    # Without the tag the web interface asks whether these are language models.
    tags = {"mlflow.experimentKind": "custom_model_development"}
    return str(mlflow.create_experiment(EXPERIMENT, artifact_location=location, tags=tags))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Waits until no other process makes a store in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # of a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
