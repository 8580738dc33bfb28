import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from madminer_workflow import cli, configuration, events
from madminer_workflow.configuration import document, restrict
from madminer_workflow.engine import launch
from madminer_workflow.engine.graph import State, Step
from madminer_workflow.errors import InputError
from madminer_workflow.steps import report

ROOT = Path(__file__).parents[2]
STAGES = ("configuration", "sampling", "training", "evaluation", "plotting")
MEMBERS = [("alices", 0), ("alices", 1), ("sally", 0)]


def outcome(*states: State) -> launch.Outcome:
    return launch.Outcome(tuple(Step("a", state, Path("a")) for state in states), 1.0)


class Launcher:
    """Stands for the launcher: notes what it was called with."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.options: dict[str, Any] = {}
        self.outcome = outcome(State.DONE)

    def run(
        self, workflow: str, initdata: Any, output_dir: Path, jobs: int, **options: Any
    ) -> launch.Outcome:
        self.calls.append((workflow, initdata, output_dir, jobs))
        self.options = options
        (output_dir / "plotting").mkdir(parents=True)
        (output_dir / "plotting" / "results.json").write_text(json.dumps({"limits": 3}))
        return self.outcome


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Launcher:
    """The launcher; reading, running and printing are stand-ins."""
    made = Launcher()
    observed = SimpleNamespace(path=Path("observed.csv"))
    members = [
        {"name": f"{method}_{n}", "method": method, "member": n, "training": "", "evaluation": ""}
        for method, n in MEMBERS
    ]
    monkeypatch.setattr(events, "read_header", lambda path: SimpleNamespace(path=path))
    monkeypatch.setattr(configuration, "load", lambda *_: SimpleNamespace(observed=observed))
    monkeypatch.setattr(document, "complete", lambda *_: {})
    monkeypatch.setattr(restrict, "plan", lambda *_: {"members": members})
    monkeypatch.setattr(launch, "run", made.run)
    monkeypatch.setattr(report, "table", lambda results: f"the table of {results}")
    return made


def status(folder: Path, *arguments: str) -> object:
    words = ["run", "--data_file", "a.h5", "--input_file", f"{folder}/b.yml"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--output_dir", str(folder / "out"), *arguments])
    return ended.value.code


def test_it_runs_the_workflow_and_prints_the_results(
    launcher: Launcher,
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
    assert launcher.calls == [("workflow/workflow.yml", paths, tmp_path / "out", 7)]
    assert launcher.options["references"] == {tmp_path / "b.yml": [Path("observed.csv")]}
    assert launcher.options["forced"] == launcher.options["until"] == set()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["the table of {'limits': 3}", ""]
    assert [line.split()[-1] for line in lines[2:5]] == [
        f"{tmp_path}/out/plotting/{name}" for name in ("results.json", "limits", "figures")
    ]


@pytest.mark.parametrize(
    ("states", "summary"),
    [
        ([State.DONE] * 2, "2 steps in 1 s"),
        ([State.DONE], "1 step in 1 s"),
        ([State.KEPT, State.DONE, State.KEPT, State.DONE], "2 steps (2 more kept) in 1 s"),
        ([State.KEPT] * 3, "nothing to do: all 3 steps were finished"),
    ],
)
def test_it_says_what_was_kept(
    launcher: Launcher,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    states: list[State],
    summary: str,
) -> None:
    launcher.outcome = outcome(*states)
    assert status(tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[1:] == [summary, ""]
    assert printed.out.startswith("the table of")


def test_every_stage_has_code_of_its_own(launcher: Launcher, tmp_path: Path) -> None:
    status(tmp_path)
    code: Callable[[str], str] = launcher.options["code"]
    assert len({code(stage) for stage in STAGES}) == len(STAGES)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--force", "sampling"], {"sampling"}),
        (["--force", "training:sally,plotting"], {"training sally_0", "plotting"}),
        (["--force", "evaluation:alices"], {"evaluation alices_0", "evaluation alices_1"}),
        (["--force", "training:sally", "--force", "sampling"], {"training sally_0", "sampling"}),
        (["--force", "training"], {f"training {method}_{n}" for method, n in MEMBERS}),
        (
            ["--force", "all"],
            {"configuration", "sampling", "plotting"}
            | {f"{step} {m}_{n}" for m, n in MEMBERS for step in ("training", "evaluation")},
        ),
    ],
)
def test_words_of_force(
    launcher: Launcher, tmp_path: Path, words: list[str], expected: set[str]
) -> None:
    assert status(tmp_path, *words) == 0
    assert launcher.options["forced"] == expected


def test_until_shows_no_results_that_are_not_there(
    launcher: Launcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(tmp_path, "--until", "sampling, training") == 0
    assert launcher.options["until"] == {"sampling", "training"}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("option", "word", "allowed"),
    [
        (
            "--force",
            "training:carl",
            "all, configuration, sampling, training, evaluation, plotting, training:alices, "
            "training:sally, evaluation:alices, evaluation:sally",
        ),
        ("--until", "all", ", ".join(STAGES)),
    ],
)
def test_unknown_names_are_refused(
    launcher: Launcher,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    word: str,
    allowed: str,
) -> None:
    assert status(tmp_path, option, f"sampling,{word}") == 2
    assert capsys.readouterr().err == f"error: {option}: {word!r}, expected one of {allowed}\n"
    assert (launcher.calls, list(tmp_path.iterdir())) == ([], [])


def test_bad_input_is_refused_before_anything_is_written(
    launcher: Launcher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise InputError("b.yml: epochs: -1")

    monkeypatch.setattr(configuration, "load", refuse)
    assert status(tmp_path) == 2
    assert capsys.readouterr().err == "error: b.yml: epochs: -1\n"
    assert launcher.calls == []
    assert list(tmp_path.iterdir()) == []


def test_a_failed_step_is_reported(
    launcher: Launcher,
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
    assert launcher.calls == []
