"""Ending a run in good order when it is interrupted."""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interruption"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """A context that takes note of signals, and an adage tracker that then ends the run.

    An exception raised by a signal handler could come up anywhere, also where a lock has been
    taken and would never be given back; the tracker raises it between two polls.
    """

    def __init__(self) -> None:
        """Has seen no signal."""
        self._received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        """Takes over the signals, except those that are ignored, as SIGHUP is under nohup."""
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def initialize(self, _: Any) -> None:
        """Does nothing."""

    def track(self, _: Any) -> None:
        """Ends the run if a signal has come.

        Raises:
            KeyboardInterrupt: It was that of Ctrl-C.
            SystemExit: It was another one, with the status that a shell gives to it.
        """
        if self._received is signal.SIGINT:
            raise KeyboardInterrupt
        if self._received:
            print(f"\nstopped by {self._received.name}", file=sys.stderr)
            sys.exit(128 + self._received)

    def finalize(self, _: Any) -> None:
        """Does nothing."""

    def _note(self, number: int, _: FrameType | None) -> None:
        """Keeps the signal in mind."""
        self._received = signal.Signals(number)
