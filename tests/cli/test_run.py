import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from madminer_workflow import cli, configuration, events
from madminer_workflow.engine import launch
from madminer_workflow.engine.graph import State, Step
from madminer_workflow.errors import InputError
from madminer_workflow.steps import report

ROOT = Path(__file__).parents[2]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the launcher was called with; reading, running and printing are stand-ins."""
    made: list[Any] = []

    def run(
        workflow: str, initdata: dict[str, str], output_dir: Path, jobs: int, **_: object
    ) -> launch.Outcome:
        made.append((workflow, initdata, output_dir, jobs))
        (output_dir / "plotting").mkdir(parents=True)
        (output_dir / "plotting" / "results.json").write_text(json.dumps({"limits": 3}))
        return launch.Outcome((), 1.0)

    monkeypatch.setattr(events, "read_header", lambda path: SimpleNamespace(path=path))
    monkeypatch.setattr(configuration, "load", lambda *_: None)
    monkeypatch.setattr(launch, "run", run)
    monkeypatch.setattr(report, "table", lambda results: f"the table of {results}")
    return made


def status(folder: Path, *arguments: str) -> object:
    words = ["run", "--data_file", "a.h5", "--input_file", f"{folder}/b.yml"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--output_dir", str(folder / "out"), *arguments])
    return ended.value.code


def test_it_runs_the_workflow_and_prints_the_results(
    calls: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "n_cores", lambda: 7)
    assert status(tmp_path) == 0
    paths = {
        "project_path": str(ROOT),
        "data_file": f"{tmp_path}/a.h5",
        "input_file": f"{tmp_path}/b.yml",
    }
    assert calls == [("workflow/workflow.yml", paths, tmp_path / "out", 7)]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["the table of {'limits': 3}", ""]
    assert [line.split()[-1] for line in lines[2:5]] == [
        f"{tmp_path}/out/plotting/{name}" for name in ("results.json", "limits", "figures")
    ]


def test_bad_input_is_refused_before_anything_is_written(
    calls: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise InputError("b.yml: epochs: -1")

    monkeypatch.setattr(configuration, "load", refuse)
    assert status(tmp_path) == 2
    assert capsys.readouterr().err == "error: b.yml: epochs: -1\n"
    assert calls == []
    assert list(tmp_path.iterdir()) == []


def test_a_failed_step_is_reported(
    calls: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    step = Step("training a_0", State.FAILED, tmp_path, RuntimeError("out of memory"))
    monkeypatch.setattr(launch, "run", lambda *_, **__: launch.Outcome((step,), 1.0))
    assert status(tmp_path, "--jobs", "3") == 1
    assert capsys.readouterr() == (
        "",
        f"running in {tmp_path}/out, 3 steps at a time\n"
        "error: training a_0 failed: out of memory\n",
    )
    assert calls == []
