import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from madminer_workflow.cli import cli

ROOT = Path(__file__).parents[2]


def test_the_specification_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["validate-spec"])
    assert (result.exit_code, result.output) == (0, "ok: workflow/workflow.yml\n")


def test_all_errors_of_another_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    steps = tmp_path / "workflow" / "steps.yml"
    steps.write_text(steps.read_text().replace("{samples}/", "{sampels}/"))
    workflow = tmp_path / "workflow" / "workflow.yml"
    for words in ([], ["--toplevel", str(tmp_path)]):
        result = CliRunner().invoke(cli, ["validate-spec", "--workflow", str(workflow), *words])
        assert (result.exit_code, result.stdout) == (2, "")
        assert [line.partition(": {")[0] for line in result.stderr.splitlines()] == [
            "error: workflow/steps.yml: training.process.cmd",
            "error: workflow/member.yml: stages.training.scheduler.parameters: parameter "
            "'samples' is not used by workflow/steps.yml: training",
        ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["validate-spec", "--workflow", str(tmp_path / "none.yml")])
    assert result.exit_code == 2
    assert result.stderr.endswith("/none.yml cannot be read (No such file or directory)\n")
