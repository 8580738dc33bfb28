import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from madminer_workflow import cli
from madminer_workflow.configuration import load
from madminer_workflow.engine import launch
from madminer_workflow.engine.graph import State, Step
from madminer_workflow.events import read_header
from madminer_workflow.steps import report
from madminer_workflow.tracking import store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, event_file: Path) -> list[Any]:
    """What the launcher was called with; running and printing are stand-ins."""
    made: list[Any] = []
    input_file = event_file.parent / "b.yml"

    def run(
        workflow: str,
        initdata: dict[str, str],
        output_dir: Path,
        jobs: int,
        *,
        environment: Callable[[Path], Mapping[str, str]],
        **_: object,
    ) -> launch.Outcome:
        made.append((workflow, initdata, output_dir, jobs))
        input_file.write_text("changed: while it runs")
        environment(output_dir)
        (output_dir / "plotting").mkdir(parents=True)
        (output_dir / "plotting" / "results.json").write_text(json.dumps({"limits": 3}))
        return launch.Outcome((), 1.0)

    input_file.write_text("{methods: [alice], luminosity: 1, training: {epochs: 4}}")
    monkeypatch.setattr(launch, "run", run)
    monkeypatch.setattr(store, "environment", lambda _: {})
    monkeypatch.setattr(report, "table", lambda results: f"the table of {results}")
    return made


def status(folder: Path, *arguments: str) -> object:
    words = ["run", "--data_file", f"{folder}/events.h5", "--input_file", f"{folder}/b.yml"]
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
        "data_file": f"{tmp_path}/events.h5",
        "input_file": f"{tmp_path}/out/_input/merged.yml",
    }
    assert calls == [("workflow/workflow.yml", paths, tmp_path / "out", 7)]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["the table of {'limits': 3}", ""]
    assert [line.split()[-1] for line in lines[2:5]] == [
        f"{tmp_path}/out/plotting/{name}" for name in ("results.json", "limits", "figures")
    ]


def test_it_runs_what_was_given_at_the_start(calls: list[Any], tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("{methods: [carl, sally], seed: 3}")
    files = ["--input_file", f"{tmp_path}/c.yml", "--profile", "smoke"]
    assert status(tmp_path, *files) == 0
    frozen = tmp_path / "out" / "_input"
    configuration = load(calls[0][1]["input_file"], read_header(tmp_path / "events.h5"))
    assert [(m.name, m.training.epochs) for m in configuration.methods] == [
        ("carl", 4),
        ("sally", 4),
    ]
    assert (configuration.seed, configuration.methods[0].sampling.n_train) == (3, 5000)
    origins = yaml.safe_load((frozen / "resolved.yml").read_text())
    assert origins["seed"] == {"value": 3, "from": f"{tmp_path}/c.yml"}
    assert origins["carl.training.epochs"] == {"value": 4, "from": f"{tmp_path}/b.yml"}
    assert origins["carl.samples.train"] == {"value": 5000, "from": "profile smoke"}


def test_doubts_are_warnings(
    calls: list[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "c.yml").write_text("carl: {}")
    assert status(tmp_path, "--input_file", f"{tmp_path}/c.yml") == 0
    assert len(calls) == 1
    assert caplog.record_tuples == [
        (
            "madminer_workflow.configuration.resolve",
            logging.WARNING,
            f"{tmp_path}/c.yml: carl: not used, it is not among `methods`",
        )
    ]


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (
            "{methods: [alice], training: {epochs: -1}}",
            (),
            "{0}/b.yml: training.epochs: -1, expected an integer >= 1",
        ),
        (
            "{methods: [alice]}",
            ("--output_dir", "what?"),
            "output_dir: '{0}/what?' has the character '?'; allowed are all but "
            '" $ ` \\ {{ }} : ? # % and control characters',
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    calls: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.yml").write_text(text)
    assert status(tmp_path, *arguments) == 2
    assert capsys.readouterr().err == f"error: {message.format(tmp_path)}\n"
    assert calls == []
    assert {path.name for path in tmp_path.iterdir()} == {"b.yml", "events.h5"}


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
