"""The folder of a run: whose it is, who is using it, and what an earlier run left there."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TextIO

from madminer_workflow.errors import InputError

__all__ = ["MARKER", "METADATA", "check_path", "claimed"]

MARKER = ".madminer-workflow"
METADATA = "_yadage"

# Paths travel through double quotes of sh, Python format strings, container mounts (`:`) and
# URIs (`?#%`); blanks and all other characters are safe there.
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
def claimed(folder: Path, stages: Collection[str]) -> Iterator[None]:
    """Makes or takes over the folder of a run and keeps other runs out of it.

    What an earlier run made for the same stages is removed. A folder that was not made by a run
    is taken over only if nothing in it has the name of a stage.

    Args:
        folder: The folder.
        stages: The names of the stages, which are the names of their folders.

    Raises:
        InputError: The folder cannot be used, belongs to somebody else or is in use.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _check_ours(folder, stages)
            stack.enter_context(_locked(folder / MARKER))
            for path in _stage_folders(folder, stages):
                _remove(path)
        except OSError as error:
            raise InputError(f"output_dir: {folder} cannot be used ({error.strerror})") from error
        yield


def _check_ours(folder: Path, stages: Collection[str]) -> None:
    """Refuses a folder with results of somebody else, which a run would remove."""
    old = _stage_folders(folder, stages)
    if old and not (folder / MARKER).exists():
        raise InputError(
            f"output_dir: {folder} has a {old[0].name!r} that no run has made; "
            "choose another folder or remove it"
        )


def _stage_folders(folder: Path, stages: Collection[str]) -> list[Path]:
    """Returns what has the name of a stage, or of one of the steps of a stage with several."""
    names = "|".join(map(re.escape, stages))
    ours = re.compile(rf"({names})(_\d+)?|{METADATA}")
    return sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))


@contextlib.contextmanager
def _locked(marker: Path) -> Iterator[TextIO]:
    """Locks the marker; the kernel gives the lock back when the process ends, however it ends."""
    with open(marker, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"output_dir: another run is using {marker.parent}") from error
        yield file


def _remove(path: Path) -> None:
    """Removes a folder, or a file or link that stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
