"""Steps in a pool of workers, which wait for steps: many short ones cost less than as many jobs.

The workers are processes of this machine or, with Dask-Jobqueue, jobs of a batch system. A step
that has lost its worker is given to another one. The scheduler of the pool is part of this
process: when it dies, the workers end and their steps with them.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from madminer_workflow.engine.backends import job as jobs
from madminer_workflow.engine.backends.job import Note
from madminer_workflow.engine.backends.site import Resources, limited
from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.process import Local
from madminer_workflow.engine.records import RECORD
from madminer_workflow.errors import InputError

__all__ = ["CLUSTERS", "Dask", "Workers", "work"]

CLUSTERS = {
    "local": "",
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "htcondor": "HTCondorCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
}
"""The classes of Dask-Jobqueue."""

_FENCE_SECONDS = 1.0
_STOP_SECONDS = 5.0
_MEMORY_MB = 2000
_DISK = "2GB"


@dataclass(frozen=True)
class Workers:
    """How a pool is made.

    Attributes:
        jobs: Workers, each of which runs one step at a time.
        cluster: Where they are: on this machine, or jobs of a batch system.
        interface: The network interface that they reach this process by.
        grace_seconds: How long files may take to be seen on another machine.
        default: What each worker gets.
    """

    jobs: int = limited(1, default=4)
    cluster: str = limited(None, allowed=tuple(CLUSTERS), default="local")
    interface: str | None = None
    grace_seconds: float = limited(0, default=10.0)
    default: Resources = field(default_factory=Resources)


class Dask:
    """Runs each step by one of the workers of a pool."""

    name: ClassVar[str] = "dask"
    profile: ClassVar[type[Workers]] = Workers

    def __init__(self, site: Workers, folder: Path) -> None:
        """Has no workers yet.

        Args:
            site: How the pool is made.
            folder: Where workers write their logs.

        Raises:
            InputError: Dask is not installed.
        """
        handler = signal.getsignal(signal.SIGINT)
        try:
            self._classes = importlib.import_module("dask_jobqueue")
        except ImportError as error:
            line = f"backend: dask needs {error.name}: .venv/bin/pip install '.[dask]'"
            raise InputError(line) from error
        signal.signal(signal.SIGINT, handler)  # Dask-Jobqueue takes it for itself
        self._site = site
        self._folder = folder
        self._lock = threading.Lock()
        self._pool = contextlib.ExitStack()
        self._client: Any = None
        self._running: dict[str, tuple[Note, Any]] = {}
        self._is_stopped = False

    @classmethod
    def running(cls, notes: Sequence[Note]) -> list[str]:
        """Returns nothing, after what runs has been ended.

        Args:
            notes: The notes of steps of pools of earlier runs.
        """
        _fence(notes)
        return []

    def variables(self, stage: str) -> Mapping[str, str]:  # noqa: ARG002
        """Returns how many threads a step uses: as many as its worker has processors.

        Args:
            stage: Its stage.
        """
        return {"OMP_NUM_THREADS": str(self._site.default.cpus)}

    def run(self, command: Command, argv: Sequence[str]) -> Finished:
        """Gives a command to a worker and waits for its end.

        Args:
            command: The command.
            argv: The words that run it.
        """
        old = jobs.note_of(command.folder)
        if old and (finished := jobs.end_of(old, 0)):
            return finished
        note = Note(
            backend=self.name,
            name=uuid.uuid4().hex,
            index=0,
            key=command.key,
            attempt={},
            command=command,
            argv=tuple(argv),
            inputs=jobs.listing(command.read),
            grace_seconds=self._site.grace_seconds,
        )
        note.write()
        verdict = self._worked(note)
        finished = jobs.end_of(note, _STOP_SECONDS if verdict else self._site.grace_seconds)
        if finished is None or finished.status or verdict:
            note.path.unlink(missing_ok=True)
            status, lines = (finished.status, finished.last_lines) if finished else (1, ())
            verdict = verdict or (None if finished else "its worker left no result")
            return Finished(status or 1, lines, verdict=verdict)
        return finished

    def holds(self, folder: Path, key: str) -> bool:
        """Returns whether an earlier run has finished a step.

        Args:
            folder: The folder of the step.
            key: What it is made from.
        """
        note = jobs.note_of(folder)
        if note is None or note.backend != self.name:
            return False
        finished = jobs.end_of(note, 0)
        if finished and not finished.status and note.key == key:
            return not (folder / RECORD).exists()
        _fence([note])
        return False

    def vacate(self, *folders: Path) -> None:
        """Ends the steps that the workers of earlier runs may still work on.

        Args:
            folders: The folders of steps, or of members with several.
        """
        left = [note for folder in folders for note in jobs.notes(folder)]
        _fence([note for note in left if note.backend == self.name])

    def stop(self, *, keep: bool) -> None:  # noqa: ARG002
        """Ends all steps.

        Args:
            keep: Has no effect: workers do not outlive this process.
        """
        with self._lock:
            self._is_stopped = True
            running = list(self._running.values())
        for note, future in running:
            note.path.unlink(missing_ok=True)
            future.cancel()

    def close(self) -> None:
        """Ends the workers."""
        with contextlib.suppress(Exception):  # of workers that are gone
            self._pool.close()

    def _worked(self, note: Note) -> str | None:
        """Waits until a worker has ended; returns why not, if it has not."""
        with self._lock:
            if self._is_stopped:
                return "cancelled"
            self._client = self._client or self._started()
            arguments = (str(note.path), note.token, note.grace_seconds)
            future = self._client.submit(work, *arguments, key=note.token, pure=False)
            self._running[note.token] = (note, future)
        try:
            error = future.exception()
        except Exception as problem:  # as of a future that was cancelled
            error = problem
        with self._lock:
            del self._running[note.token]
        if self._is_stopped:
            return "cancelled"
        return None if error is None else f"{type(error).__name__}: {error}"

    def _started(self) -> Any:
        """Returns the client of a new pool."""
        import distributed

        site, given = self._site, self._site.default
        if site.cluster == "local":
            cluster = distributed.LocalCluster(
                n_workers=site.jobs,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=":0",
            )
        else:
            kind = getattr(self._classes, CLUSTERS[site.cluster])
            self._folder.mkdir(parents=True, exist_ok=True)
            cluster = kind(
                cores=1,
                processes=1,
                job_cpu=given.cpus,
                memory=f"{given.memory_mb or _MEMORY_MB}MB",
                # Directives take no blanks; this folder is on every machine.
                log_directory="/tmp" if " " in str(self._folder) else str(self._folder),
                scheduler_options={"dashboard_address": ":0"},
                **_options(site.cluster, site),
            )
            cluster.adapt(minimum=0, maximum=site.jobs)  # what is lost is submitted again
        self._pool.enter_context(cluster)
        return self._pool.enter_context(distributed.Client(cluster))


def work(path: str, token: str, grace_seconds: float) -> int:
    """Runs a step and returns its exit status; ends it when its note has gone.

    Args:
        path: The file of the note.
        token: What no other step has.
        grace_seconds: How long the note may take to be seen.
    """
    note = jobs.wanted(Path(path), token, grace_seconds)
    if note is None:
        return 1
    local, over = Local(), threading.Event()

    def watch() -> None:
        while not over.wait(_FENCE_SECONDS):
            if not note.path.exists():
                local.stop()

    threading.Thread(target=watch, daemon=True).start()
    try:
        return jobs.execute(note, local).status
    finally:
        over.set()


def _fence(notes: Sequence[Note]) -> None:
    """Removes notes, and waits until what they had started has ended.

    A worker ends its step when the note has gone. One that is gone itself cannot say so.
    """
    left = [note for note in notes if jobs.end_of(note, 0) is None]
    for note in notes:
        note.path.unlink(missing_ok=True)
    deadline = time.monotonic() + max((note.grace_seconds for note in left), default=0)
    for note in left:
        jobs.end_of(note, deadline - time.monotonic())


def _options(cluster: str, site: Workers) -> dict[str, Any]:
    """Returns the options of a cluster that are not set for all of them."""
    given = site.default

    def found() -> Iterator[tuple[str, Any]]:
        if given.minutes and cluster != "htcondor":
            yield "walltime", f"{given.minutes // 60:02}:{given.minutes % 60:02}:00"
        if cluster == "htcondor":
            yield "disk", _DISK
        yield "queue", given.partition
        yield "account", given.account
        yield "interface", site.interface
        yield "job_extra_directives", list(given.options)

    return {name: value for name, value in found() if value}
