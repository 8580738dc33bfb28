"""Yadage backend: at most N steps at a time.

Threads suffice, since each step is a process of its own: nothing is forked from or pickled for
worker processes, which would live on when the run is killed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from packtivity.syncbackends import ExecutionConfig, packconfig, run_packtivity

from madminer_workflow.engine import process

__all__ = ["Job", "Pool"]


class Job:
    """A submitted step, in the form that Yadage keeps as `resultproxy` of a node."""

    def __init__(self, future: Future[Any]) -> None:
        """Wraps the future of the step's published data.

        Args:
            future: Where the data or the exception will be.
        """
        self.future = future

    @property
    def waiting(self) -> bool:
        """Whether the step has not started for lack of a free place."""
        return not (self.future.running() or self.future.done())

    @property
    def error(self) -> BaseException | None:
        """Why the step failed; waits for its end."""
        return self.future.exception()

    def details(self) -> None:
        """Returns nothing: a job cannot be found again after the run."""

    def json(self) -> dict[str, Any]:
        """Returns the entry of the workflow's snapshot."""
        return {"proxyname": "PacktivityProxyBase", "proxydetails": None}


class Pool:
    """Runs steps as local processes; a context that kills what is running when it ends."""

    def __init__(self, jobs: int, environment: Mapping[str, str]) -> None:
        """Makes an idle pool.

        Args:
            jobs: The number of steps that run at the same time.
            environment: Variables for every step.
        """
        # Packtivity's own log is keyed by the name of a step, which members share.
        self._execution = ExecutionConfig({"logging": False, "environment": dict(environment)})
        self._packtivity = packconfig(executor={"docker-encapsulated": "local"})
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="step")
        self._futures: list[Future[Any]] = []

    def __enter__(self) -> Pool:
        """Returns the pool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Starts no more steps, kills those that run, and returns when all have ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while not all(future.done() for future in self._futures):
            process.kill_all()  # again, for what has just been starting
            time.sleep(0.05)

    def submit(
        self, spec: Mapping[str, Any], parameters: Any, state: Any, metadata: Mapping[str, Any]
    ) -> Job:
        """Queues a step.

        Args:
            spec: Process, environment and publisher of the step.
            parameters: Its parameters.
            state: Its folders.
            metadata: Its name.
        """
        arguments = (spec, parameters, state, metadata, self._packtivity, self._execution)
        self._futures.append(self._threads.submit(run_packtivity, *arguments))
        return Job(self._futures[-1])

    def ready(self, job: Job) -> bool:
        """Returns whether a step has ended."""
        return job.future.done()

    def successful(self, job: Job) -> bool:
        """Returns whether a step that has ended did so without an error."""
        return job.error is None

    def result(self, job: Job) -> Any:
        """Returns what a successful step published."""
        return job.future.result()
