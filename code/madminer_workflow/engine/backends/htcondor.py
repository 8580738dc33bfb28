"""The batch system HTCondor, with a file system that submitting and executing machines share."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

from madminer_workflow.engine.backends.batch import Batch
from madminer_workflow.engine.backends.entries import CommandError, Entry, State, called
from madminer_workflow.engine.backends.job import Note, words
from madminer_workflow.engine.backends.site import Resources

__all__ = ["HTCondor"]

_STATES = {"3": State.CANCELLED, "4": State.ENDED}
_HELD = "5"
# Of the codes for why a job is held, those of memory, total time and time of execution.
_HOLDS = {"34": State.OUT_OF_MEMORY, "46": State.TIMED_OUT, "47": State.TIMED_OUT}
_COLUMNS = ("ClusterId", "ProcId", "JobStatus", "HoldReasonCode", "JobBatchName", "HoldReason")
_FORMAT = ("-af", *_COLUMNS)


class HTCondor(Batch):
    """HTCondor: `condor_submit`, `condor_q`, `condor_history` and `condor_rm`.

    It holds jobs that exceed a limit or cannot be run; we remove them.
    """

    name: ClassVar[str] = "htcondor"
    programs: ClassVar[tuple[str, ...]] = ("condor_submit", "condor_q", "condor_rm")
    separator: ClassVar[str] = "."

    def submit(self, name: str, notes: Sequence[Note], resources: Resources) -> str:
        """Submits jobs as one cluster and returns its number.

        Args:
            name: What it is called.
            notes: The notes of the jobs.
            resources: What each of them gets.

        Raises:
            CommandError: HTCondor refused.
        """
        program, *others = words(notes[0].path, "", notes[0].grace_seconds)
        module, seconds = others[:-3], others[-1]
        arguments = [*module, "$(note)", f"{name}.$(ProcId)", seconds]
        lines = [
            f"executable = {program}",
            f'arguments = "{" ".join(_quoted(word) for word in arguments)}"',
            "getenv = True",
            "transfer_executable = False",
            "should_transfer_files = NO",
            "universe = vanilla",
            f"initialdir = {self._folder}",
            f"output = {name}.$(ProcId).out",
            f"error = {name}.$(ProcId).out",
            f'batch_name = "{name}"',
            *_requests(resources),
            "queue note from (",
            *(str(note.path) for note in notes),
            ")",
        ]
        answer = called(["condor_submit", "-terse"], "\n".join(lines) + "\n")
        return answer.split()[0].partition(".")[0]

    def queue(self) -> dict[str, Entry]:
        """Returns all jobs of this user that are in the queue, by number.

        Raises:
            CommandError: HTCondor does not answer.
        """
        return dict(_entries(called(["condor_q", getpass.getuser(), *_FORMAT])))

    def history(self, numbers: Collection[str]) -> dict[str, Entry]:
        """Returns jobs that are in the queue no more, as far as the history knows them.

        Args:
            numbers: The numbers of the jobs.
        """
        try:
            return dict(_entries(called(["condor_history", *sorted(numbers), *_FORMAT])))
        except CommandError:
            return {}

    def cancel(self, numbers: Collection[str]) -> None:
        """Ends jobs.

        Args:
            numbers: Their numbers.

        Raises:
            CommandError: HTCondor does not answer.
        """
        called(["condor_rm", *sorted(numbers)])

    def dismiss(self, numbers: Collection[str]) -> None:
        """Removes jobs from the queue that are held.

        Args:
            numbers: Their numbers.
        """
        with contextlib.suppress(CommandError):
            self.cancel(numbers)


def _requests(resources: Resources) -> Iterator[str]:
    """Yields the lines of a description for resources."""
    given = {
        "request_cpus": resources.cpus,
        "request_memory": resources.memory_mb,
        "allowed_execute_duration": resources.minutes and 60 * resources.minutes,
        "request_gpus": resources.gpus,
        "accounting_group": resources.account,
        "requirements": resources.partition,
    }
    yield from (f"{name} = {value}" for name, value in given.items() if value)
    yield from resources.options


def _quoted(word: str) -> str:
    """Returns a word of the arguments of a job."""
    return "'" + word.replace("'", "''").replace('"', '""') + "'"


def _entries(text: str) -> Iterator[tuple[str, Entry]]:
    """Yields jobs and their numbers from lines with the columns that we ask for."""
    for line in text.splitlines():
        cluster, index, status, code, name, *why = line.split(None, 5)
        state = _STATES.get(status, State.ALIVE)
        if status == _HELD:
            state = _HOLDS.get(code, State.CANCELLED)
        reason = why[0] if why and state is not State.ALIVE and why[0] != "undefined" else ""
        yield f"{cluster}.{index}", Entry(state, name, reason)
