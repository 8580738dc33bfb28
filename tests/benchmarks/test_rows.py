"""Rows at tiny sizes: what we do equals what MadMiner does."""

from __future__ import annotations

import pytest

from benchmarks import rows
from benchmarks.measure import measure
from benchmarks.row import OURS
from benchmarks.table import RESULTS, documented, load, updated

TINY = {
    "sampling": {"events": 20_000, "thetas": 3, "samples": 2000},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_results_are_equal(name: str) -> None:
    measured = measure(name, TINY[name], repeats=1)
    assert measured.equal, measured.checks


@pytest.mark.parametrize("name", rows.names())
def test_rows_are_complete(name: str) -> None:
    row = rows.row(name)
    assert next(iter(row.works)).startswith(OURS)
    assert row.quick.keys() == row.full.keys()
    assert row.targets


def test_the_documentation_shows_the_results() -> None:
    page = RESULTS.parents[1] / "docs" / "performance.md"
    assert updated(page.read_text(), documented(load(RESULTS))) == page.read_text()
