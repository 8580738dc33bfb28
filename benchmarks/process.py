"""One work in a process of its own: what it gives and what it costs.

    python -m benchmarks.process ROW WORK SIZES FOLDER

The imports and the preparation of the work are not measured.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.row import Arrays, Cost
from benchmarks.rows import row

__all__ = ["main", "measured"]

_PROCESS = Path("/proc/self")


def main(name: str, work: str, sizes: str, folder: str) -> None:
    """Does one work; writes its arrays and its cost.

    Args:
        name: Name of the row.
        work: Name of the work.
        sizes: Its sizes as JSON.
        folder: The folder to write into.
    """
    arrays, cost = measured(row(name).works[work](json.loads(sizes)))
    np.savez(Path(folder) / "arrays.npz", allow_pickle=False, **arrays)
    (Path(folder) / "cost.json").write_text(json.dumps(asdict(cost)))


def measured(work: Callable[[], Arrays]) -> tuple[Arrays, Cost]:
    """Returns what some work gives and what it costs.

    Args:
        work: The work.
    """
    gc.collect()
    _forget_peak()
    load, memory, before = os.getloadavg()[0], _status("VmRSS"), _Usage.now()
    arrays = work()
    after = _Usage.now()
    peak = max(_status("VmHWM"), _children_mb())
    cost = Cost(
        cpu_s=after.cpu_s - before.cpu_s,
        wall_s=after.wall_s - before.wall_s,
        peak_mb=peak,
        added_mb=peak - memory,
        read_mb=after.read_mb - before.read_mb,
        load=load,
    )
    return arrays, cost


@dataclass(frozen=True)
class _Usage:
    """What the process and its children have used so far."""

    cpu_s: float
    wall_s: float
    read_mb: float

    @classmethod
    def now(cls) -> _Usage:
        both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in both)
        return cls(cpu_s, time.monotonic(), _field(_PROCESS / "io", "rchar") / 1e6)


def _forget_peak() -> None:
    """Lets the peak memory of the process begin anew (Linux: proc(5), clear_refs)."""
    (_PROCESS / "clear_refs").write_text("5")


def _status(name: str) -> float:
    """Returns a number of the kernel about the memory of the process in MB."""
    return _field(_PROCESS / "status", name) * 1024 / 1e6


def _field(path: Path, name: str) -> int:
    """Returns the number after a name in a file of the kernel."""
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _children_mb() -> float:
    """Returns the memory of the largest child that has ended, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
