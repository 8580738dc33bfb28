"""What the commands of batch systems say, in terms that are common to all of them."""

from __future__ import annotations

import enum
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CommandError", "Entry", "State", "called"]


class State(enum.Enum):
    """What a batch system says of a job."""

    ALIVE = "waits or runs"
    ENDED = "ended by itself"
    CANCELLED = "was cancelled"
    TIMED_OUT = "exceeded its time limit"
    OUT_OF_MEMORY = "exceeded its memory limit"
    LOST = "lost its node"


@dataclass(frozen=True)
class Entry:
    """A job in the queue.

    Attributes:
        state: How it is.
        name: The name of its submission.
        why: What else is known.
    """

    state: State
    name: str = ""
    why: str = ""


class CommandError(RuntimeError):
    """A command of the batch system that failed; what it said is the message."""


def called(argv: Sequence[str], text: str = "") -> str:
    """Returns what a command of a batch system prints.

    Args:
        argv: Its words.
        text: Its standard input.

    Raises:
        CommandError: It failed.
    """
    try:
        # In a session of its own, Ctrl-C does not end it between a submission and its answer.
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, check=False, start_new_session=True
        )
    except OSError as error:
        raise CommandError(f"{argv[0]}: {error.strerror}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise CommandError(" ".join(lines[-2:]) or f"{argv[0]}: status {done.returncode}")
    return done.stdout
