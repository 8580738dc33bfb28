import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = {
    "0_configuration.sh": ("data_file", "input_file"),
    "1_sampling.sh": ("data_file", "input_file"),
    "2_training.sh": ("input_file", "train_folder"),
    "3_evaluation.sh": ("data_file", "input_file", "model_file"),
    "4_plotting.sh": ("data_file", "input_file", "result_files"),
}
SHORT = {
    "data_file": "-d",
    "input_file": "-i",
    "train_folder": "-t",
    "model_file": "-m",
    "result_files": "-r",
}

# Stands for `mlflow` and `python`: records how it was called, and ends as it is told to.
STAND_IN = """#!/bin/sh
printf '%s\\n' "${0##*/}" "$@" >"$RECORD"
echo "$PYTHONPATH" >"$RECORD.path"
exit "${STEP_STATUS:-0}"
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder of the caller, with a project whose programs are stand-ins, and some inputs."""
    project = tmp_path / "a project"
    (project / ".venv" / "bin").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", project / "scripts")
    shutil.copy(ROOT / "MLproject", project)
    for name in ("mlflow", "python"):
        program = project / ".venv" / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    for name in ("some events.h5", "input.yml", "train", "model", "result 1", "result 2"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def run(here: Path) -> Run:
    def call(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "RECORD": str(here / "record"), **variables}
        return subprocess.run(
            [here / "a project" / "scripts" / script, *arguments],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
        )

    return call


def arguments(script: str) -> list[str]:
    values = {
        "data_file": "some events.h5",
        "input_file": "input.yml",
        "train_folder": "train",
        "model_file": "model",
        "result_files": "result 1",
    }
    pairs = [(f"--{name}", values[name]) for name in STEPS[script]]
    return [word for pair in pairs for word in pair]


def recorded(here: Path) -> list[str]:
    return (here / "record").read_text().splitlines()


def parameters(here: Path) -> list[str]:
    words = recorded(here)
    return [word for flag, word in itertools.pairwise(words) if flag == "-P"]


def test_a_step_is_an_entry_point_with_absolute_paths(here: Path, run: Run) -> None:
    done = run("1_sampling.sh", *arguments("1_sampling.sh"), "--output_dir", "new folder")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    words = recorded(here)
    module = "madminer_workflow.tracking.project"
    assert words[:6] == ["python", "-m", module, str(here / "a project"), "-e", "sample"]
    assert parameters(here) == [
        f"data_file={here}/some events.h5",
        f"input_file={here}/input.yml",
        f"output_dir={here}/new folder",
    ]


def test_a_step_in_a_container_is_started_by_itself(here: Path, run: Run) -> None:
    words = [*arguments("1_sampling.sh"), "-o", "out", "-a", "n_train=5"]
    chosen = ["--runtime", "docker", "--memory", "4g", "--image", "other:2"]
    assert run("1_sampling.sh", *words, *chosen).returncode == 0
    assert recorded(here) == [
        *("python", "-m", "madminer_workflow.engine.runtimes.alone", "--memory", "4g"),
        *("--image", "other:2", "--runtime", "docker", "--write", f"{here}/out", "--"),
        f"{here}/a project/scripts/1_sampling.sh",
        *("--project_path", f"{here}/a project", "--data_file", f"{here}/some events.h5"),
        *("--input_file", f"{here}/input.yml", "--output_dir", f"{here}/out"),
        *("--mlflow_args", " n_train=5"),
    ]
    assert (here / "out" / ".madminer-workflow").exists()


def test_a_container_gets_the_network_for_a_server_only(here: Path, run: Run) -> None:
    words = [*arguments("1_sampling.sh"), "-o", "out", "--runtime", "docker"]
    assert run("1_sampling.sh", *words, MLFLOW_TRACKING_URI="https://host").returncode == 0
    assert "--network" in recorded(here)
    done = run("1_sampling.sh", *words, MLFLOW_TRACKING_URI="sqlite:////mine.db")
    assert done.returncode == 2
    assert "containers reach no database outside of --output_dir" in done.stderr


def test_an_image_has_its_own_packages(here: Path, run: Run) -> None:
    words = [*arguments("1_sampling.sh"), "-o", "out"]
    run("1_sampling.sh", *words, MADMINER_WORKFLOW_IMAGE="sha256:1", PATH="/usr/bin:/bin")
    assert not (here / "record").exists()


def test_short_options_and_equal_signs(here: Path, run: Run) -> None:
    long = ["--data_file=some events.h5", "--input_file=input.yml", "--output_dir=out"]
    short = ["-p", "a project", "-d", "some events.h5", "-i", "input.yml", "-o", "out"]
    calls = []
    for words in (long, short):
        assert run("1_sampling.sh", *words, "-a", "n_train=5").returncode == 0
        calls.append(parameters(here))
    assert calls[0] == calls[1]
    assert calls[0][-1] == "n_train=5"


@pytest.mark.parametrize("script", STEPS)
def test_short_options_of_each_script(here: Path, run: Run, script: str) -> None:
    long = arguments(script)
    short = [SHORT.get(word.removeprefix("--"), word) for word in long]
    assert run(script, *long, "--output_dir", "out").returncode == 0
    first = recorded(here)
    assert run(script, *short, "-o", "out").returncode == 0
    assert recorded(here) == first


@pytest.mark.parametrize("script", STEPS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(run: Run, script: str, option: str) -> None:
    done = run(script, option)
    assert done.returncode == 0
    for name in (*STEPS[script], "project_path", "output_dir", "help"):
        assert f"--{name}" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--data_file is missing"),
        (["--data_file"], "--data_file: its value is missing"),
        (["--data_files", "x"], "--data_files: unknown"),
        (["-x"], "-x: unknown"),
        (["--train_folder", "train"], "--train_folder: unknown"),
        (["input.yml"], "argument 'input.yml'"),
        (
            ["-d", "none.h5", "-i", "input.yml", "-o", "out"],
            "--data_file: 'none.h5' does not exist",
        ),
        (["-d", "", "-i", "input.yml", "-o", "out"], "--data_file: '' does not exist"),
        (["-d", "some events.h5", "-i", "input.yml", "-o", ""], "--output_dir: empty"),
        (
            ["-d", "some events.h5", "-i", "input.yml", "-o", "out", "-a", "n_train=1 epochs=3"],
            "'epochs=3' is not KEY=VALUE with KEY one of: n_train n_validation n_test seed",
        ),
        (
            ["-d", "some events.h5", "-i", "input.yml", "-o", "out", "-a", "n_train"],
            "'n_train' is not KEY=VALUE",
        ),
    ],
)
def test_a_bad_command_line(here: Path, run: Run, words: list[str], message: str) -> None:
    done = run("1_sampling.sh", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (here / "out").exists()


def test_overrides_are_taken_literally(here: Path, run: Run) -> None:
    words = [*arguments("2_training.sh"), "-o", "out"]
    overrides = ["-a", "member=1  epochs=$(date)", "--mlflow_args=activation=* alpha=a=b"]
    assert run("2_training.sh", *words, *overrides).returncode == 0
    assert parameters(here)[-4:] == ["member=1", "epochs=$(date)", "activation=*", "alpha=a=b"]


def test_results_one_a_line_or_one_an_option(here: Path, run: Run) -> None:
    words = ["-d", "some events.h5", "-i", "input.yml", "-o", "out"]
    lines = f"{here}/result 1\n {here}/result 2\n"  # as Yadage joins them
    assert run("4_plotting.sh", *words, "-r", lines).returncode == 0
    joined = recorded(here)
    start = joined.index(f"result_files={here}/result 1")
    assert joined[start + 1] == f"{here}/result 2"
    assert run("4_plotting.sh", *words, "-r", "result 1", "-r", "result 2").returncode == 0
    assert recorded(here)[start : start + 2] == joined[start : start + 2]
    done = run("4_plotting.sh", *words, "-r", "result 1\nresult 3")
    assert (done.returncode, done.stderr) == (
        2,
        "error: option --result_files: 'result 3' does not exist\n",
    )


def test_a_script_ends_with_the_status_of_its_step(here: Path, run: Run) -> None:
    for status in ("0", "2", "137"):
        done = run("1_sampling.sh", *arguments("1_sampling.sh"), "-o", "out", STEP_STATUS=status)
        assert (done.returncode, done.stdout, done.stderr) == (int(status), "", "")
    assert [path.name for path in (here / "out").iterdir()] == [".madminer-workflow"]
    assert (here / "record.path").read_text() == f"{here}/a project/code\n"


def test_a_folder_of_somebody_else_gets_no_marker(here: Path, run: Run) -> None:
    (here / "out").mkdir()
    assert run("1_sampling.sh", *arguments("1_sampling.sh"), "-o", "out").returncode == 0
    assert list((here / "out").iterdir()) == []


@pytest.mark.slow
def test_a_step_that_fails_is_in_mlflow_and_its_status_comes_through(tmp_path: Path) -> None:
    for name in ("no events.h5", "input.yml"):
        (tmp_path / name).write_text("text")
    options = ["--data_file", "no events.h5", "--input_file", "input.yml"]
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [ROOT / "scripts" / "1_sampling.sh", *options, "--output_dir", "the results"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "no events.h5" in done.stderr
    assert done.stderr.count("\n") == 1
    made = {path.name for path in (tmp_path / "the results").iterdir()}
    assert made == {".madminer-workflow", "mlflow.db"}
    with closing(sqlite3.connect(tmp_path / "the results" / "mlflow.db")) as store:
        assert store.execute("SELECT name, status FROM runs").fetchall() == [("sample", "FAILED")]
