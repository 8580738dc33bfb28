from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli


def logs(output_dir: Path, *steps: str) -> Result:
    words = [word for step in steps for word in ("--step", step)]
    return CliRunner().invoke(cli, ["logs", "--output_dir", str(output_dir), *words])


def headings(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    return [line[4:].partition(":")[0] for line in lines if line.startswith("==> ")]


TRAININGS = ["training a_0, done", "training b_0, failed"]


def test_all_logs_are_named_and_have_time_stamps(past_run: Path) -> None:
    result = logs(past_run)
    assert headings(result) == ["configuration, done", *TRAININGS, "evaluation a_0, done"]
    path = past_run / "members_1" / "training" / "_packtivity" / "training.run.log"
    assert f"==> training b_0, failed: {path}\n{path.read_text()}" in result.stdout
    assert " it is bad\n" in path.read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["training"], TRAININGS),
        (["training:b"], TRAININGS[1:]),
        (["training a_0, training:b"], TRAININGS),
        (["configuration", "plotting"], ["configuration, done"]),
    ],
)
def test_steps_are_chosen(past_run: Path, words: list[str], expected: list[str]) -> None:
    assert headings(logs(past_run, *words)) == expected


def test_unknown_steps_are_refused_with_those_that_are_known(past_run: Path) -> None:
    result = logs(past_run, "train")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: --step: 'train', expected one of configuration, training, training:a, "
        "training a_0, training:b, training b_0, evaluation, evaluation:a, evaluation a_0, "
        "evaluation:b, evaluation b_0, plotting\n"
    )
