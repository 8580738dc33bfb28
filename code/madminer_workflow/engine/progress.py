"""Progress of a run: one line for each step that starts or ends, and what the steps warn of."""

from __future__ import annotations

import collections
import time
from typing import Any, TextIO

from madminer_workflow.engine.graph import State, Step, steps

__all__ = ["Progress"]

_CLEAR_LINE = "\r\033[K"
_WARNING = "WARNING: "


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
        head = f"[{_clock(self._elapsed())}] {done} of {total} done{failed}"
        clear = _CLEAR_LINE if self._terminal else ""
        for step in known:
            if event := self._event(step):
                self._write(f"{clear}{head} | {step.label} {event}\n")
                if step.state in (State.DONE, State.KEPT):
                    self._write("".join(f"{line}\n" for line in _warnings(step)))
        if self._terminal:
            running = [step.label for step in known if step.state is State.RUNNING]
            self._write(f"{clear}{head} | running: {', '.join(running) or 'nothing'}"[:200])

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
        return f"{step.state.value} after {_clock(took)}"

    def _elapsed(self) -> float:
        """Returns the seconds since the start."""
        return time.monotonic() - self._start

    def _write(self, text: str) -> None:
        """Writes at once."""
        self._stream.write(text)
        self._stream.flush()


def _warnings(step: Step) -> list[str]:
    """Returns the lines in which a step warns of something, without their time stamps."""
    logs = sorted((step.folder / "_packtivity").glob("*.run.log"))
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
    return [line[line.index(_WARNING) :] for line in lines if _WARNING in line]


def _clock(seconds: float) -> str:
    """Returns a duration as minutes and seconds.

    >>> _clock(75.2)
    '1:15'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
