"""Measures rows: each work in fresh processes with one thread, in turns; compares the results."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.row import Arrays, Check, Cost, Sizes
from benchmarks.rows import row

__all__ = ["Measurement", "machine", "measure", "run"]

_ROOT = Path(__file__).parents[1]
_ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")
}
_PACKAGES = ("numpy", "scipy", "h5py", "torch", "madminer")


@dataclass(frozen=True)
class Measurement:
    """The costs of a row and the comparison of its results.

    Attributes:
        row: Name of the row.
        sizes: Its sizes.
        costs: The costs of each work by name, in the order of the runs.
        checks: What was compared.
        machine: Versions and processor.
    """

    row: str
    sizes: Sizes
    costs: Mapping[str, tuple[Cost, ...]]
    checks: tuple[Check, ...]
    machine: Mapping[str, str]

    @property
    def equal(self) -> bool:
        """Whether all checks hold."""
        return all(check.holds for check in self.checks)

    @property
    def best(self) -> dict[str, Cost]:
        """The cost of each work by name, that of the run with the smallest CPU time."""
        return {name: min(runs, key=lambda run: run.cpu_s) for name, runs in self.costs.items()}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Measurement:
        """Returns the measurement of a JSON record.

        Args:
            record: The attributes by name.
        """
        costs = {name: tuple(Cost(**r) for r in runs) for name, runs in record["costs"].items()}
        checks = tuple(Check(**check) for check in record["checks"])
        return cls(**{**record, "costs": costs, "checks": checks})


def measure(name: str, sizes: Sizes, repeats: int) -> Measurement:
    """Measures a row.

    The works take turns, so that all of them have the same share of what else the machine does.

    Args:
        name: Name of the row.
        sizes: Its sizes.
        repeats: How often each work is done.
    """
    of_row = row(name)
    costs: dict[str, list[Cost]] = {work: [] for work in of_row.works}
    results: dict[str, Arrays] = {}
    for _ in range(repeats):
        for work, runs in costs.items():
            results[work], cost = run(name, work, sizes)
            runs.append(cost)
    return Measurement(
        row=name,
        sizes=sizes,
        costs={work: tuple(runs) for work, runs in costs.items()},
        checks=tuple(of_row.check(sizes, results)),
        machine=machine(),
    )


def run(name: str, work: str, sizes: Sizes) -> tuple[Arrays, Cost]:
    """Returns what one work of a row gives and what it costs, in a process of its own.

    Args:
        name: Name of the row.
        work: Name of the work.
        sizes: Its sizes.

    Raises:
        RuntimeError: The work has failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "benchmarks.process", name, work, json.dumps(dict(sizes)), folder]
        done = subprocess.run(
            [sys.executable, *words],
            cwd=_ROOT,
            env=os.environ | _ONE_THREAD,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{name}: {work} has failed:\n{done.stderr}")
        with np.load(Path(folder) / "arrays.npz", allow_pickle=False) as file:
            arrays = dict(file)
        return arrays, Cost(**json.loads((Path(folder) / "cost.json").read_text()))


def machine() -> dict[str, str]:
    """Returns what the results depend on: versions and processor."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **versions, "processor": _processor()}


def _processor() -> str:
    """Returns the name of the processor and the number of its cores."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
