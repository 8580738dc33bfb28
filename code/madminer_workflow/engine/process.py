"""A command as a group of processes that does not outlive the process that started it."""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

__all__ = ["Finished", "Usage", "kill_all", "run"]

# The shell stands between us and the command, as leader of a group of its own: the kernel tells
# it of our death, however we die, and it then kills the whole group. The test closes the gap
# between the start of the shell and the request to be told.
_GUARD = """
[ "$PPID" = "$1" ] || exit 1
trap 'kill -KILL 0' TERM
sh -c "$2" &
wait "$!"
"""
_TELL_OF_DEATH = ["setpriv", "--pdeathsig", "TERM"]
_N_LAST_LINES = 8

_lock = threading.Lock()
_running: set[subprocess.Popen[str]] = set()


@dataclass(frozen=True)
class Usage:
    """When a command ran and what it used.

    Attributes:
        started: When it started, with the time zone.
        ended: When it ended.
        cpu_seconds: CPU time of all its processes.
        peak_memory_mb: Largest resident memory of one of its processes, in units of 10^6 bytes;
            at least that of the process that started it, which Linux counts as well.
    """

    started: datetime
    ended: datetime
    cpu_seconds: float
    peak_memory_mb: float


@dataclass(frozen=True)
class Finished:
    """How a command ended.

    Attributes:
        status: Exit status; 128 plus the number of the signal that ended it.
        last_lines: The end of its output.
        usage: When it ran and what it used.
    """

    status: int
    last_lines: tuple[str, ...]
    usage: Usage | None = field(default=None, compare=False)


def run(
    command: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    inherited: Collection[int] = (),
) -> Finished:
    """Runs a shell command and writes its output to a log, line by line and with the time.

    Args:
        command: The command, for `sh -c`.
        folder: The folder to run it in.
        environment: All environment variables of the command.
        log: The file to write; what stood there is replaced.
        inherited: Descriptors of files that stay open in the command.
    """
    last: collections.deque[str] = collections.deque(maxlen=_N_LAST_LINES)
    started = datetime.now().astimezone()
    with open(log, "w", encoding="utf-8", buffering=1) as file:
        file.write(f"{_now()} $ {command}\n")
        with _started(command, folder, environment, inherited) as process:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(f"{_now()} {line.rstrip()}\n")
                last.append(line.rstrip())
            usage = _wait(process, started)
        status = process.returncode
        file.write(f"{_now()} ended with status {status}\n")
    return Finished(status if status >= 0 else 128 - status, tuple(filter(None, last)), usage)


def kill_all() -> None:
    """Kills all commands that are running, with everything that they started."""
    with _lock:
        processes = list(_running)
    for process in processes:
        _kill(process)


@contextlib.contextmanager
def _started(
    command: str, folder: Path, environment: Mapping[str, str], inherited: Collection[int]
) -> Iterator[subprocess.Popen[str]]:
    """Starts a command in a group of its own; none of the group is left when the block ends."""
    told = _TELL_OF_DEATH if shutil.which(_TELL_OF_DEATH[0]) else []
    process = subprocess.Popen(
        [*told, "sh", "-c", _GUARD, "step", str(os.getpid()), command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=inherited,
    )
    with _lock:
        _running.add(process)
    try:
        with process:
            try:
                yield process
            except BaseException:
                _kill(process)
                raise
    finally:
        with _lock:
            _running.discard(process)


def _wait(process: subprocess.Popen[str], started: datetime) -> Usage:
    """Waits for the end of a process, and returns what it and its children used."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with _lock:  # until here the number of the process is its own
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        started,
        datetime.now().astimezone(),
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024 / 1e6,  # in units of 1024 bytes on Linux
    )


def _kill(process: subprocess.Popen[str]) -> None:
    """Kills the group of a process."""
    with _lock, contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)


def _now() -> str:
    """Returns the time of day as the logs show it."""
    return f"{datetime.now():%Y-%m-%d %H:%M:%S}"
