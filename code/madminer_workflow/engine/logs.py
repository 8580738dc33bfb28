"""The logs of steps: lines with time stamps, in the folder of each step."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["last_line", "last_lines", "logs", "progress", "warnings"]

_PROGRESS = "PROGRESS: "
_WARNING = "WARNING: "
_STAMP = len("2026-01-01 00:00:00 ")
_STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
_TAIL_BYTES = 4096
_N_LAST_LINES = 8


def logs(folder: Path) -> list[Path]:
    """Returns the logs of a step.

    Args:
        folder: The folder of the step.
    """
    return sorted((folder / "_packtivity").glob("*.run.log"))


def warnings(folder: Path) -> list[str]:
    """Returns the lines in which a step warns of something, without their time stamps.

    Args:
        folder: The folder of the step.
    """
    texts = [log.read_text(encoding="utf-8", errors="replace") for log in logs(folder)]
    lines = [line for text in texts for line in text.splitlines()]
    return [line[line.index(_WARNING) :] for line in lines if _WARNING in line]


def progress(folder: Path) -> str | None:
    """Returns how far a step says that it is; None if it says nothing.

    A step says so with a line of its output that begins with `PROGRESS: `; what follows after a
    semicolon is for the log only.

    Args:
        folder: The folder of the step.
    """
    lines = [line for line in _last_lines(folder) if line.startswith(_PROGRESS)]
    return lines[-1].removeprefix(_PROGRESS).partition(";")[0] if lines else None


def last_line(folder: Path) -> str | None:
    """Returns the last line of the output of a step; None if there is none.

    Args:
        folder: The folder of the step.
    """
    return next((line for line in reversed(_last_lines(folder)) if line.strip()), None)


def last_lines(log: Path) -> tuple[str, ...]:
    """Returns the end of the output in a log, without time stamps and empty lines.

    Args:
        log: The file; it may be missing.
    """
    lines = _tail(log) if log.is_file() else []
    stamped = [line[_STAMP:].strip() for line in lines if _STAMPED.match(line)]
    return tuple(line for line in stamped if line and not line.startswith("$ "))[-_N_LAST_LINES:]


def _last_lines(folder: Path) -> list[str]:
    """Returns the last lines of the output of a step, without their time stamps."""
    lines = [line[_STAMP:] for log in logs(folder) for line in _tail(log)]
    return [line for line in lines if not line.startswith("$ ")]


def _tail(log: Path) -> list[str]:
    """Returns the last lines of a file."""
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()
