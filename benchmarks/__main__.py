"""Measures the rows of the table: python -m benchmarks [--full] [--rows NAME,NAME].

Exit status 1 means that a result is not equal to that of MadMiner. Speed is a matter of the machine
and decides nothing here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rows, table
from benchmarks.measure import measure

_QUICK = Path(__file__).parents[1] / "build" / "bench"


def main(words: Sequence[str] | None = None) -> int:
    """Measures rows, prints and saves what they cost.

    Args:
        words: The options; those of the command line by default.

    Returns:
        1 if a result is not equal, 0 otherwise.
    """
    arguments = _parser().parse_args(words)
    size = "full" if arguments.full else "quick"
    folder = arguments.output or (table.RESULTS if arguments.full else _QUICK)
    different = []
    for name in arguments.rows.split(",") if arguments.rows else rows.names():
        measurement = measure(name, getattr(rows.row(name), size), arguments.repeats)
        print("\n".join(table.lines(measurement)), end="\n\n", flush=True)
        table.save(measurement, folder)
        if not measurement.equal:
            different.append(name)
    print(f"{folder}: one JSON file a row", *(f"{name}: NOT EQUAL" for name in different), sep="\n")
    return 1 if different else 0


def _parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the sizes of docs/performance.md")
    parser.add_argument("--rows", default="", help="names of rows; all by default")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each work, default 3")
    parser.add_argument("--output", type=Path, help="folder of the JSON files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
