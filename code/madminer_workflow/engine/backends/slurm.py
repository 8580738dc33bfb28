"""The batch system Slurm."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

from madminer_workflow.engine.backends.batch import Batch
from madminer_workflow.engine.backends.entries import CommandError, Entry, State, called
from madminer_workflow.engine.backends.job import Note, words
from madminer_workflow.engine.backends.site import Resources

__all__ = ["Slurm"]

_STATES = {
    **dict.fromkeys(("COMPLETED", "FAILED"), State.ENDED),
    **dict.fromkeys(("CANCELLED", "REVOKED"), State.CANCELLED),
    **dict.fromkeys(("TIMEOUT", "DEADLINE"), State.TIMED_OUT),
    "OUT_OF_MEMORY": State.OUT_OF_MEMORY,
    **dict.fromkeys(("BOOT_FAIL", "NODE_FAIL", "PREEMPTED"), State.LOST),
}
_USUAL = ("None", "Priority", "Resources", "BeginTime", "Cleaning")
_SHORT_OF_MEMORY = re.compile(r"oom[-_ ]kill|exceeded (job |step )?memory limit", re.IGNORECASE)
_AT_ONCE = 500
"""How many jobs a command line names."""

# The paths are arguments of a builtin, for which there may be any number.
_SCRIPT = """#!/bin/sh
set -- {notes}
shift "$SLURM_ARRAY_TASK_ID"
note=$1 waited=0
until [ -e "$note" ] || [ "$waited" -ge {grace:.0f} ]; do
    sleep 1
    waited=$((waited + 1))
done
exec {command}
"""


class Slurm(Batch):
    """Slurm: `sbatch`, `squeue`, `sacct` and `scancel`."""

    name: ClassVar[str] = "slurm"
    programs: ClassVar[tuple[str, ...]] = ("sbatch", "squeue", "scancel")
    separator: ClassVar[str] = "_"

    def submit(self, name: str, notes: Sequence[Note], resources: Resources) -> str:
        """Submits jobs as one array and returns its number.

        Args:
            name: What it is called.
            notes: The notes of the jobs.
            resources: What each of them gets.

        Raises:
            CommandError: Slurm refused.
        """
        token = f'{name}."$SLURM_ARRAY_TASK_ID"'
        grace = notes[0].grace_seconds
        *program, _, _, seconds = words(notes[0].path, "", grace)
        script = _SCRIPT.format(
            notes=" \\\n    ".join(shlex.quote(str(note.path)) for note in notes),
            command=f'{shlex.join(program)} "$note" {token} {seconds}',
            grace=grace,
        )
        fixed = [f"--job-name={name}", f"--array=0-{len(notes) - 1}", "--chdir=/"]
        fixed.append(f"--output={self._folder / name}.%a.out")
        argv = [
            "sbatch",
            "--parsable",
            "--export=ALL",
            "--no-requeue",
            *fixed,
            *_options(resources),
        ]
        return called(argv, script).strip().partition(";")[0]

    def diagnosed(self, output: str) -> State:
        """Returns whether a job that failed was short of memory, which not all sites say else.

        Args:
            output: What Slurm has to say of it.
        """
        return State.OUT_OF_MEMORY if _SHORT_OF_MEMORY.search(output) else State.ENDED

    def queue(self) -> dict[str, Entry]:
        """Returns all jobs of this user, with those that have ended a moment ago, by number.

        Raises:
            CommandError: Slurm does not answer.
        """
        argv = ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}"]
        return dict(_entries(called([*argv, "--format=%i|%T|%j|%r"])))

    def history(self, numbers: Collection[str]) -> dict[str, Entry]:
        """Returns jobs that are in the queue no more, as far as accounting knows them.

        Args:
            numbers: The numbers of the jobs.
        """
        argv = ["sacct", "--allocations", "--noheader", "--parsable2", "--array"]
        argv += ["--format=JobID,State,JobName,Reason"]
        found: dict[str, Entry] = {}
        for some in _some(sorted(numbers)):
            try:
                found.update(_entries(called([*argv, f"--jobs={','.join(some)}"])))
            except CommandError:  # a site without accounting
                return {}
        return found

    def cancel(self, numbers: Collection[str]) -> None:
        """Ends jobs.

        Args:
            numbers: Their numbers.

        Raises:
            CommandError: Slurm does not answer.
        """
        for some in _some(sorted(numbers)):
            called(["scancel", "--quiet", *some])


def _options(resources: Resources) -> Iterator[str]:
    """Yields the options of `sbatch` for resources."""
    given = {
        "cpus-per-task": resources.cpus,
        "mem": resources.memory_mb and f"{resources.memory_mb}M",
        "time": resources.minutes,
        "gres": resources.gpus and f"gpu:{resources.gpus}",
        "partition": resources.partition,
        "account": resources.account,
    }
    yield "--ntasks=1"
    yield from (f"--{name}={value}" for name, value in given.items() if value)
    yield from resources.options


def _entries(text: str) -> Iterator[tuple[str, Entry]]:
    """Yields jobs and their numbers from lines `number|state|name|reason`."""
    for line in text.splitlines():
        number, word, name, reason = line.strip().split("|", 3)
        # "CANCELLED by 1000", and states that a later Slurm may have
        state = _STATES.get(word.split(" ")[0].rstrip("+"), State.ALIVE)
        why = reason if word == "PENDING" and reason not in _USUAL else ""
        yield number, Entry(state, name, why)


def _some(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yields as many numbers at a time as a command line takes."""
    for start in range(0, len(numbers), _AT_ONCE):
        yield numbers[start : start + _AT_ONCE]
