from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from madminer_workflow.cli.validate import validate
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json


def test_a_validation_ends_with_its_table_and_files(tmp_path: Path) -> None:
    (tmp_path / "input.yml").write_text(
        "{methods: [quadratic], training: {hidden_layers: [8], epochs: 1}, histogram_bins: 5}"
    )
    options = ["--presets", "dy1", "--events", "4e3", "--seeds", "1,2", "--jobs", "2"]
    files = ["--input_file", str(tmp_path / "input.yml"), "--output_dir", str(tmp_path / "out")]
    result = CliRunner().invoke(validate, [*options, *files], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "1 of 2 done | dy1_4000_1\n2 of 2 done | dy1_4000_2\n" in result.output
    text = (tmp_path / "out" / "validation.md").read_text()
    assert text in result.output
    assert "| dy1 | 4e3 | floor | best |" in text
    assert {row["seed"] for row in read_json(tmp_path / "out" / "validation.json")} == {1, 2}
    assert (tmp_path / "out" / "validation.png").stat().st_size > 0


def test_with_an_unknown_preset_nothing_is_written(tmp_path: Path) -> None:
    files = ["--input_file", str(tmp_path / "x.yml"), "--output_dir", str(tmp_path / "out")]
    with pytest.raises(InputError, match="preset: 'dy9'"):
        CliRunner().invoke(validate, ["--presets", "dy9", *files], catch_exceptions=False)
    assert not (tmp_path / "out").exists()
