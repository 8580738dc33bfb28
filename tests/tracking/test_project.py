from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from madminer_workflow.tracking.store import environment

STEP = """
import sys
from pathlib import Path
from madminer_workflow.tracking.log import log_step
log_step(name="a step", params={"x": 1}, metrics={"loss": 0.5}, artifacts=[Path(__file__)])
sys.exit(int(sys.argv[1]))
"""
PROJECT = """
name: small
entry_points:
  train:
    parameters: {status: string}
    command: "python step.py {status}"
"""


def start(folder: Path, *parameters: str) -> subprocess.CompletedProcess[str]:
    (folder / "MLproject").write_text(PROJECT)
    (folder / "step.py").write_text(STEP)
    (folder / "scratch").mkdir(exist_ok=True)
    variables = {
        **os.environ,
        **environment(folder),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_LOGGING_LEVEL": "CRITICAL",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    module = "madminer_workflow.tracking.project"
    words = [str(folder), "-e", "train", "--storage-dir", str(folder / "scratch"), *parameters]
    return subprocess.run(
        [sys.executable, "-m", module, *words], env=variables, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of MLflow and its many packages
def test_a_step_is_a_run_that_holds_what_it_logged(tmp_path: Path) -> None:
    done = start(tmp_path, "-P", "status=0")
    assert (done.returncode, done.stderr) == (0, "")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("madminer-train")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.runName"] == "a step"
    assert run.data.params == {"status": "0", "x": "1"}
    assert run.data.metrics == {"loss": 0.5}
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["step.py"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_step_that_fails_fails(tmp_path: Path) -> None:
    assert start(tmp_path, "-P", "status=3").returncode == 1
    done = start(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "status" in done.stderr
