"""Checksums of what files and folders contain, whatever their names, places and times are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from madminer_workflow.storage import sha256, write_json

__all__ = ["Checksums", "digest"]

_BIG = 2**20
_AT_REST_NS = 2 * 10**9
"""The age of a change from which on another one would show in the time stamp."""


def digest(value: object) -> str:
    """Returns the SHA-256 checksum of a value in terms of JSON.

    Args:
        value: Dictionaries, lists, strings, numbers, nested; the order of keys does not count.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class Checksums:
    """Computes checksums, and remembers those of big files from run to run.

    A remembered one counts only for the same file (device and inode) of the same size that has
    not been written or touched since (times of the content and of the inode).
    """

    def __init__(self, memory: Path = Path(os.devnull)) -> None:
        """Takes over what an earlier run has remembered.

        Args:
            memory: The file to remember in; it may be missing or damaged. By default all files
                are read.
        """
        self._memory = memory
        self._known: dict[str, str] = {}
        self._used: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError, TypeError):
            self._known.update(json.loads(memory.read_text(encoding="utf-8")))

    def of(self, path: Path) -> str | None:
        """Returns the checksum of a file or a folder; None if there is nothing.

        Args:
            path: The file or folder; links are followed.
        """
        if path.is_dir():
            return digest(self.tree(path))
        return self._of_file(path) if path.exists() else None

    def tree(self, folder: Path) -> dict[str, str | None]:
        """Returns the checksums of all files in a folder by relative path; None for folders.

        Args:
            folder: The folder.
        """
        return {
            path.relative_to(folder).as_posix(): None if path.is_dir() else self._of_file(path)
            for path in _below(folder)
        }

    def save(self) -> None:
        """Remembers what was used in this run; not being able to costs time, but no result."""
        with contextlib.suppress(OSError):
            write_json(self._memory, self._used)

    def _of_file(self, path: Path) -> str:
        """Returns the checksum of a file."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is neither a file nor a folder")
        if status.st_size < _BIG:
            return sha256(path)
        times = (status.st_mtime_ns, status.st_ctime_ns)
        key = " ".join(map(str, (status.st_dev, status.st_ino, status.st_size, *times)))
        known = self._used.get(key) or self._known.get(key) or sha256(path)
        if time.time_ns() - max(times) > _AT_REST_NS:
            self._used[key] = known
        return known


def _below(folder: Path) -> Iterator[Path]:
    """Yields everything below a folder in the order of the names."""
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (Path(parent) / name for name in sorted((*folders, *files)))
