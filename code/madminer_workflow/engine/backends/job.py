"""A step as a job on another machine: what it is told, and what it leaves behind.

A job finds all that it needs in a file beside the log of its step, its note, and writes into
another one how it ended. Both name the token of the submission: a job whose note has gone, or is
that of a later submission, does nothing. `python -m madminer_workflow.engine.backends.job NOTE
TOKEN SECONDS` is what a batch system runs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from madminer_workflow.engine.command import Command, Finished, Usage
from madminer_workflow.engine.process import Local
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json, write_json

__all__ = [
    "NOTE",
    "Note",
    "end_of",
    "execute",
    "listing",
    "note_of",
    "notes",
    "seen",
    "wanted",
    "words",
]

NOTE = "job.json"
_END = "ended.json"
_OWN = "_packtivity"
_PATIENCE_SECONDS = 0.2


@dataclass(frozen=True)
class Note:
    """What a job is told, and what finds it again.

    Attributes:
        backend: The name of the batch system.
        name: The name of the submission, which no other one has.
        index: Which of the jobs of the submission it is.
        key: What the step is made from, as a checksum.
        attempt: How often the step was submitted before, for each reason.
        command: The command of the step.
        argv: The words that run it.
        inputs: The sizes of the files that it reads, in bytes.
        grace_seconds: How long they may take to be seen.
        job: The number of the job; None until the batch system has given it one.
    """

    backend: str
    name: str
    index: int
    key: str
    attempt: Mapping[str, int]
    command: Command
    argv: tuple[str, ...]
    inputs: Mapping[str, int]
    grace_seconds: float
    job: str | None = None

    @property
    def path(self) -> Path:
        """The file of the note."""
        return self.command.log.parent / NOTE

    @property
    def token(self) -> str:
        """What no other job has."""
        return f"{self.name}.{self.index}"

    def write(self) -> None:
        """Writes the file; without what a job inherits, which may be the password of a server."""
        plain = dataclasses.asdict(self)
        for name, value in self.command.variables.items():
            if os.environ.get(name) == value:
                del plain["command"]["variables"][name]
        for name in ("folder", "log"):
            plain["command"][name] = str(plain["command"][name])
        plain["command"]["read"] = [str(path) for path in self.command.read]
        write_json(self.path, plain)

    @classmethod
    def read(cls, path: Path) -> Note | None:
        """Returns a note; None if there is none, or it cannot be read.

        Args:
            path: The file.
        """
        try:
            plain = read_json(path)
            inner = plain.pop("command")
            for name in ("folder", "log"):
                inner[name] = Path(inner[name])
            inner["read"] = tuple(map(Path, inner["read"]))
            return cls(**{**plain, "command": Command(**inner), "argv": tuple(plain["argv"])})
        except (InputError, AttributeError, KeyError, TypeError):
            return None


def words(note: Path, token: str, grace_seconds: float) -> list[str]:
    """Returns the words that run a job on another machine.

    Args:
        note: The file of its note; may be a variable of a shell, as `token`.
        token: What no other job has.
        grace_seconds: How long the note may take to be seen.
    """
    module = "madminer_workflow.engine.backends.job"
    return [sys.executable, "-m", module, str(note), token, str(grace_seconds)]


def notes(folder: Path) -> Iterator[Note]:
    """Yields the notes in the folder of a step, or of a member with several.

    Args:
        folder: The folder.
    """
    for path in (folder, *folder.glob("*/")):
        if note := note_of(path):
            yield note


def note_of(folder: Path) -> Note | None:
    """Returns the note in the folder of a step; None if there is none, or it is a copy.

    Args:
        folder: The folder.
    """
    note = Note.read(folder / _OWN / NOTE)
    return note if note and note.command.folder == folder else None


def listing(folders: Iterable[Path]) -> dict[str, int]:
    """Returns the files below folders, with their sizes in bytes; those of the engine are left out.

    Args:
        folders: The folders; files, too.
    """
    found: dict[str, int] = {}
    for folder in folders:
        if folder.is_file():
            found[str(folder)] = folder.lstat().st_size
        for top, below, files in os.walk(folder):
            below[:] = [name for name in below if name != _OWN and not name.startswith(".")]
            for path in (Path(top, name) for name in files if not name.startswith(".")):
                found[str(path)] = path.lstat().st_size
    return found


def seen(files: Mapping[str, int], seconds: float) -> str | None:
    """Waits until files are seen with their sizes, and returns the first one that is not.

    Args:
        files: Sizes by paths, in bytes.
        seconds: How long to wait.
    """
    deadline = time.monotonic() + seconds
    while missing := next((path for path, size in files.items() if _size(path) != size), None):
        if time.monotonic() > deadline:
            return missing
        time.sleep(_PATIENCE_SECONDS)
    return None


def execute(note: Note, local: Local | None = None) -> Finished:
    """Runs the command of a job in an empty folder, and writes how it ended.

    Args:
        note: The note of the job.
        local: What runs it.
    """
    command = note.command
    if missing := seen(note.inputs, note.grace_seconds):
        finished = Finished(1, (f"{missing} is not seen on {os.uname().nodename}",))
    else:
        _clear(command.folder)
        finished = (local or Local()).run(command, note.argv)
    usage = finished.usage
    end = {
        "token": note.token,
        "host": os.uname().nodename,
        "status": finished.status,
        "last_lines": finished.last_lines,
        "usage": usage
        and {
            **dataclasses.asdict(usage),
            "started": usage.started.isoformat(),
            "ended": usage.ended.isoformat(),
        },
        "outputs": listing([command.folder]),
    }
    write_json(note.path.parent / _END, end)
    return finished


def end_of(note: Note, seconds: float) -> Finished | None:
    """Returns how a job ended, when all that it has written is seen; None if that is not known.

    Args:
        note: The note of the job.
        seconds: How long its files may take to be seen.
    """
    deadline = time.monotonic() + seconds
    while not (end := _end(note)):
        if time.monotonic() > deadline:
            return None
        time.sleep(_PATIENCE_SECONDS)
    last = tuple(end["last_lines"])
    if end["status"] == 0 and (missing := seen(end["outputs"], deadline - time.monotonic())):
        return Finished(1, (*last, f"{missing} is not seen here, but on {end['host']}"))
    usage = end["usage"] and Usage(
        **{
            **end["usage"],
            "host": end["host"],
            "started": datetime.fromisoformat(end["usage"]["started"]),
            "ended": datetime.fromisoformat(end["usage"]["ended"]),
        }
    )
    return Finished(end["status"], last, usage)


def _end(note: Note) -> dict[str, Any] | None:
    """Returns what a job has written at its end."""
    try:
        end = read_json(note.path.parent / _END)
    except InputError:
        return None
    return end if end.get("token") == note.token else None


def _clear(folder: Path) -> None:
    """Removes what an earlier attempt has left."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name != _OWN:
                shutil.rmtree(path)
        else:
            path.unlink()


def _size(path: str) -> int | None:
    """Returns the size of a file as it is now; None if it is not seen."""
    with contextlib.suppress(OSError):
        return os.lstat(path).st_size
    with contextlib.suppress(OSError):
        list(Path(path).parent.iterdir())  # makes a remote file system look again
    return None


def wanted(path: Path, token: str, seconds: float) -> Note | None:
    """Returns the note of a job; None if the job is not wanted any more.

    Args:
        path: The file of the note.
        token: What no other job has.
        seconds: How long the note may take to be seen.
    """
    deadline = time.monotonic() + seconds
    while True:
        note = Note.read(path)
        if note and note.token == token:
            return note
        if time.monotonic() > deadline:
            return None
        time.sleep(_PATIENCE_SECONDS)


def main(path: str, token: str, grace_seconds: str) -> int:
    """Runs a job and returns its exit status.

    Args:
        path: The file of its note.
        token: What no other job has.
        grace_seconds: How long the note may take to be seen.
    """
    note = wanted(Path(path), token, float(grace_seconds))
    if note is None:
        print(f"{path}: not the note of {token}; nothing done", file=sys.stderr)
        return 1
    return execute(note).status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
