from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli.sample import sample
from madminer_workflow.sampling import Samples
from madminer_workflow.storage import read_json

INPUT = """
methods: [alice, sally]
samples: {train: 100, validation: 50, test: 40, minimum_effective: 1}
alice: {samples: {train: 60}}
"""


@pytest.fixture
def input_file(tmp_path: Path) -> Path:
    (tmp_path / "input.yml").write_text(INPUT)
    return tmp_path / "input.yml"


def invoke(data_file: Path, input_file: Path, output_dir: Path, *options: str) -> Result:
    files = ["--data_file", str(data_file), "--input_file", str(input_file)]
    return CliRunner().invoke(sample, [*files, "--output_dir", str(output_dir), *options])


def test_one_line_a_method(event_file: Path, input_file: Path, tmp_path: Path) -> None:
    result = invoke(event_file, input_file, tmp_path / "out")
    assert result.exit_code == 0, result.output
    alice, sally = result.output.splitlines()
    assert alice.startswith("alice: 60 train, 50 validation, 40 test samples, from ")
    assert sally.startswith("sally: 100 train, 50 validation, 40 test samples, from ")
    assert len(Samples.load(tmp_path / "out/samples/alice", "train")) == 60


def test_options_replace_the_input_file(event_file: Path, input_file: Path, tmp_path: Path) -> None:
    options = ["--n_train", "1e2", "--n_validation", "input", "--n_test", "7", "--seed", "3"]
    first = invoke(event_file, input_file, tmp_path / "first", *options)
    invoke(event_file, input_file, tmp_path / "second")
    assert "alice: 100 train, 50 validation, 7 test samples" in first.output
    seeds = [
        read_json(tmp_path / name / "samples/alice/samples.json")["parts"]["train"]["seed"]
        for name in ("first", "second")
    ]
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize("option", ["--n_train=0", "--n_test=1.5", "--n_test=many", "--seed=-1"])
def test_other_numbers_are_refused(
    event_file: Path, input_file: Path, tmp_path: Path, option: str
) -> None:
    result = invoke(event_file, input_file, tmp_path / "out", option)
    assert result.exit_code == 2
    assert "expected an integer >= " in result.output
    assert not (tmp_path / "out").exists()
