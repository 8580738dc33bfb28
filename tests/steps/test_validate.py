from __future__ import annotations

import json
from pathlib import Path

import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.statistics.agreement import Agreement, Case
from madminer_workflow.steps.validate import table, validate

SMALL = {
    "methods": ["quadratic"],
    "training": {"hidden_layers": [8], "epochs": 1},
    "histogram_bins": 5,
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Agreement]]:
    """Input file, folder and result of a small case."""
    folder = tmp_path_factory.mktemp("validate")
    (folder / "input.json").write_text(json.dumps(SMALL))
    (rows,) = validate([Case("dy1", 4000, 3)], folder / "input.json", folder / "out", jobs=1)
    return folder / "input.json", folder / "out", rows


def test_all_methods_and_the_floor_are_compared(case: tuple[Path, Path, list[Agreement]]) -> None:
    _, folder, rows = case
    found = {(row.method, row.form) for row in rows}
    ratio = {(name, form) for name in ("quadratic", "floor") for form in ("raw", "plug-in")}
    assert found >= ratio | {("histogram", "-"), ("rate", "-")}
    assert all((row.preset, row.n_events, row.seed) == ("dy1", 4000, 3) for row in rows)
    assert {row.method for row in rows if row.training_cpu_seconds > 0.0} == {"quadratic"}
    floor = [row for row in rows if row.method == "floor" and row.form == "plug-in"]
    assert min(row.iou_95 for row in floor) > 0.8
    names = sorted(path.name for path in (folder / "dy1_4000_3").iterdir())
    assert names == ["agreement.json", "overview.pdf", "overview.png"]


def test_what_is_there_is_not_repeated_unless_settings_or_code_differ(
    case: tuple[Path, Path, list[Agreement]], tmp_path: Path
) -> None:
    path, folder, rows = case
    record = folder / "dy1_4000_3" / "agreement.json"
    before = record.read_text(), record.stat().st_mtime_ns
    assert next(validate([Case("dy1", 4000, 3)], path, folder, jobs=1)) == rows
    assert (record.read_text(), record.stat().st_mtime_ns) == before
    record.write_text(json.dumps(json.loads(before[0]) | {"code_sha256s": [], "rows": []}))
    assert len(next(validate([Case("dy1", 4000, 3)], path, folder, jobs=1))) == len(rows)
    other = tmp_path / "input.json"
    other.write_text(json.dumps(SMALL | {"histogram_bins": 3}))
    (changed,) = validate([Case("dy1", 4000, 3)], other, folder, jobs=1)
    assert changed != rows


def test_an_unknown_preset_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="preset: 'dy9', allowed: dy2, dy2b, dy1, dy3"):
        next(validate([Case("dy9", 10, 1)], tmp_path / "input.json", tmp_path, jobs=1))


def test_the_table_has_medians_and_the_worst() -> None:
    rows = [
        Agreement("dy2", 500_000, seed, "sally", "-", which, 0.9, overlap, 0.25, 12.0)
        for which in ("kinematics", "full")
        for seed, overlap in enumerate((0.8, 0.95, 0.9))
    ]
    head, rule, line = table(rows).splitlines()
    assert head.count("|") == rule.count("|") == line.count("|") == 12
    expected = "| dy2 | 5e5 | sally | - | 0.900 (0.800) | 0.900 | 0.25 | 0.900 (0.800)"
    assert line.startswith(expected)
    assert line.endswith("| 12 |")
