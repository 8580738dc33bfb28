"""Yadage backend: at most N steps at a time.

Threads suffice, since each step is a process of its own: nothing is forked from or pickled for
worker processes, which would live on when the run is killed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from packtivity import datamodel
from packtivity.syncbackends import ExecutionConfig, run_packtivity

from madminer_workflow.engine.checksums import digest
from madminer_workflow.engine.command import Backend, Command, Finished, Runtime
from madminer_workflow.engine.graph import label
from madminer_workflow.engine.ingredients import HANDLERS, Ingredients
from madminer_workflow.engine.provenance import Provenance
from madminer_workflow.engine.records import Records

__all__ = ["Job", "JobBackend", "Pool"]


class Job:
    """A submitted step, in the form that Yadage keeps as `resultproxy` of a node."""

    def __init__(self) -> None:
        """Has not started."""
        self.future: Future[Any] = Future()
        self.started: float | None = None
        self.ended: float | None = None
        self.kept = False

    def note_end(self, _: Future[Any]) -> None:
        """Notes that the step has ended."""
        self.ended = time.time()

    @property
    def error(self) -> BaseException | None:
        """Why the step failed; waits for its end."""
        return self.future.exception()

    def details(self) -> None:
        """Returns nothing: a job cannot be found again after the run."""

    def json(self) -> dict[str, Any]:
        """Returns the entry of the workflow's snapshot."""
        return {"proxyname": "PacktivityProxyBase", "proxydetails": None}


class JobBackend:
    """What Yadage asks of a backend whose jobs are these."""

    def ready(self, job: Job) -> bool:
        """Returns whether a step has ended."""
        return job.future.done()

    def successful(self, job: Job) -> bool:
        """Returns whether a step that has ended did so without an error."""
        return job.error is None

    def result(self, job: Job) -> Any:
        """Returns what a successful step published."""
        return job.future.result()


class Pool(JobBackend):
    """Runs steps on a backend; a context that ends what is running when it ends."""

    def __init__(
        self,
        jobs: int,
        variables: Mapping[str, str],
        runtime: Runtime,
        backend: Backend,
        records: Records,
        ingredients: Ingredients,
        provenance: Provenance,
        forced: Collection[str] = (),
        *,
        keep: bool = False,
    ) -> None:
        """Makes an idle pool.

        Args:
            jobs: The number of steps that run at the same time.
            variables: Environment variables for every step.
            runtime: In which environment the steps run.
            backend: Where they run.
            records: The steps that earlier runs have finished, which are not run again.
            ingredients: Tells what steps are made from.
            provenance: Describes how finished steps were made.
            forced: The labels of steps that are run again nevertheless.
            keep: Whether steps go on that can, when the run is interrupted.
        """
        self._variables = dict(variables)
        self._runtime = runtime
        self._backend = backend
        self._records = records
        self._ingredients = ingredients
        self._provenance = provenance
        self._forced = frozenset(forced)
        self._keep = keep
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="step")
        self._jobs: list[Job] = []

    def __enter__(self) -> Pool:
        """Returns the pool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Starts no more steps, ends those that run, and returns when all have ended.

        After a logout or `kill`, steps go on that can do without this process.
        """
        self._threads.shutdown(wait=False, cancel_futures=True)
        keep = self._keep or isinstance(error, SystemExit)
        while not all(job.future.done() for job in self._jobs):
            self._backend.stop(keep=keep)  # again, for what has just been starting
            time.sleep(0.05)
        self._backend.close()

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
        job = Job()
        arguments = (job, spec, parameters, state, metadata)
        job.future = self._threads.submit(self._finish, *arguments)
        job.future.add_done_callback(job.note_end)
        self._jobs.append(job)
        return job

    def _finish(
        self,
        job: Job,
        spec: Mapping[str, Any],
        parameters: Any,
        state: Any,
        metadata: Mapping[str, Any],
    ) -> Any:
        """Returns what a step publishes, after it was run unless it is finished already."""
        folder = Path(state.readwrite[0])
        command, made_from = self._ingredients.of_step(spec, parameters, state, metadata)
        is_forced = label(metadata["wflow_stage"], parameters.json()) in self._forced
        if is_forced:
            self._records.forget(made_from)
        elif (published := self._records.find(folder, made_from)) is not None:
            job.kept = True
            return datamodel.create(published, state.datamodel)
        job.started = time.time()
        if is_forced or not self._backend.holds(folder, digest(made_from)):
            self._records.make_way(folder)
            state.ensure()
        return self._run(command, made_from, (spec, parameters, state, metadata))

    def _run(self, command: str, made_from: Mapping[str, Any], step: tuple[Any, ...]) -> Any:
        """Returns what a step publishes, after it was run and recorded.

        Args:
            command: Its command.
            made_from: Its ingredients.
            step: Its specification, parameters, folders and name.
        """
        _, parameters, state, _ = step
        folder = Path(state.readwrite[0])
        named = self._ingredients.read(command, folder)
        ended: list[Finished] = []

        def execute(command: Command) -> Finished:
            variables = {**command.variables, **self._backend.variables(command.stage)}
            command = replace(command, variables=variables, key=digest(made_from))
            argv = self._runtime.argv(replace(command, read=(*command.read, *named)))
            finished = self._backend.run(command, argv)
            ended.append(self._runtime.finished(command, finished))
            return ended[0]

        # Packtivity's own log is keyed by the name of a step, which members share.
        options = {"logging": False, "variables": self._variables, "execute": execute}
        is_recorded = False
        try:
            published = run_packtivity(*step, HANDLERS, ExecutionConfig(options))
            # What has changed while the step ran, it may have seen before or after that.
            if self._ingredients.of_step(*step) == (command, made_from):
                usage = ended[0].usage if ended else None
                provenance = self._provenance.of(command, made_from, parameters.json(), usage)
                self._records.write(folder, made_from, published.json(), provenance)
                is_recorded = True
        finally:
            if ended and not is_recorded:  # no later run takes up what it has left
                self._backend.vacate(folder)
        return published
