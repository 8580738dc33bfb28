"""Steps as jobs of a batch system, which go on when the process that has submitted them dies.

A step waits in a thread of the pool for its job. One further thread submits and asks for all of
them: what comes within a moment and needs the same is submitted as one array, and one question at
a time tells how all jobs are. How a job ended it writes itself; the batch system is asked for what
a job cannot write any more.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import shutil
import sys
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from madminer_workflow.engine.backends import job as jobs
from madminer_workflow.engine.backends.entries import CommandError, Entry, State
from madminer_workflow.engine.backends.job import Note
from madminer_workflow.engine.backends.site import Resources, Site
from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.logs import last_lines
from madminer_workflow.engine.records import RECORD
from madminer_workflow.errors import InputError

__all__ = ["Batch", "LeftError"]

_TICK_SECONDS = 0.1
_WINDOW_SECONDS = 0.5
"""How long the first step of an array waits for others."""
_LEAST_POLL_SECONDS = 1.0
_CANCEL_SECONDS = 60.0
"""How long a job may take to end after it was cancelled."""
_ATTEMPTS = 5
_N_LINES = 8
_SHORT_OF_PATIENCE = re.compile(
    r"timed? ?out|unable to contact|connection refused|temporar|try again|not responding"
    r"|failed to connect|can't find address",
    re.IGNORECASE,
)
_LOG = logging.getLogger("yadage.jobs")


class LeftError(RuntimeError):
    """A step whose job goes on without us."""


@dataclass(eq=False)
class _Job:
    """A job that somebody waits for."""

    note: Note
    resources: Resources
    state: State | None = None
    why: str = ""
    error: Exception | None = None
    is_cancelled: bool = False
    created: float = field(default_factory=time.monotonic)
    known: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def end(self, state: State | None, why: str = "", error: Exception | None = None) -> None:
        """Notes how it ended, and tells those who wait."""
        self.state, self.why, self.error = state, why, error
        self.known.set()
        self.over.set()

    def check(self) -> None:
        """Raises what keeps us from knowing how it is."""
        if self.error:
            raise self.error
        if self.state is None:
            raise LeftError(f"job {self.note.job} goes on")


class Batch(ABC):
    """Runs each step as a job; a batch system says how to submit, ask and cancel."""

    name: ClassVar[str]
    """What a user calls it."""
    programs: ClassVar[tuple[str, ...]]
    """The commands that it needs."""
    profile: ClassVar[type[Site]] = Site

    def __init__(self, site: Site, folder: Path) -> None:
        """Has no jobs yet.

        Args:
            site: How the batch system is used.
            folder: Where the batch system writes what it has to say of the jobs.

        Raises:
            InputError: Its commands are not installed here.
        """
        if missing := [program for program in self.programs if not shutil.which(program)]:
            raise InputError(f"backend: {self.name} needs {missing[0]}, which is not installed")
        self._site = site
        self._folder = folder
        self._lock = threading.Lock()
        self._new: list[_Job] = []
        self._watched: list[_Job] = []
        self._held: dict[Path, _Job] = {}
        self._thread: threading.Thread | None = None
        self._asked = -math.inf
        self._stopped: float | None = None

    @abstractmethod
    def submit(self, name: str, notes: Sequence[Note], resources: Resources) -> str:
        """Submits jobs as one array and returns its number.

        Args:
            name: What it is called.
            notes: The notes of the jobs; the number of each is that of the array, a `separator`
                and its index.
            resources: What each of them gets.

        Raises:
            CommandError: The batch system refused.
        """

    @abstractmethod
    def queue(self) -> dict[str, Entry]:
        """Returns all jobs of this user, with those that have ended a moment ago, by number.

        Raises:
            CommandError: The batch system does not answer.
        """

    @abstractmethod
    def history(self, numbers: Collection[str]) -> dict[str, Entry]:
        """Returns jobs that are in the queue no more, as far as something is known of them.

        Args:
            numbers: The numbers of the jobs.
        """

    def diagnosed(self, output: str) -> State:  # noqa: ARG002
        """Returns what has ended a job that the batch system calls failed.

        Args:
            output: What the batch system has to say of it.
        """
        return State.ENDED

    @abstractmethod
    def cancel(self, numbers: Collection[str]) -> None:
        """Ends jobs.

        Args:
            numbers: Their numbers.

        Raises:
            CommandError: The batch system does not answer.
        """

    def dismiss(self, numbers: Collection[str]) -> None:  # noqa: B027
        """Removes jobs from the queue that have ended, where they do not leave it themselves.

        Args:
            numbers: Their numbers.
        """

    separator: ClassVar[str]
    """What stands between the number of an array and the index of a job."""

    @classmethod
    def running(cls, notes: Sequence[Note]) -> list[str]:
        """Returns the jobs of notes that may still run.

        Args:
            notes: The notes of jobs of this batch system.
        """
        left = [note for note in notes if jobs.end_of(note, 0) is None]
        try:
            queue = cls(Site(), Path()).queue() if left else {}
        except (CommandError, InputError):  # then nobody knows
            return [note.job or note.name for note in left]
        found = ((note, cls.found(note, queue)) for note in left)
        return [
            note.job or note.name
            for note, entry in found
            if entry is not None and entry.state is State.ALIVE
        ]

    @classmethod
    def number(cls, note: Note, queue: Mapping[str, Entry]) -> str | None:
        """Returns the number of a job; None if the batch system does not know it.

        Args:
            note: Its note, which has no number if we died before the answer came.
            queue: The jobs in the queue.
        """
        if note.job:
            return note.job
        ending = f"{cls.separator}{note.index}"
        names = (key for key, entry in queue.items() if entry.name == note.name)
        return next((key for key in names if key.endswith(ending)), None)

    @classmethod
    def found(cls, note: Note, queue: Mapping[str, Entry]) -> Entry | None:
        """Returns a job in the queue; None if it is not there.

        Args:
            note: Its note.
            queue: The jobs in the queue.
        """
        return queue.get(cls.number(note, queue) or "")

    def variables(self, stage: str) -> Mapping[str, str]:
        """Returns how many threads a step uses: as many as it gets processors.

        Args:
            stage: Its stage.
        """
        return {"OMP_NUM_THREADS": str(self._site.resources(stage).cpus)}

    def run(self, command: Command, argv: Sequence[str]) -> Finished:
        """Submits a job, or takes up what an earlier run has left, and waits for its end.

        Args:
            command: The command.
            argv: The words that run it.

        Raises:
            LeftError: The run ends, and the job goes on.
        """
        with self._lock:
            job = self._held.pop(command.log.parent / jobs.NOTE, None)
        attempt = dict(job.note.attempt) if job else {}
        while True:
            job = job or self._submitted(command, argv, attempt)
            job.over.wait()
            if isinstance(job.error, CommandError):
                return Finished(1, (), verdict=str(job.error))
            job.check()
            finished = self._outcome(job)
            if finished.status:
                job.note.path.unlink(missing_ok=True)
            self.output(job.note).unlink(missing_ok=True)
            if not finished.status or not self._again(job, attempt):
                return finished
            job = None

    def holds(self, folder: Path, key: str) -> bool:
        """Returns whether a job of an earlier run does, or has done, what is asked for.

        Args:
            folder: The folder of a step.
            key: What it is made from.
        """
        note = jobs.note_of(folder)
        if note is None or note.backend != self.name:
            return False
        job = self._watch(note)
        job.known.wait()
        job.check()
        is_wanted = note.key == key and not (folder / RECORD).exists()
        if is_wanted and (job.state is State.ALIVE or self._ended_well(job)):
            with self._lock:
                self._held[note.path] = job
            return True
        self._end([job])
        return False

    def vacate(self, *folders: Path) -> None:
        """Cancels the jobs that are left in folders and waits for their end; forgets all of them.

        Args:
            folders: The folders of steps, or of members with several.
        """
        left: list[_Job] = []
        for note in (note for folder in folders for note in jobs.notes(folder)):
            if jobs.end_of(note, 0):
                note.path.unlink(missing_ok=True)
            elif note.backend == self.name:
                left.append(self._watch(note))
        self._end(left)

    def stop(self, *, keep: bool) -> None:
        """Cancels all jobs, or leaves them to the next run.

        Args:
            keep: Whether to leave them.
        """
        with self._lock:
            self._stopped = self._stopped or time.monotonic()
            for job in self._new:
                job.end(State.CANCELLED)
            self._new.clear()
            left, watched = [], list(self._watched)
            if keep or time.monotonic() > self._stopped + _CANCEL_SECONDS:
                left, watched = watched, left
                self._watched.clear()
            for job in left:
                job.end(None)
        if left:
            why = "go on" if keep else f"cannot be cancelled: {self.name} does not answer"
            print(f"\njobs that {why}: {len(left)}; the next run takes them up", file=sys.stderr)
        self._cancel(watched)

    def close(self) -> None:  # noqa: B027
        """Does nothing: the watch ends with the last job."""

    def _cancel(self, watched: Iterable[_Job]) -> None:
        """Cancels jobs, each once."""
        fresh = [job for job in watched if job.note.job and not job.is_cancelled]
        if not fresh:
            return
        try:
            self.cancel([job.note.job for job in fresh if job.note.job])
        except CommandError as error:
            _LOG.warning("%s", error)
            return
        for job in fresh:
            job.is_cancelled = True

    def _end(self, left: Sequence[_Job]) -> None:
        """Ends jobs of earlier runs.

        Raises:
            RuntimeError: One of them does not end.
        """
        for job in left:
            job.known.wait()
        self._cancel(job for job in left if not job.over.is_set())
        for job in left:
            if not job.over.wait(_CANCEL_SECONDS):
                raise CommandError(f"job {job.note.job} of an earlier run cannot be cancelled")
            job.check()
            job.note.path.unlink(missing_ok=True)

    def _again(self, job: _Job, attempt: dict[str, int]) -> bool:
        """Counts and returns whether a step that a job has not finished is submitted again."""
        reasons = {
            State.OUT_OF_MEMORY: "out_of_memory",
            State.TIMED_OUT: "time_out",
            State.LOST: "node_lost",
        }
        reason = reasons.get(job.state) if job.state else None
        if reason is None or self._stopped:
            return False
        attempt[reason] = attempt.get(reason, 0) + 1
        again = attempt[reason] <= int(getattr(self._site.retries, reason))
        text = "submitted again" if again else "failed"
        _LOG.info("%s: %s; %s", job.note.command.folder, self._verdict(job), text)
        return again

    def _resources(self, stage: str, attempt: Mapping[str, int]) -> Resources:
        """Returns what the next job of a step gets."""
        given, factor = self._site.resources(stage), self._site.retries.factor

        def more(value: int | None, reason: str) -> int | None:
            return value and math.ceil(value * factor ** attempt.get(reason, 0))

        return replace(
            given,
            memory_mb=more(given.memory_mb, "out_of_memory"),
            minutes=more(given.minutes, "time_out"),
        )

    def _submitted(self, command: Command, argv: Sequence[str], attempt: Mapping[str, int]) -> _Job:
        """Queues a job to be submitted."""
        note = Note(
            backend=self.name,
            name="",
            index=0,
            key=command.key,
            attempt=dict(attempt),
            command=command,
            argv=tuple(argv),
            inputs=jobs.listing(command.read),
            grace_seconds=self._site.grace_seconds,
        )
        job = _Job(note, self._resources(command.stage, attempt))
        self._note_wait(command)
        with self._lock:
            if self._stopped:
                job.end(State.CANCELLED)
            else:
                self._new.append(job)
                self._start()
        return job

    def _note_wait(self, command: Command, why: str = "") -> None:
        """Notes that a step waits in its log, which its job begins anew."""
        text = f"{datetime.now():%Y-%m-%d %H:%M:%S} waits for {self.name}{why}\n"
        with contextlib.suppress(OSError), open(command.log, "a", encoding="utf-8") as file:
            file.write(text)

    def _watch(self, note: Note) -> _Job:
        """Begins to ask for the job of a note, soon."""
        job = _Job(note, self._resources(note.command.stage, note.attempt))
        with self._lock:
            self._watched.append(job)
            self._asked = min(
                self._asked, time.monotonic() + _LEAST_POLL_SECONDS - self._site.poll_seconds
            )
            self._start()
        return job

    def _start(self) -> None:
        """Starts the thread that submits and asks, unless it runs."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="jobs", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        """Submits and asks as long as somebody waits."""
        while True:
            with self._lock:
                if not self._new and not self._watched:
                    self._thread = None
                    return
            try:
                self._submit_new()
                self._ask()
            except Exception as error:
                _LOG.exception("the watch over the jobs failed")
                with self._lock:
                    for job in (*self._new, *self._watched):
                        job.end(None, error=error)
                    self._new.clear()
                    self._watched.clear()
            time.sleep(_TICK_SECONDS)

    def _submit_new(self) -> None:
        """Submits what is new, when the first one has waited for others long enough."""
        with self._lock:
            if not self._new or time.monotonic() < self._new[0].created + _WINDOW_SECONDS:
                return
            ready, self._new = self._new, []
        for name, group in self._arrays(ready):
            try:
                self._submit_array(name, group)
            except (CommandError, OSError) as error:
                for job in group:
                    job.note.path.unlink(missing_ok=True)
                    job.end(None, error=error)

    def _submit_array(self, name: str, group: Sequence[_Job]) -> None:
        """Submits jobs; first their notes are written, by which they are found if we die."""
        for index, job in enumerate(group):
            job.note = replace(job.note, name=name, index=index)
            job.note.write()
        self._folder.mkdir(parents=True, exist_ok=True)
        number = self._number_of(name, group)
        _LOG.info("%s is %s, jobs: %s", name, number, len(group))
        for job in group:
            job.note = replace(job.note, job=f"{number}{self.separator}{job.note.index}")
            with contextlib.suppress(OSError):  # of a full disk: the name finds it, too
                job.note.write()
        with self._lock:
            self._watched += group

    def _arrays(self, ready: Iterable[_Job]) -> Iterator[tuple[str, list[_Job]]]:
        """Yields jobs that are submitted together, with a name for them."""

        def kind(job: _Job) -> tuple[str, str]:
            return job.note.command.stage, repr(job.resources)

        for (stage, _), group in groupby(sorted(ready, key=kind), kind):
            alike = list(group)
            for start in range(0, len(alike), self._site.array_size):
                name = f"{stage}-{uuid.uuid4().hex[:12]}"
                yield name, alike[start : start + self._site.array_size]

    def _number_of(self, name: str, group: Sequence[_Job]) -> str:
        """Submits an array and returns its number; a batch system that is busy is asked again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self.submit(name, [job.note for job in group], group[0].resources)
            except CommandError as error:
                if not _SHORT_OF_PATIENCE.search(str(error)) or attempt == _ATTEMPTS:
                    raise
                _LOG.warning("%s", error)
            time.sleep(self._site.poll_seconds)
            with contextlib.suppress(CommandError):  # it may have come through nevertheless
                for number, entry in self.queue().items():
                    if entry.name == name:
                        return number.rpartition(self.separator)[0]
        raise AssertionError

    def _ask(self) -> None:
        """Asks how all jobs are, if it is time, and tells those whose jobs have ended."""
        now = time.monotonic()
        with self._lock:
            watched = list(self._watched)
            pause = self._site.poll_seconds
            if any(job.is_cancelled for job in watched):
                pause = min(pause, _LEAST_POLL_SECONDS)
        if not watched or now < self._asked + pause:
            return
        try:
            queue = self.queue()
        except CommandError as error:  # jobs go on without an answer
            _LOG.warning("%s", error)
            queue = None
        self._asked = time.monotonic()
        if queue is not None:
            self._tell(watched, queue)

    def _tell(self, watched: Sequence[_Job], queue: Mapping[str, Entry]) -> None:
        """Tells those who wait what has become of their jobs."""
        for job in watched:
            if number := self.number(job.note, queue):
                job.note = replace(job.note, job=number)
        gone = {job.note.job for job in watched if job.note.job and job.note.job not in queue}
        later = self.history(gone) if gone else {}
        for job in watched:
            number = job.note.job or ""
            entry = queue.get(number) or later.get(number) or Entry(State.ENDED)
            if entry.state is not State.ALIVE and number in queue:
                self.dismiss([number])
            with self._lock:
                if job in self._watched:  # else it was let go meanwhile
                    self._update(job, entry)

    def _update(self, job: _Job, entry: Entry) -> None:
        """Notes what has become of a job."""
        if entry.state is not State.ALIVE:
            self._watched.remove(job)
            job.end(entry.state, entry.why)
            return
        if entry.why and entry.why != job.why:
            self._note_wait(job.note.command, f" ({entry.why})")
        job.state, job.why = State.ALIVE, entry.why
        job.known.set()

    def _ended_well(self, job: _Job) -> bool:
        """Returns whether a job that is not in the queue has finished its step."""
        ended = job.state is State.ENDED and job.note.job
        finished = jobs.end_of(job.note, self._site.grace_seconds if ended else 0)
        return finished is not None and finished.status == 0

    def output(self, note: Note) -> Path:
        """Returns the file with what the batch system has to say of a job.

        Args:
            note: The note of the job.
        """
        return self._folder / f"{note.token}.out"

    def _outcome(self, job: _Job) -> Finished:
        """Returns how a job ended."""
        patience = self._site.grace_seconds if job.state is State.ENDED else 0
        finished = jobs.end_of(job.note, patience)
        said = self._said(job)
        if job.state is State.ENDED and (finished is None or finished.status):
            job.state = self.diagnosed("\n".join(said))
        if finished and (finished.status == 0 or job.state is State.ENDED):
            return finished
        lines = finished.last_lines if finished else last_lines(job.note.command.log) or said
        usage = finished.usage if finished else None
        status = finished.status if finished else 1
        return Finished(status, lines, usage, self._verdict(job))

    def _said(self, job: _Job) -> tuple[str, ...]:
        """Returns what the batch system has to say of a job, at its end."""
        try:
            text = self.output(job.note).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ()
        return tuple(filter(None, text.splitlines()))[-_N_LINES:]

    def _verdict(self, job: _Job) -> str:
        """Returns in words what became of a job."""
        given = job.resources
        limits = {
            State.TIMED_OUT: given.minutes and f" of {given.minutes} minutes",
            State.OUT_OF_MEMORY: given.memory_mb and f" of {given.memory_mb} MB",
            State.ENDED: ", but left no result",
        }
        state = job.state or State.ENDED
        why = f" ({job.why})" if job.why else ""
        return f"job {job.note.job} {state.value}{limits.get(state) or ''}{why}"
