from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from madminer_workflow.cli import cli
from madminer_workflow.storage import read_json
from madminer_workflow.tracking.follow import Follower

INPUT = """
methods: [alices]
luminosity: 1000
samples: {train: 400, validation: 100, test: 100, minimum_effective: 0}
training: {hidden_layers: [8], epochs: 1, batch_size: 100}
tuning: {space: {training.batch_size: {choices: [50, 100]}}, sampler: grid}
"""


@pytest.fixture(autouse=True)
def _unlogged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts no process that logs."""
    monkeypatch.setattr(Follower, "start", lambda *_: {})


def tune(event_file: Path, folder: Path, text: str) -> tuple[int, str]:
    path = folder / "input.yml"
    path.write_text(text)
    words = ["--data_file", event_file, "--input_file", path, "--output_dir", folder / "out"]
    words += ["--method", "alices", "--seeds", "2"]
    done = CliRunner().invoke(cli, ["tune", *map(str, words)])
    return done.exit_code, done.output


def test_a_search_ends_with_an_input_file_and_its_gain(event_file: Path, tmp_path: Path) -> None:
    code, output = tune(event_file, tmp_path, INPUT)
    assert code == 0
    folder = tmp_path / "out" / "tuning" / "alices"
    assert f"best settings  {folder / 'best.yml'}" in output.splitlines()
    assert "\n2 trials: 2 complete\n" in output
    assert max(map(len, output.replace(str(tmp_path), "").splitlines())) <= 80
    best = yaml.safe_load((folder / "best.yml").read_text())
    gain = read_json(folder / "gain.json")
    assert best["alices"]["training"]["batch_size"] in (50, 100)
    assert len(gain["default"]) == 2
    assert [len(one["tuned"]) for one in gain["settings"].values()] == [2]
    assert {path.name for path in (folder / "figures").iterdir()} >= {
        "history.png",
        "importance.png",
    }
    rows = (folder / "trials.csv").read_text().splitlines()
    assert rows[0] == "trial,state,cross_entropy,seconds,alices.training.batch_size,reason"
    assert len(rows) == 3


def test_a_file_without_a_search_is_refused_and_nothing_written(
    event_file: Path, tmp_path: Path
) -> None:
    code, output = tune(event_file, tmp_path, INPUT[: INPUT.index("tuning")])
    assert code == 2
    assert "input.yml: tuning: missing" in output
    assert not (tmp_path / "out").exists()


def test_a_search_in_which_all_trials_fail_says_so(event_file: Path, tmp_path: Path) -> None:
    code, output = tune(
        event_file, tmp_path, INPUT.replace("training: {", "training: {learning_rate: 1.0e+30, ")
    )
    assert code == 1
    assert "trial 1 failed (RuntimeError: alices: the loss is not a finite number" in output
    assert "2 trials: 2 failed; none has reached its end" in output
