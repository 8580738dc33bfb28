"""What a run has done so far, in a small file that other processes can read while it goes on."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from madminer_workflow.engine.folder import METADATA, is_claimed
from madminer_workflow.engine.graph import Facts, State, Step, facts, identifiers, ordered, steps
from madminer_workflow.engine.runtime import StepError
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json, write_json

__all__ = ["Entry", "Journal", "Report", "has_run", "read"]

_FILE = "state.json"
_LARGEST_SHARE = 0.05
"""The share of the time of a run that writing the file may take."""


class Journal:
    """An adage tracker that keeps the file up to date."""

    def __init__(self, output_dir: Path) -> None:
        """Notes that a run begins.

        Args:
            output_dir: The folder of the run, which is ours.
        """
        self._folder = output_dir
        self._started = time.time()
        self._known: dict[str, Facts] = {}
        self._written: list[Step] | None = None
        self._next = 0.0
        self._write([], complete=False)

    def initialize(self, workflow: Any) -> None:
        """Does nothing: no step is known yet."""

    def track(self, workflow: Any) -> None:
        """Writes what has changed, unless that would take much of the time.

        Args:
            workflow: A Yadage workflow object.
        """
        current = steps(workflow)
        if current != self._written and time.monotonic() > self._next:
            begin = time.monotonic()
            self._write(self._entries(workflow, current), complete=not workflow.rules)
            end = time.monotonic()
            self._written, self._next = current, end + (end - begin) / _LARGEST_SHARE

    def finalize(self, workflow: Any) -> None:
        """Writes the last changes.

        Args:
            workflow: A Yadage workflow object.
        """
        self._next = 0.0
        self.track(workflow)

    def _entries(self, workflow: Any, current: list[Step]) -> list[dict[str, Any]]:
        """Returns what is written of the steps."""
        for identifier in identifiers(workflow):
            if identifier not in self._known:
                self._known[identifier] = facts(workflow, identifier)
        doing = {step.folder: step for step in current}
        return [self._entry(known, doing[known.folder]) for known in ordered(self._known.values())]

    def _entry(self, known: Facts, step: Step) -> dict[str, Any]:
        """Returns what is written of a step; folders from that of the run, which may be moved."""
        return {
            "label": known.label,
            "stage": known.stage,
            "words": known.words,
            "folder": os.path.relpath(known.folder, self._folder),
            "needs": [os.path.relpath(folder, self._folder) for folder in known.needs],
            "state": step.state.value,
            "started": step.started,
            "ended": step.ended,
            "reason": _reason(step.error),
        }

    def _write(self, entries: list[dict[str, Any]], *, complete: bool) -> None:
        """Writes the file; not being able to costs no result."""
        now = time.time()
        record = {"started": self._started, "written": now, "complete": complete, "steps": entries}
        with contextlib.suppress(OSError):
            write_json(self._folder / METADATA / _FILE, record)


@dataclass(frozen=True)
class Entry:
    """What a run has noted of a step.

    Attributes:
        label: What a user calls it.
        stage: Its stage.
        words: Its parameters but for paths.
        folder: Where it writes.
        needs: The folders of the steps whose outputs it uses.
        state: The name of what it is doing, or "interrupted".
        started: When its command was started; None if it was not.
        ended: When it had ended.
        reason: Why it failed, in one line.
    """

    label: str
    stage: str
    words: Mapping[str, Any]
    folder: Path
    needs: tuple[Path, ...]
    state: str
    started: datetime | None
    ended: datetime | None
    reason: str | None


@dataclass(frozen=True)
class Report:
    """What a run has noted.

    Attributes:
        state: "running", "done", "failed" or "interrupted".
        started: When it was started.
        written: When it has noted this; a run that has ended did so then.
        complete: Whether all steps are known.
        steps: The steps that are known, stage by stage.
    """

    state: str
    started: datetime
    written: datetime
    complete: bool
    steps: tuple[Entry, ...]


def has_run(output_dir: Path) -> bool:
    """Returns whether a run has noted anything in a folder.

    Args:
        output_dir: The folder.
    """
    return (output_dir / METADATA / _FILE).exists()


def read(output_dir: Path) -> Report:
    """Returns what the last run in a folder has noted, whether or not it goes on.

    Args:
        output_dir: The folder of the run.

    Raises:
        InputError: No run has noted anything there.
    """
    is_alive = is_claimed(output_dir)  # before the file is read: then it is the last one
    if not has_run(output_dir):
        raise InputError(f"output_dir: {output_dir} has no run, expected the folder of one")
    record = read_json(output_dir / METADATA / _FILE)
    entries = tuple(_read_entry(output_dir, entry, is_alive) for entry in record["steps"])
    state = "running" if is_alive else _final_state(entries, complete=record["complete"])
    started, written = _time(record["started"]), _time(record["written"])
    return Report(state, started, written, record["complete"], entries)


def _read_entry(output_dir: Path, entry: Mapping[str, Any], is_alive: bool) -> Entry:
    """Returns what was noted of a step; without its run, none is running."""
    times = {name: entry[name] and _time(entry[name]) for name in ("started", "ended")}
    is_lost = entry["state"] == State.RUNNING.value and not is_alive
    folders = {
        "folder": output_dir / entry["folder"],
        "needs": tuple(output_dir / folder for folder in entry["needs"]),
    }
    state = {"state": "interrupted"} if is_lost else {}
    return Entry(**{**entry, **times, **folders, **state})


def _final_state(entries: tuple[Entry, ...], *, complete: bool) -> str:
    """Returns how a run has ended."""
    states = {entry.state for entry in entries}
    if complete and states <= {State.DONE.value, State.KEPT.value}:
        return State.DONE.value
    is_failed = State.FAILED.value in states and "interrupted" not in states
    return State.FAILED.value if is_failed else "interrupted"


def _time(seconds: float) -> datetime:
    """Returns a local time from seconds since the epoch."""
    return datetime.fromtimestamp(seconds).astimezone()


def _reason(error: BaseException | None) -> str | None:
    """Returns in one line why a step failed."""
    if isinstance(error, StepError):
        return error.reason
    return None if error is None else (str(error).splitlines() or [type(error).__name__])[0]
