import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from madminer_workflow import cli
from madminer_workflow.cli.run import run
from madminer_workflow.configuration import load
from madminer_workflow.engine import launch
from madminer_workflow.engine.backends import BACKENDS
from madminer_workflow.engine.command import Command
from madminer_workflow.engine.graph import State, Step
from madminer_workflow.events import read_header
from madminer_workflow.steps import report
from madminer_workflow.tracking.follow import Follower

ROOT = Path(__file__).parents[2]
STAGES = ("configuration", "sampling", "training", "evaluation", "plotting")
MEMBERS = [("alices", 0), ("alices", 1), ("sally", 0)]
INPUT = """{methods: [alices, sally], luminosity: 1, training: {epochs: 4},
            alices: {training: {n_members: 2}}}"""


def outcome(*states: State) -> launch.Outcome:
    return launch.Outcome(tuple(Step("a", state, Path("a")) for state in states), 1.0)


class Launcher:
    """Stands for the launcher: notes what it was called with; meanwhile a user edits the input."""

    def __init__(self, input_file: Path) -> None:
        self.input_file = input_file
        self.calls: list[Any] = []
        self.options: dict[str, Any] = {}
        self.outcome = outcome(State.DONE)

    def run(
        self, workflow: str, initdata: Any, output_dir: Path, jobs: int, **options: Any
    ) -> launch.Outcome:
        self.calls.append((workflow, initdata, output_dir, jobs))
        self.options = options
        self.input_file.write_text("changed: while it runs")
        options["environment"](output_dir)
        (output_dir / "plotting").mkdir(parents=True)
        (output_dir / "plotting" / "results.json").write_text(json.dumps({"limits": 3}))
        return self.outcome


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch, event_file: Path) -> Launcher:
    """The launcher; running and printing are stand-ins."""
    made = Launcher(event_file.parent / "b.yml")
    made.input_file.write_text(INPUT)
    monkeypatch.setattr(launch, "run", made.run)
    monkeypatch.setattr(Follower, "start", lambda *_: {})
    monkeypatch.setattr(report, "table", lambda results: f"the table of {results}")
    return made


def status(folder: Path, *arguments: str) -> object:
    words = ["run", "--data_file", f"{folder}/events.h5", "--input_file", f"{folder}/b.yml"]
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
        "data_file": f"{tmp_path}/events.h5",
        "input_file": f"{tmp_path}/out/_input/merged.yml",
    }
    assert launcher.calls == [("workflow/workflow.yml", paths, tmp_path / "out", 7)]
    assert launcher.options["forced"] == launcher.options["until"] == set()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["the table of {'limits': 3}", ""]
    assert [line.split()[-1] for line in lines[2:5]] == [
        f"{tmp_path}/out/plotting/{name}" for name in ("results.json", "limits", "figures")
    ]


def test_it_runs_what_was_given_at_the_start(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("{methods: [carl, sally], seed: 3}")
    files = ["--input_file", f"{tmp_path}/c.yml", "--profile", "smoke"]
    assert status(tmp_path, *files) == 0
    frozen = tmp_path / "out" / "_input"
    configuration = load(launcher.calls[0][1]["input_file"], read_header(tmp_path / "events.h5"))
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
    launcher: Launcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "c.yml").write_text("carl: {}")
    assert status(tmp_path, "--input_file", f"{tmp_path}/c.yml") == 0
    assert len(launcher.calls) == 1
    assert caplog.record_tuples == [
        (
            "madminer_workflow.configuration.resolve",
            logging.WARNING,
            f"{tmp_path}/c.yml: carl: not used, it is not among `methods`",
        )
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
    assert (launcher.calls, (tmp_path / "out").exists()) == ([], False)


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
    launcher: Launcher,
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
    assert launcher.calls == []
    assert {path.name for path in tmp_path.iterdir()} == {"b.yml", "events.h5"}


def test_a_failed_step_is_reported(
    launcher: Launcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Step("training a_0", State.FAILED, tmp_path, RuntimeError("out of memory"))
    launcher.outcome = launch.Outcome((step,), 1.0)
    assert status(tmp_path, "--jobs", "3") == 1
    assert capsys.readouterr() == (
        "",
        f"running in {tmp_path}/out, 3 steps at a time\n"
        "error: training a_0 failed: out of memory\n",
    )


def test_what_is_chosen_for_containers(launcher: Launcher, tmp_path: Path) -> None:
    assert status(tmp_path, "--runtime", "docker", "--image", "other:2", "--memory", "4g") == 0
    words = launcher.options["runtime"].argv(
        Command("sampling", "true", "image:1", tmp_path, (), {}, tmp_path / "log")
    )
    assert {"other:2", "4g", "none"} <= set(words)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--backend", "slurm", "--site", "{}/site.yml"], "site.yml: job: unknown key, did you"),
        (["--backend", "dask", "--site", "{}/none.yml"], "none.yml: cannot be read"),
        (["--site", "{}/site.yml"], "--site: steps of this machine have none"),
        (["--memory", "4g"], "--memory: only for steps in containers"),
        (["--backend", "slurm"], "backend: slurm needs sbatch, which is not installed"),
    ],
)
def test_what_cannot_be_used_is_said_before_the_run(
    launcher: Launcher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    line: str,
) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "site.yml").write_text("job: 3\n")
    assert status(tmp_path, *(word.format(tmp_path) for word in words)) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert launcher.calls == []
    assert not (tmp_path / "out").exists()


def test_the_backends_of_the_option_are_those_of_the_engine() -> None:
    (option,) = [option for option in run.params if option.name == "backend"]
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == ["local", *BACKENDS]
