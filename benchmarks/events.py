"""The event files of the benchmarks, made by our generator; all weights are positive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["N_BENCHMARKS", "events_of"]

N_BENCHMARKS = 6
"""Weights an event."""

_FOLDER = Path(__file__).parents[1] / "build" / "events"


def events_of(n_events: int) -> Path:
    """Returns a file of events with two parameters, which is made if it is missing.

    Args:
        n_events: Number of events.
    """
    path = _FOLDER / f"dy2_{n_events}.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        words = ["--preset", "dy2", "--events", str(n_events), "--seed", "1", "--output", str(path)]
        # A process of its own, so that its memory is not that of the work which needs the file.
        generate = [sys.executable, "-m", "madminer_workflow", "generate", *words]
        subprocess.run(generate, check=True, stdout=subprocess.DEVNULL)
    return path
