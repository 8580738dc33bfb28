"""Expected limits from a histogram of one observable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.events import events_of
from benchmarks.limits import FULL, QUICK, TARGETS, compared, expected_limits, limit_of
from benchmarks.row import Arrays, Check, Row, Sizes
from madminer_workflow.events import read_events, read_header

__all__ = ["ROW"]

_OBSERVABLE = "m_ll"
_N_BINS = 25


def ours(sizes: Sizes, resolution: str = "grid") -> Callable[[], Arrays]:
    """Computes them from all events of the file."""
    header = read_header(events_of(sizes["events"]))
    column = header.observables.index(_OBSERVABLE)

    def work() -> Arrays:
        events = read_events(header)
        return limit_of(events, events.x[:, [column]], (_N_BINS,), sizes[resolution])

    return work


def ours_fine(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them on a finer grid."""
    return ours(sizes, "fine")


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them with MadMiner."""
    mode = {"mode": "histo", "hist_vars": [_OBSERVABLE], "hist_bins": [_N_BINS]}
    return expected_limits(events_of(sizes["events"]), sizes["grid"], **mode)


def check(sizes: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares the results for the same events and bins."""
    path = events_of(sizes["events"])
    column = read_header(path).observables.index(_OBSERVABLE)
    return compared(sizes, results["madminer"], path, lambda events: events.x[:, [column]])


ROW = Row(
    title="limits from a histogram of one observable",
    works={"ours": ours, "ours, fine grid": ours_fine, "madminer": madminer},
    check=check,
    targets=TARGETS,
    quick=QUICK,
    full=FULL,
)
