"""The folder of a run: whose it is, who is using it, and what in it belongs to the stages."""

from __future__ import annotations

import contextlib
import fcntl
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from madminer_workflow.errors import InputError

__all__ = [
    "MARKER",
    "METADATA",
    "check_ours",
    "check_path",
    "claimed",
    "is_claimed",
    "stage_folders",
]

MARKER = ".madminer-workflow"
METADATA = "_yadage"

_PATIENCE_SECONDS = 2.0
"""How long the steps of a run that was killed may take to end, too."""

# Paths travel through double quotes of sh, Python format strings, lists of paths (`:`) and URIs
# (`?#%`); blanks and all other characters are safe there, and in mounts of containers.
_UNSAFE = re.compile(r'["$`\\{}:?#%\x00-\x1f\x7f]')


def check_path(name: str, path: str) -> None:
    """Refuses a path that cannot be passed on safely.

    Args:
        name: What the path is, for the message.
        path: The path.

    Raises:
        InputError: It has a character with a meaning on the way.
    """
    if found := _UNSAFE.search(path):
        raise InputError(
            f"{name}: {path!r} has the character {found.group()!r}; allowed are all but "
            '" $ ` \\ { } : ? # % and control characters'
        )


@contextlib.contextmanager
def claimed(folder: Path, stages: Collection[str]) -> Iterator[int]:
    """Makes or takes over the folder of a run and keeps other runs out of it.

    A folder that was not made by a run is taken over only if nothing in it has the name of a
    stage. The folder stays claimed as long as a process has the file open that is yielded, or has
    a shared lock on its marker: with the steps of a run that is killed, nobody else can come
    between.

    Args:
        folder: The folder.
        stages: The names of the stages, which are the names of their folders.

    Yields:
        The descriptor of an open file, for processes that write into the folder.

    Raises:
        InputError: The folder cannot be used, belongs to somebody else or is in use.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            check_ours(folder, stages)
            descriptor = stack.enter_context(_locked(folder / MARKER))
            for path in stage_folders(folder, stages):
                if path.is_symlink():  # a step writes here and nowhere else
                    path.unlink()
        except OSError as error:
            raise InputError(f"output_dir: {folder} cannot be used ({error.strerror})") from error
        yield descriptor


def is_claimed(folder: Path) -> bool:
    """Returns whether a run is using a folder.

    Args:
        folder: The folder of a run.
    """
    with contextlib.suppress(FileNotFoundError), open(folder / MARKER, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def stage_folders(folder: Path, stages: Collection[str]) -> list[Path]:
    """Returns what has the name of a stage, or of one of the steps of a stage with several.

    Args:
        folder: The folder of a run.
        stages: The names of the stages.
    """
    names = "|".join(map(re.escape, stages))
    return sorted(
        path for path in folder.iterdir() if re.fullmatch(rf"({names})(_\d+)?", path.name)
    )


def check_ours(folder: Path, stages: Collection[str]) -> None:
    """Refuses a folder with results of somebody else, which a run would remove.

    Args:
        folder: The folder.
        stages: The names of the stages.

    Raises:
        InputError: It has results, but no run has made it.
    """
    old = stage_folders(folder, [*stages, METADATA])
    if old and not (folder / MARKER).exists():
        raise InputError(
            f"output_dir: {folder} has a {old[0].name!r} that no run has made; "
            "choose another folder or remove it"
        )


@contextlib.contextmanager
def _locked(marker: Path) -> Iterator[int]:
    """Locks the marker; the kernel gives the lock back when the processes end, however they end.

    Nobody else had it when it was locked. Then it is shared: steps lock it, too, where they cannot
    be given the open file.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with open(marker, "a", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    line = f"output_dir: another run is using {marker.parent}"
                    raise InputError(line) from error
                time.sleep(0.05)
        yield file.fileno()
