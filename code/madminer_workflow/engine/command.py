"""What a step runs, and the two ways to vary how: its environment and its machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

__all__ = ["Backend", "Command", "Finished", "Runtime", "Usage", "image_of"]


@dataclass(frozen=True)
class Command:
    """The command of a step.

    Attributes:
        stage: The stage of the step.
        text: A shell command.
        image: The container image that the specification names, with its tag.
        folder: Where it is run; the only folder that it writes into.
        read: What it reads besides: the folders of the steps before it; for a runtime what it
            names, too.
        variables: Environment variables, besides those that every process has.
        log: Where its output goes, line by line and with the time.
        key: What the step is made from, as a checksum.
    """

    stage: str
    text: str
    image: str
    folder: Path
    read: tuple[Path, ...]
    variables: Mapping[str, str]
    log: Path
    key: str = ""


@dataclass(frozen=True)
class Usage:
    """When a command ran and what it used.

    Attributes:
        started: When it started, with the time zone.
        ended: When it ended.
        cpu_seconds: CPU time of all its processes; None if nobody has counted it.
        peak_memory_mb: Largest resident memory of one of its processes, in units of 10^6 bytes;
            at least that of the process that started it, which Linux counts as well. In a
            container that of all processes together, with the files that Linux keeps in memory.
        host: The machine, if it may be another one than ours.
    """

    started: datetime
    ended: datetime
    cpu_seconds: float | None
    peak_memory_mb: float | None
    host: str | None = None


@dataclass(frozen=True)
class Finished:
    """How a command ended.

    Attributes:
        status: Exit status; 128 plus the number of the signal that ended it.
        last_lines: The end of its output.
        usage: When it ran and what it used.
        verdict: Why something else ended it, as a batch system that ran out of patience.
    """

    status: int
    last_lines: tuple[str, ...]
    usage: Usage | None = field(default=None, compare=False)
    verdict: str | None = None


class Runtime(Protocol):
    """The environment of steps: this machine itself, or containers."""

    def check(self, images: Collection[str]) -> Mapping[str, Any]:
        """Makes sure before a run that its commands can run; writes nothing into its folder.

        Args:
            images: The container images that the specification names.

        Returns:
            What records say of the environment in place of what they say of this process: the
            digest of the `image`, the version of `python` and those of all `packages`.

        Raises:
            InputError: Something is missing.
        """

    def argv(self, command: Command) -> list[str]:
        """Returns the words that run a command in this environment.

        Values of variables are not among them: whoever runs the words sets the variables.
        """

    def finished(self, command: Command, finished: Finished) -> Finished:
        """Returns how a command ended, with what only its environment knows of that."""


class Backend(Protocol):
    """Where commands run: on this machine, or as jobs of a batch system.

    Attributes:
        name: What a user calls it.
    """

    name: ClassVar[str]

    def variables(self, stage: str) -> Mapping[str, str]:
        """Returns environment variables that depend on where a stage runs."""

    def run(self, command: Command, argv: Sequence[str]) -> Finished:
        """Runs a command, as a runtime has put it into words, and waits for its end.

        It is called by several threads at the same time.
        """

    def holds(self, folder: Path, key: str) -> bool:
        """Returns whether an earlier run has left a step to us that is running or has ended well.

        What it has left in this folder that is made from something else, it ends. `run` then
        takes up what is held.
        """

    def vacate(self, *folders: Path) -> None:
        """Ends what is left running in folders of steps or of members, and holds none of it."""

    def stop(self, *, keep: bool) -> None:
        """Ends all commands that are running; called until `run` has returned everywhere.

        With `keep` those go on that can do so without this process.
        """

    def close(self) -> None:
        """Gives back what it holds, when no command is running any more."""


def image_of(environment: Mapping[str, Any]) -> str:
    """Returns the container image of a step, with its tag.

    Args:
        environment: The environment in the step's specification.
    """
    return f"{environment['image']}:{environment.get('imagetag', 'latest')}"
