"""Progress of a run: one line for each step that starts or ends, and what the steps warn of.

On a terminal a last line lives below: what is running, and how far it says that it is.
"""

from __future__ import annotations

import collections
import os
import shutil
import time
from typing import Any, TextIO

from madminer_workflow.engine import logs
from madminer_workflow.engine.graph import State, Step, steps

__all__ = ["Progress", "clock"]

_CLEAR_LINE = "\r\033[K"


class Progress:
    """An adage tracker that writes plain lines, and on a terminal a last line that lives."""

    def __init__(self, stream: TextIO) -> None:
        """Starts the clock.

        Args:
            stream: Where to write.
        """
        self._stream = stream
        self._terminal = stream.isatty()
        self._start = time.monotonic()
        self._started: dict[str, float] = {}
        self._shown: dict[str, State] = {}

    def initialize(self, workflow: Any) -> None:
        """Does nothing: no step is known yet."""

    def track(self, workflow: Any) -> None:
        """Writes what has changed since the last call.

        Args:
            workflow: A Yadage workflow object.
        """
        # Rules are stages that still wait for what others publish before they have steps.
        self.show(steps(workflow), complete=not workflow.rules)

    def finalize(self, workflow: Any) -> None:
        """Writes the last changes and removes the living line.

        Args:
            workflow: A Yadage workflow object.
        """
        self.track(workflow)
        if self._terminal:
            self._write(_CLEAR_LINE)

    def show(self, known: list[Step], *, complete: bool) -> None:
        """Writes what has changed since the last call.

        Args:
            known: The steps that are known so far.
            complete: Whether no more steps will be added.
        """
        count = collections.Counter(step.state for step in known)
        total = f"{len(known)}{'' if complete else '+'}"
        failed = f", {count[State.FAILED]} failed" if count[State.FAILED] else ""
        done = count[State.DONE] + count[State.KEPT]
        head = f"[{clock(self._elapsed())}] {done} of {total} done{failed}"
        clear = _CLEAR_LINE if self._terminal else ""
        for step in known:
            if event := self._event(step):
                self._write(f"{clear}{head} | {step.label} {event}\n")
                if step.state in (State.DONE, State.KEPT):
                    self._write("".join(f"{line}\n" for line in logs.warnings(step.folder)))
        if self._terminal:
            running = [_doing(step) for step in known if step.state is State.RUNNING]
            doing = f"{head}, {len(running)} running" if running else head
            line = " | ".join([doing, *running])
            self._write(clear + _fitting(line, _columns(self._stream)))

    def _event(self, step: Step) -> str | None:
        """Returns what happened to a step since the last call."""
        key = str(step.folder)
        before, self._shown[key] = self._shown.get(key, State.WAITING), step.state
        if before is step.state:
            return None
        if step.state is State.RUNNING:
            self._started[key] = self._elapsed()
            return "started"
        if step.state is State.KEPT:
            return "kept"
        took = self._elapsed() - self._started.get(key, self._elapsed())
        return f"{step.state.value} after {clock(took)}"

    def _elapsed(self) -> float:
        """Returns the seconds since the start."""
        return time.monotonic() - self._start

    def _write(self, text: str) -> None:
        """Writes at once."""
        self._stream.write(text)
        self._stream.flush()


def clock(seconds: float) -> str:
    """Returns a duration as minutes and seconds.

    Args:
        seconds: The duration.

    >>> clock(75.2)
    '1:15'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _doing(step: Step) -> str:
    """Returns what a step is doing: its label, or its name and how far it is."""
    if said := logs.progress(step.folder):
        return f"{step.label.rpartition(' ')[2]} {said}"
    return step.label


def _columns(stream: TextIO) -> int:
    """Returns the width of a terminal, which may change."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return shutil.get_terminal_size().columns


def _fitting(line: str, columns: int) -> str:
    """Returns a line that leaves the last column free, where some terminals would wrap.

    >>> _fitting("0 of 3 done | sampling", 16)
    '0 of 3 done ...'
    """
    return line if len(line) < columns else f"{line[: max(0, columns - 4)]}..."[: columns - 1]
