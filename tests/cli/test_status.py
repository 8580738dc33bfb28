import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from madminer_workflow.cli import cli
from madminer_workflow.engine.folder import claimed


def lines(output_dir: Path) -> list[str]:
    result = CliRunner().invoke(cli, ["status", "--output_dir", str(output_dir)])
    assert result.exit_code == 0, result.output
    text = re.sub(r"\d+:\d\d\b(:\d\d)?", "0:00", result.stdout)
    return [re.sub(r" +", " ", line) for line in text.splitlines()]


def test_the_table_of_a_run_that_failed(past_run: Path) -> None:
    head, _, *table = lines(past_run)
    assert re.fullmatch(
        r".*/the results: failed, started \S+ 0:00, 0:00, 6 steps: 3 done, 1 failed, 2 waiting",
        head,
    )
    assert table == [
        "step state start duration last line",
        "configuration done 0:00 0:00",
        "training a_0 done 0:00 0:00",
        "training b_0 failed 0:00 0:00 it is bad",
        "evaluation a_0 done 0:00 0:00",
        "evaluation b_0 waiting",
        "plotting waiting",
    ]


def change(output_dir: Path, **entry: object) -> None:
    """Changes what was noted of the training a_0."""
    path = output_dir / "_yadage" / "state.json"
    record: Any = json.loads(path.read_text())
    record["steps"][1].update(entry)
    path.write_text(json.dumps(record))


def test_a_run_that_goes_on_and_one_that_was_killed(past_run: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(past_run, moved)
    change(moved, state="running", ended=None)
    log = moved / "members_0" / "training" / "_packtivity" / "training.run.log"
    with open(log, "a") as file:
        file.write("2026-01-01 00:00:00 PROGRESS: epoch 3/9 loss 0.4; more of it\n")
        file.write("2026-01-01 00:00:00 something else\n")
    with claimed(moved, ["configuration", "members", "plotting"]):
        head, _, *table = lines(moved)
    assert ": running, " in head
    assert table[2] == "training a_0 running 0:00 0:00 epoch 3/9 loss 0.4"
    head, _, *table = lines(moved)
    assert ": interrupted, " in head
    assert table[2] == "training a_0 interrupted 0:00 epoch 3/9 loss 0.4"
    log.unlink()
    assert lines(moved)[4] == "training a_0 interrupted 0:00"


@pytest.mark.parametrize("command", ["status", "logs"])
def test_a_folder_without_a_run(command: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, [command, "--output_dir", str(tmp_path / "none")])
    assert result.exit_code == 2
    expected = f"Error: output_dir: {tmp_path}/none has no run, expected the folder of one\n"
    assert (result.stdout, result.stderr) == ("", expected)
    assert [*tmp_path.iterdir()] == []
