"""The tables of measurements: for a terminal, and for the documentation.

    python -m benchmarks.table

writes those of `benchmarks/results` into docs/performance.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks import growth, steps
from benchmarks.measure import Measurement
from benchmarks.row import Cost
from benchmarks.rows import row

__all__ = ["RESULTS", "documented", "lines", "load", "save", "updated"]

RESULTS = Path(__file__).parent / "results"
"""The measurements that the documentation shows, one file a row."""

_PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def save(measurement: Measurement, folder: Path) -> Path:
    """Writes a measurement to <folder>/<row>.json.

    Args:
        measurement: The measurement.
        folder: The folder.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{measurement.row}.json"
    path.write_text(json.dumps(asdict(measurement), indent=1) + "\n")
    return path


def load(folder: Path) -> list[Measurement]:
    """Returns the measurements of a folder, by the names of their rows.

    Args:
        folder: The folder.
    """
    paths = sorted(folder.glob("*.json"))
    return [Measurement.of_record(json.loads(path.read_text())) for path in paths]


def lines(measurement: Measurement) -> Iterator[str]:
    """Yields the lines of a measurement for a terminal, 80 columns at most.

    Args:
        measurement: The measurement.
    """
    of_row = row(measurement.row)
    yield f"{measurement.row}: {of_row.title}"
    yield f"  {_sizes(measurement)}"
    yield f"  {'':22}{'CPU s':>9}{'spread':>8}{'wall s':>9}{'peak MB':>9}{'+ MB':>8}{'read MB':>9}"
    for name, best in measurement.best.items():
        spread = f"{_spread(measurement.costs[name]):.0%}"
        numbers = f"{best.peak_mb:9.0f}{best.added_mb:8.0f}{best.read_mb:9.0f}"
        yield f"  {name:22}{best.cpu_s:9.3f}{spread:>8}{best.wall_s:9.2f}{numbers}"
    for what, value, bound, verdict in _targets(measurement):
        yield f"  {what:44}{value:>10}{bound:>11} {verdict}"
    for check in measurement.checks:
        numbers = f"{check.difference:10.1e}{f'<= {check.tolerance:.0e}':>11}"
        yield f"  {check.what:44}{numbers} {'equal' if check.holds else 'DIFFERENT'}"


def documented(measurements: Iterable[Measurement]) -> dict[str, str]:
    """Returns the tables of the documentation in Markdown, by the names of their places.

    Args:
        measurements: The measurements.
    """
    measurements, of_steps = list(measurements), steps.load()
    ends = min(of_steps), max(of_steps)
    return {
        "targets": _markdown(
            ("row", "", "value", "target", ""),
            (
                (f"`{one.row}`", *cells)
                for one in measurements
                for cells in _targets(one, always=True)
            ),
        ),
        "costs": _markdown(
            ("row", "work", "CPU s", "spread", "wall s", "peak MB", "added MB", "read MB", "load"),
            (cells for one in measurements for cells in _costs(one)),
        ),
        "checks": _markdown(
            ("row", "what is compared", "difference", "tolerance"),
            (
                (f"`{one.row}`", check.what, f"{check.difference:.1e}", f"{check.tolerance:.0e}")
                for one in measurements
                for check in one.checks
            ),
        ),
        "rows": _markdown(
            ("row", "what is done", "sizes"),
            ((f"`{one.row}`", row(one.row).title, _sizes(one)) for one in measurements),
        ),
        "growth": _markdown(
            ("row", "work", "exponent", "events", "CPU s", "peak MB"),
            growth.cells(growth.load()),
        ),
        "steps": _markdown(
            ("step", *(f"CPU s, {_count(n)} events" for n in ends), f"peak MB, {_count(ends[1])}"),
            steps.cells(of_steps),
        ),
    }


def updated(text: str, tables: dict[str, str]) -> str:
    """Returns a page with its tables replaced, which stand between comments with their names.

    Args:
        text: The page.
        tables: The tables by name.
    """
    for name, table in tables.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = place.sub(rf"\g<1>{table}\g<2>", text)
    return text


def main() -> None:
    """Writes the tables of the results into the documentation."""
    _PAGE.write_text(updated(_PAGE.read_text(), documented(load(RESULTS))))


def _targets(measurement: Measurement, *, always: bool = False) -> Iterator[tuple[str, ...]]:
    """Yields what is compared, the value, its bound and whether it is met, at full sizes only."""
    of_row = row(measurement.row)
    is_full = always or dict(measurement.sizes) == dict(of_row.full)
    for target in of_row.targets:
        value = target.value(measurement.best, measurement.sizes)
        bound = f"{target.sign} {target.bound:g}", "met" if target.met(value) else "missed"
        yield target.what, f"{value:.4g}", *(bound if is_full else ("", ""))


def _costs(measurement: Measurement) -> Iterator[tuple[str, ...]]:
    """Yields the costs of each work."""
    for name, best in measurement.best.items():
        runs = measurement.costs[name]
        loads = [run.load for run in runs]
        yield (
            f"`{measurement.row}`",
            name,
            f"{best.cpu_s:.3f}",
            f"{_spread(runs):.0%}",
            f"{best.wall_s:.2f}",
            f"{best.peak_mb:.0f}",
            f"{best.added_mb:.0f}",
            f"{best.read_mb:.0f}",
            f"{min(loads):.1f}-{max(loads):.1f}",
        )


def _spread(runs: tuple[Cost, ...]) -> float:
    """Returns how much more CPU time the slowest run took than the fastest one, relative."""
    times = [run.cpu_s for run in runs]
    return max(times) / min(times) - 1


def _sizes(measurement: Measurement) -> str:
    """Returns the sizes of a measurement in words."""
    return ", ".join(f"{_count(n)} {name}" for name, n in measurement.sizes.items())


def _count(number: int) -> str:
    """Returns a number in words.

    >>> _count(1_000_000), _count(50)
    ('1e6', '50')
    """
    return f"{number:.0e}".replace("+0", "") if number >= 10_000 else str(number)


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Returns a table in Markdown."""
    all_rows = [head, ("--",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in all_rows)


if __name__ == "__main__":
    main()
