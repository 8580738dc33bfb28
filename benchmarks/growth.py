"""How costs grow with the number of events: python -m benchmarks.growth [--measure].

Measures the works of some rows at their quick sizes, but with ten thousand to ten million events,
and draws what was measured last as docs/images/growth.png. MadMiner is left out where it would take
minutes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from benchmarks import rows
from benchmarks.measure import run
from benchmarks.row import OURS, Cost

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Costs", "cells", "draw", "exponent", "load", "measure"]

Costs: TypeAlias = Mapping[str, Mapping[str, Mapping[int, Cost]]]
"""Costs by row, work and number of events."""

_RESULT = Path(__file__).parent / "growth.json"
_FIGURE = Path(__file__).parents[1] / "docs" / "images" / "growth.png"
_ROWS = ("sampling", "limits_histogram", "limits_quadratic", "fisher")
_EVENTS = {OURS: (10**4, 10**5, 10**6, 10**7), "madminer": (10**4, 10**5)}


def measure(
    names: Sequence[str] = _ROWS, events: Mapping[str, Sequence[int]] | None = None
) -> Costs:
    """Returns the costs of our work and of MadMiner's, each measured once.

    Args:
        names: Names of rows.
        events: Numbers of events for each work by its name.
    """
    return {
        name: {
            work: {n: run(name, work, {**rows.row(name).quick, "events": n})[1] for n in numbers}
            for work, numbers in (events or _EVENTS).items()
            if work in rows.row(name).works
        }
        for name in names
    }


def exponent(costs: Mapping[int, Cost]) -> float:
    """Returns the exponent with which CPU time grows in the last two decades that were measured.

    Args:
        costs: Costs by number of events.
    """
    last = max(costs)
    first = min(n for n in costs if 100 * n >= last)
    return float(np.log(costs[last].cpu_s / costs[first].cpu_s) / np.log(last / first))


def cells(costs: Costs) -> Iterator[tuple[str, ...]]:
    """Yields the rows of the table in the documentation.

    Args:
        costs: The costs.
    """
    for name, works in costs.items():
        for work, grown in works.items():
            last = max(grown)
            numbers = (f"{exponent(grown):.2f}", f"{last:.0e}".replace("+0", ""))
            cost = (f"{grown[last].cpu_s:.3g}", f"{grown[last].peak_mb:.0f}")
            yield f"`{name}`", work, *numbers, *cost


def draw(costs: Costs) -> Figure:
    """Draws CPU time and memory against the number of events.

    Args:
        costs: The costs.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    time, memory = figure.subplots(1, 2, sharex=True)
    for number, (name, works) in enumerate(costs.items()):
        for work, grown in works.items():
            line = "o-" if work == OURS else "s:"
            label = f"{name}, ours" if work == OURS else f"{name}, MadMiner"
            events = list(grown)
            time.loglog(
                events, [c.cpu_s for c in grown.values()], line, c=f"C{number}", label=label
            )
            memory.loglog(events, [c.peak_mb for c in grown.values()], line, c=f"C{number}")
    for axes, label in ((time, "CPU time [s]"), (memory, "peak memory, imports included [MB]")):
        axes.set(xlabel="events", ylabel=label)
        axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    return figure


def load() -> Costs:
    """Returns what was measured last."""
    record = json.loads(_RESULT.read_text())
    return {
        name: {
            work: {int(n): Cost(**cost) for n, cost in grown.items()}
            for work, grown in works.items()
        }
        for name, works in record.items()
    }


def main() -> None:
    """Measures if asked to, and draws."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure anew")
    for name in _ROWS if parser.parse_args().measure else ():
        record = json.loads(_RESULT.read_text())
        record |= {
            row: {
                work: {n: asdict(cost) for n, cost in grown.items()}
                for work, grown in works.items()
            }
            for row, works in measure([name]).items()
        }
        _RESULT.write_text(json.dumps(record, indent=1) + "\n")
    draw(load()).savefig(_FIGURE, dpi=120)


if __name__ == "__main__":
    main()
