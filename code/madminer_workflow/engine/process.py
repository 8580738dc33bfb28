"""A command as a group of processes that does not outlive the process that started it."""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from madminer_workflow.engine.command import Command, Finished, Usage

__all__ = ["Local"]

# The shell stands between us and the command, as leader of a group of its own: the kernel tells
# it of our death, however we die, and it then kills the whole group. The test closes the gap
# between the start of the shell and the request to be told.
_GUARD = """
[ "$PPID" = "$1" ] || exit 1
shift
trap 'kill -KILL 0' TERM
"$@" &
wait "$!"
"""
_TELL_OF_DEATH = ["setpriv", "--pdeathsig", "TERM"]
_N_LAST_LINES = 8


class Local:
    """The backend of this machine: each command is a group of processes."""

    name: ClassVar[str] = "local"

    def __init__(self, inherited: Collection[int] = ()) -> None:
        """Runs nothing yet.

        Args:
            inherited: Descriptors of files that stay open in every command.
        """
        self._inherited = inherited
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, command: Command, argv: Sequence[str]) -> Finished:
        """Runs a command and waits for its end.

        Args:
            command: The command.
            argv: The words that run it.
        """
        last: collections.deque[str] = collections.deque(maxlen=_N_LAST_LINES)
        started = datetime.now().astimezone()
        with open(command.log, "w", encoding="utf-8", buffering=1) as file:
            file.write(f"{_now()} $ {command.text}\n")
            with self._started(command, argv) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    file.write(f"{_now()} {line.rstrip()}\n")
                    last.append(line.rstrip())
                usage = self._wait(process, started)
            status = process.returncode
            file.write(f"{_now()} ended with status {status}\n")
        return Finished(status if status >= 0 else 128 - status, tuple(filter(None, last)), usage)

    def variables(self, stage: str) -> Mapping[str, str]:  # noqa: ARG002
        """Returns nothing: all stages run on this machine.

        Args:
            stage: A stage.
        """
        return {}

    def holds(self, folder: Path, key: str) -> bool:  # noqa: ARG002
        """Returns that nothing is left of earlier runs.

        Args:
            folder: The folder of a step.
            key: What it is made from.
        """
        return False

    def vacate(self, *folders: Path) -> None:
        """Does nothing: no command outlives its run.

        Args:
            folders: The folders of steps.
        """

    def stop(self, *, keep: bool = False) -> None:  # noqa: ARG002
        """Kills all commands that are running, with everything that they started.

        Args:
            keep: Has no effect: none of them can do without us.
        """
        with self._lock:
            processes = list(self._running)
        for process in processes:
            self._kill(process)

    def close(self) -> None:
        """Does nothing: nothing is held."""

    @contextlib.contextmanager
    def _started(self, command: Command, argv: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """Starts a command in a group of its own; none of the group is left when the block ends."""
        told = _TELL_OF_DEATH if shutil.which(_TELL_OF_DEATH[0]) else []
        process = subprocess.Popen(
            [*told, "sh", "-c", _GUARD, "step", str(os.getpid()), *argv],
            cwd=command.folder,
            env={**os.environ, **command.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=self._inherited,
        )
        with self._lock:
            self._running.add(process)
        try:
            with process:
                try:
                    yield process
                except BaseException:
                    self._kill(process)
                    raise
        finally:
            with self._lock:
                self._running.discard(process)

    def _wait(self, process: subprocess.Popen[str], started: datetime) -> Usage:
        """Waits for the end of a process, and returns what it and its children used."""
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:  # until here the number of the process is its own
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return Usage(
            started,
            datetime.now().astimezone(),
            used.ru_utime + used.ru_stime,
            used.ru_maxrss * 1024 / 1e6,  # in units of 1024 bytes on Linux
        )

    def _kill(self, process: subprocess.Popen[str]) -> None:
        """Kills the group of a process."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)


def _now() -> str:
    """Returns the time of day as the logs show it."""
    return f"{datetime.now():%Y-%m-%d %H:%M:%S}"
