"""Rows are measured in processes of their own, and unequal results fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import measure, rows
from benchmarks.measure import Measurement
from benchmarks.process import measured
from benchmarks.row import Arrays, Check, Cost, Row, Sizes, Target
from benchmarks.table import documented, lines, load, save, updated

SIZES = {"numbers": 1_000_000}


def add(sizes: Sizes) -> Callable[[], Arrays]:
    return lambda: {"sum": np.arange(sizes["numbers"]).sum(keepdims=True)}


def formula(sizes: Sizes) -> Callable[[], Arrays]:
    return lambda: {"sum": np.array([sizes["numbers"] * (sizes["numbers"] - 1) // 2])}


def a_row(tolerance: float) -> Row:
    return Row(
        title="a sum",
        works={"ours": formula, "madminer": add},
        check=lambda _, results: [
            Check(
                "sum", float(results["ours"]["sum"][0] - results["madminer"]["sum"][0]), tolerance
            )
        ],
        targets=(Target.faster_than("madminer", 10), Target.memory(1000)),
        quick={"numbers": 1000},
        full=SIZES,
    )


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """One row that runs in this process; its tolerance can be changed."""
    chosen = [a_row(0.0)]
    monkeypatch.setattr("benchmarks.rows.names", lambda: ["toy"])
    for module in ("rows", "measure", "table"):
        monkeypatch.setattr(f"benchmarks.{module}.row", lambda _: chosen[0])
    monkeypatch.setattr(
        "benchmarks.measure.run", lambda _, work, sizes: measured(chosen[0].works[work](sizes))
    )
    return chosen


def test_memory_time_and_bytes_of_the_work_alone_count(tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    path.write_bytes(bytes(50_000_000))

    def work() -> Arrays:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        return {"sum": np.ones(8_000_000).cumsum()[-1:] + content[0]}

    arrays, cost = measured(work)
    assert arrays["sum"] == 8e6
    assert 50 <= cost.read_mb < 55
    assert 100 < cost.added_mb < 250
    assert cost.peak_mb > cost.added_mb
    assert 0 < cost.cpu_s < 5
    again = measured(dict)[1]
    assert again.added_mb < 20
    assert again.read_mb < 1


def test_a_row_is_measured_in_processes_of_its_own() -> None:
    arrays, cost = measure.run("sampling", "one read", {"events": 1000, "thetas": 1, "samples": 1})
    assert arrays["rows"].tolist() == [1000] * 3
    assert 0.1 < cost.read_mb < 0.2
    with pytest.raises(RuntimeError, match=r"sampling: nothing has failed:(.|\n)*KeyError"):
        measure.run("sampling", "nothing", {})


@pytest.mark.usefixtures("toy")
def test_equal_results_give_status_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--output", str(tmp_path), "--repeats", "2"]) == 0
    record = json.loads((tmp_path / "toy.json").read_text())
    assert record["sizes"] == {"numbers": 1000}
    assert [len(runs) for runs in record["costs"].values()] == [2, 2]
    assert record["machine"]["numpy"] == np.__version__
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines()[:-1])) <= 80
    assert "met" not in printed  # bounds are for the full sizes


def test_unequal_results_give_status_one(
    toy: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy[0] = a_row(tolerance=np.nan)
    assert command.main(["--output", str(tmp_path), "--full", "--repeats", "1"]) == 1
    printed = capsys.readouterr().out
    assert "DIFFERENT" in printed
    assert "toy: NOT EQUAL" in printed


@pytest.mark.usefixtures("toy")
def test_bounds_hold_for_the_best_runs(tmp_path: Path) -> None:
    def cost(cpu_s: float) -> Cost:
        return Cost(cpu_s, cpu_s, peak_mb=1100.0, added_mb=1.0, read_mb=0.0, load=1.0)

    runs = {"ours": (cost(2.0), cost(1.0)), "madminer": (cost(10.0), cost(15.0))}
    one = Measurement("toy", SIZES, runs, (Check("sum", 0.0, 0.0),), {})
    save(one, tmp_path)
    (loaded,) = load(tmp_path)
    assert loaded == one
    printed = [" ".join(line.split()) for line in lines(loaded)]
    assert "madminer / ours 10 >= 10 met" in printed
    assert "peak MB, ours 1100 <= 1000 missed" in printed
    assert "ours 1.000 100% 1.00 1100 1 0" in printed
    page = "a\n<!-- targets -->\nold\n<!-- end -->\nb"
    assert "| `toy` | madminer / ours | 10 | >= 10 | met |" in updated(page, documented([loaded]))
    assert updated(page, {"targets": "new\n"}) == "a\n<!-- targets -->\nnew\n<!-- end -->\nb"


def test_unknown_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no row 'x', allowed: .*sampling"):
        rows.row("x")
