from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from madminer_workflow.errors import InputError
from madminer_workflow.tracking import store
from madminer_workflow.tracking.names import GATHERED, RECORD_FILE
from madminer_workflow.tracking.project import command_of, main

STEP = """
import os, sys, time
from pathlib import Path
from madminer_workflow.tracking.log import log_step
if sys.argv[1] == "wait":
    Path("waits").touch()
    time.sleep(60)
if sys.argv[1] == "0":
    log_step("a step", "training", params={"x": 1}, metrics={"loss": 0.5},
             artifacts=[Path(__file__)])
assert "mlflow" not in sys.modules
sys.exit(int(sys.argv[1]))
"""
PROJECT = """
entry_points:
  train:
    parameters:
      output_dir: string
      status: {type: string, default: "0"}
    command: "exec python step.py {status}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "MLproject").write_text(PROJECT)
    (tmp_path / "step.py").write_text(STEP)
    return tmp_path


def start(folder: Path, *parameters: str, **variables: str) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    module = ["-m", "madminer_workflow.tracking.project", str(folder), "-e", "train"]
    given = [f"output_dir={folder}", *parameters]
    return subprocess.Popen(
        [sys.executable, *module, *(word for pair in given for word in ("-P", pair))],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate()
    return process.returncode, errors


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("learn", {}, "learn: no entry point, expected one of train"),
        ("train", {"x": "1"}, "x: unknown, expected one of output_dir, status"),
        ("train", {"status": "1"}, "train: no value for output_dir"),
    ],
)
def test_what_is_no_entry_point(
    folder: Path, name: str, given: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        command_of(folder, name, given)


def test_whoever_gathers_finds_the_record(folder: Path) -> None:
    assert ended(start(folder, **{GATHERED: "1"})) == (0, "")
    assert (folder / "tracking.json").exists()
    assert ended(start(folder, "status=3", **{GATHERED: "1"})) == (3, "")
    assert not (folder / store.FILE).exists()


def test_our_commands_need_no_other_interpreter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = PROJECT.replace("exec python step.py", "scripts/entry.sh .")
    (folder / "MLproject").write_text(ours)
    monkeypatch.chdir(folder)
    monkeypatch.setenv(GATHERED, "1")
    monkeypatch.setenv(RECORD_FILE, "")
    monkeypatch.setattr(os, "execvp", pytest.fail)
    monkeypatch.setattr(sys, "argv", sys.argv)
    given = [str(folder), "-e", "train", "-P", f"output_dir={folder}"]
    assert "validate-spec" in CliRunner().invoke(main, [*given, "-P", "status=--help"]).output
    assert CliRunner().invoke(main, [*given, "-P", "status=x"]).exit_code == 2


def test_values_are_quoted(folder: Path) -> None:
    command = command_of(folder, "train", {"output_dir": "x", "status": "a 'b' $(c);d"})
    assert command == "exec python step.py 'a '\"'\"'b'\"'\"' $(c);d'"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of MLflow and its many packages
def test_a_step_alone_is_a_run(folder: Path, empty_store: Path) -> None:
    (folder / store.FILE).write_bytes(empty_store.read_bytes())
    assert ended(start(folder)) == (0, "")
    assert ended(start(folder, "status=3")) == (3, "")
    process = start(folder, "status=wait")
    while not (folder / "waits").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 128 + signal.SIGTERM
    client, experiment = store.open_store(folder)
    runs: list[Any] = client.search_runs([experiment], order_by=["attributes.start_time ASC"])
    assert [run.info.status for run in runs] == ["FINISHED", "FAILED", "KILLED"]
    first, second, _ = runs
    assert first.info.run_name == "a step"
    assert first.data.params == {"x": "1"}
    assert first.data.metrics == {"loss": 0.5}
    assert first.data.tags["given.output_dir"] == str(folder)
    assert [file.path for file in client.list_artifacts(first.info.run_id)] == ["step.py"]
    assert second.data.tags["error"] == "status 3"


@pytest.mark.slow
def test_a_store_that_cannot_be_used_costs_a_warning(folder: Path) -> None:
    status, errors = ended(start(folder, MLFLOW_TRACKING_URI="http://me:secret@127.0.0.1:9"))
    assert status == 0
    assert errors.startswith("warning: not logged to MLflow, http://")
    assert errors.endswith("127.0.0.1:9: the server does not answer\n")
    assert "secret" not in errors
    assert errors.count("\n") == 1
