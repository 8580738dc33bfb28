"""A process beside a run that logs its steps as they end.

The run never waits for a store, whose client alone takes more than a second to import: it starts
this process, which follows what the run notes, and learns from the end of its input that the run
has ended, however it did.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

from madminer_workflow.engine.folder import is_claimed
from madminer_workflow.engine.journal import Report, read
from madminer_workflow.errors import InputError
from madminer_workflow.tracking import store
from madminer_workflow.tracking.gather import Gatherer
from madminer_workflow.tracking.names import GATHERED

__all__ = [
    "AGAIN_SECONDS",
    "EVERY_SECONDS",
    "Follower",
    "follow",
    "input_ends",
    "problem",
    "wait_while",
]

EVERY_SECONDS = 2.0
"""How often a process looks for what is new."""

AGAIN_SECONDS = 30.0
"""When it tries again after a store could not be used."""

PATIENCE_SECONDS = 5.0
"""How long what a process has started may take to end after it was killed."""

_SYSTEM = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
_LOST = ("running", "interrupted")  # of a run that has ended
_LAST_SECONDS = 90.0  # for what is left to log when a run has ended


class Follower:
    """The process, as the run sees it: a context that ends it in good order."""

    def __init__(self) -> None:
        """Follows nothing yet."""
        self._process: subprocess.Popen[str] | None = None

    def start(self, output_dir: Path, study: str | None = None) -> Mapping[str, str]:
        """Starts to follow a run; returns the variables that its steps need.

        Args:
            output_dir: The folder of the run, which has not noted anything yet.
            study: The name of a study, to follow that instead.
        """
        words = ["track", "--output_dir", str(output_dir), "--follow", str(time.time())]
        words += ["--study", study] if study else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "madminer_workflow", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the run, whose end it has to log
        )
        return {GATHERED: "1"}

    def __enter__(self) -> Follower:
        """Returns the follower."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Lets it log what is left, and says what it has to say."""
        if self._process is None:
            return
        try:
            said, _ = self._process.communicate(timeout=_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            said = "warning: the store of MLflow is slow, logging goes on in the background\n"
        if self._process.returncode and not said:
            said = f"warning: logging to MLflow ended with status {self._process.returncode}\n"
        print(said, end="", file=sys.stderr)


def follow(output_dir: Path, since: float) -> str | None:
    """Logs the steps of a run until it has ended.

    Args:
        output_dir: The folder of the run.
        since: When the run was about to begin, in seconds since the epoch; what others have noted
            before does not count.

    Returns:
        Why not all could be logged; None if it was.
    """
    os.nice(10)
    gatherer: Gatherer | None = None
    error: Exception | None = None
    last: Report | None = None
    ended, watched, wait = False, False, 0.0
    while not ended:
        ended = input_ends(wait)
        last = _report(output_dir, since, last, ended=ended)
        if ended and last is None:
            return None  # it has not begun
        try:
            gatherer = gatherer or Gatherer(*store.open_store(output_dir), output_dir)
            if last:
                gatherer.gather(last)
                watched = watched or _watched(output_dir, gatherer.running(last))
            error, wait = None, EVERY_SECONDS
        except Exception as failure:  # whatever SQLAlchemy, requests and MLflow raise
            gatherer, error, wait = None, failure, AGAIN_SECONDS
    return problem(output_dir, error) if error else None


def problem(output_dir: Path, error: BaseException) -> str:
    """Returns in one line why a store cannot be used, and what to do then.

    Args:
        output_dir: The folder of the run.
        error: What was raised.
    """
    uri = store.masked(store.uri_of(output_dir))
    return (
        f"not all is in MLflow, {uri}: {store.reason(error)}; "
        f"no result is lost, `make track OUTPUT_DIR={shlex.quote(str(output_dir))}` tries again"
    )


def _watched(output_dir: Path, run_id: str | None) -> bool:
    """Lets MLflow log the metrics of this machine to a run while it goes on, if that is wanted."""
    if run_id is None or os.environ.get(_SYSTEM, "").lower() not in ("1", "true"):
        return False
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    SystemMetricsMonitor(run_id, tracking_uri=store.uri_of(output_dir)).start()
    return True


def input_ends(seconds: float) -> bool:
    """Returns whether the process that has started this one ends within a time.

    Args:
        seconds: The time.
    """
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def _report(output_dir: Path, since: float, last: Report | None, *, ended: bool) -> Report | None:
    """Returns what a run has noted, also when another one notes in its place already."""
    if ended:
        wait_while(lambda: is_claimed(output_dir))
    with contextlib.suppress(InputError):
        report = read(output_dir)
        is_first = report.started.timestamp() >= since and not (ended and report.state == "running")
        if is_first if last is None else report.started == last.started:
            last = report
    return _interrupted(last) if last and ended and last.state in _LOST else last


def _interrupted(report: Report) -> Report:
    """Returns a report as it is when the run has just been killed."""
    now = datetime.now().astimezone()
    steps = [
        replace(entry, state="interrupted", ended=now) if entry.state in _LOST else entry
        for entry in report.steps
    ]
    return replace(report, state="interrupted", written=now, steps=tuple(steps))


def wait_while(is_used: Callable[[], bool]) -> None:
    """Waits as long as a folder is used, unless that takes long.

    Args:
        is_used: Tells whether it is.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_used() and time.monotonic() < deadline:
        time.sleep(0.05)
