"""Rows at tiny sizes: what we do equals what MadMiner does."""

from __future__ import annotations

import pytest

from benchmarks import growth, rows, steps
from benchmarks.measure import measure
from benchmarks.row import OURS, Cost
from benchmarks.steps import StepCost
from benchmarks.table import RESULTS, documented, load, updated

TINY = {
    "sampling": {"events": 20_000, "thetas": 3, "samples": 2000},
    "limits_sally": {"events": 5000, "grid": 5, "fine": 6},
    "fisher": {"events": 2000},
    "training": {"events": 20_000, "samples": 4000, "epochs": 2},
    "evaluation": {"events": 200, "thetas": 4},
    "evaluation_score": {"events": 200, "thetas": 4},
    "limits_ml": {"events": 5000, "grid": 4, "fine": 5},
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # packages that MadMiner imports
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
    page = (RESULTS.parents[1] / "docs" / "performance.md").read_text()
    tables = documented(load(RESULTS))
    assert all(f"<!-- {name} -->" in page for name in tables)
    assert updated(page, tables) == page


def test_exponents_of_growth() -> None:
    costs = {n: Cost(n**1.5, 1.0, 1.0, 1.0, 1.0, 1.0) for n in (10**4, 10**5, 10**7)}
    assert growth.exponent(costs) == pytest.approx(1.5)
    ((row, work, *numbers),) = growth.cells({"sampling": {"ours": costs}})
    assert (row, work, numbers) == ("`sampling`", "ours", ["1.50", "1e7", "3.16e+10", "1"])
    axes = growth.draw({"sampling": {"ours": costs, "madminer": costs}}).axes
    assert [len(one.lines) for one in axes] == [2, 2]


def test_steps_have_the_costs_of_few_and_of_many_events() -> None:
    costs = {n: {"sampling": StepCost(n * 1e-5, n * 1e-4)} for n in (10**5, 10**6, 10**7)}
    assert list(steps.cells(costs)) == [("sampling", "1.0", "100.0", "1000")]
