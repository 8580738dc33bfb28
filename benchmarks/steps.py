"""What each step of a run costs: python -m benchmarks.steps.

Runs the workflow with files of few and of many events, one step at a time and one epoch a training,
and keeps what the records of the steps say. Imports count.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.events import events_of
from madminer_workflow.engine import journal
from madminer_workflow.engine.records import RECORD, read_record

__all__ = ["Costs", "StepCost", "cells", "load", "measure"]

_RESULT = Path(__file__).parent / "steps.json"
_INPUT = "methods: [quadratic, sally]\ntraining: {epochs: 1}\n"
_EVENTS = (10**5, 10**7)


@dataclass(frozen=True)
class StepCost:
    """What one step of a run has cost.

    Attributes:
        cpu_s: CPU seconds of its processes.
        peak_mb: Largest resident memory of one of them, imports included, in MB.
    """

    cpu_s: float
    peak_mb: float


Costs: TypeAlias = Mapping[int, Mapping[str, StepCost]]
"""Costs by number of events and step."""


def measure(events: Collection[int] = _EVENTS) -> Costs:
    """Returns the costs of the steps of a run for each number of events.

    Args:
        events: Numbers of events.
    """
    return {n: _run(events_of(n)) for n in events}


def cells(costs: Costs) -> Iterator[tuple[str, ...]]:
    """Yields the rows of the table in the documentation, a step each.

    Args:
        costs: The costs.
    """
    few, many = min(costs), max(costs)
    for step, last in costs[many].items():
        yield step, f"{costs[few][step].cpu_s:.1f}", f"{last.cpu_s:.1f}", f"{last.peak_mb:.0f}"


def load() -> Costs:
    """Returns what was measured last."""
    record = json.loads(_RESULT.read_text())
    return {
        int(n): {step: StepCost(**cost) for step, cost in costs.items()}
        for n, costs in record.items()
    }


def _run(data_file: Path) -> dict[str, StepCost]:
    """Runs the workflow and returns what its steps have cost, by their labels."""
    with tempfile.TemporaryDirectory(dir=data_file.parent) as folder:
        input_file, output_dir = Path(folder, "input.yml"), Path(folder, "run")
        input_file.write_text(_INPUT)
        paths = {"data_file": data_file, "input_file": input_file, "output_dir": output_dir}
        options = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
        command = [sys.executable, "-m", "madminer_workflow", "run", "--jobs", "1", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return {
            step.label: _cost(read_record(step.folder / RECORD)["provenance"])
            for step in journal.read(output_dir).steps
        }


def _cost(made: Mapping[str, float]) -> StepCost:
    """Returns the cost that the record of a step tells."""
    return StepCost(made["cpu_seconds"], made["peak_memory_mb"])


def main() -> None:
    """Measures."""
    record = {
        n: {step: asdict(cost) for step, cost in costs.items()} for n, costs in measure().items()
    }
    _RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
