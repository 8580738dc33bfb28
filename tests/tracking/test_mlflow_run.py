"""Every entry point as `mlflow run` starts it, one after another, in the folder of a user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.tracking import store

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "methods": ["alices", "sally"],
    "samples": {"train": 200, "validation": 100, "test": 50, "minimum_effective": 0},
    "training": {"hidden_layers": [4], "epochs": 5, "batch_size": 100},
    "asymptotic_limits": {"resolutions": 5},
    "tuning": {"space": {"training.learning_rate": {"min": 0.001, "max": 0.1}}},
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of MLflow and its many packages
]


def mlflow_run(
    folder: Path, entry: str, *parameters: str, options: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Calls `mlflow run` in a folder, as a user who has not activated any environment."""
    given = [word for pair in parameters for word in ("-P", pair)]
    kept = ("HOME", "OMP_NUM_THREADS", "TMPDIR", *(name for name in os.environ if "_FIND_" in name))
    return subprocess.run(
        ["mlflow", "run", str(ROOT), "-e", entry, "--env-manager", "local", *options, *given],
        cwd=folder,
        env={
            **{name: os.environ[name] for name in kept if name in os.environ},
            **store.QUIET,
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            **variables,
        },
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    make_event_file: Callable[..., Path],
) -> dict[str, Any]:
    """What the store has of each entry point, called with as little as possible."""
    folder = tmp_path_factory.mktemp("my limits")
    (folder / "data").mkdir()
    make_event_file(folder / "data" / "dummy_data.h5")
    (folder / "in.yml").write_text(json.dumps(SETTINGS))
    file = "input_file=in.yml"
    for entry, parameters in {
        "sample": [file, "n_train=3e2"],
        "train": [file, "method=alices", "epochs=2e0", "hidden_layers=3,2"],
        "eval": [file],
        "plot": [file],
        "tune": [file, "method=alices", "trials=2e0", "seeds=2"],
    }.items():
        done = mlflow_run(folder, entry, *parameters)
        assert done.returncode == 0, done.stderr
    client = store.client(f"sqlite:///{folder / store.FILE}")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(ids, order_by=["attributes.start_time ASC"])
    assert sorted(path.name for path in folder.iterdir()) == [
        *(".workdir", "data", "in.yml", "mlflow.db", "mlruns"),
    ]
    return {"all": found, "client": client, "folder": folder}


def run_of(runs: dict[str, Any], entry: str) -> Any:
    (run,) = [r for r in runs["all"] if r.data.tags.get("mlflow.project.entryPoint") == entry]
    return run


def test_a_step_is_one_run(runs: dict[str, Any]) -> None:
    points = [run.data.tags.get("mlflow.project.entryPoint") for run in runs["all"]]
    assert points[:4] == ["sample", "train", "eval", "plot"]
    assert points[4] == "tune"
    names = [run.info.run_name for run in runs["all"][:4]]
    assert names == ["sampling", "alices_0", "evaluate alices_0", "plotting"]
    assert {run.info.status for run in runs["all"]} == {"FINISHED"}
    assert {run.data.tags["version"] for run in runs["all"][:4]} == {
        (ROOT / "VERSION").read_text().strip()
    }


def test_what_was_given_and_what_it_means(runs: dict[str, Any]) -> None:
    params = run_of(runs, "train").data.params
    assert {name: params[name] for name in ("method", "epochs", "alpha")} == {
        "method": "alices",
        "epochs": "2e0",
        "alpha": "input",
    }
    assert params["training.epochs"] == "2"
    assert params["training.hidden_layers"] == "3, 2"
    assert params["seed"] == "input"
    assert params["resolved.seed"] == "1"
    assert params["samples.train"] == "300"


def test_losses_model_figures_and_data_are_there(runs: dict[str, Any]) -> None:
    import mlflow
    import pandas as pd

    client, train = runs["client"], run_of(runs, "train")
    for name in ("train_loss", "validation_loss", "learning_rate", "gradient_norm"):
        assert [one.step for one in client.get_metric_history(train.info.run_id, name)] == [1, 2]
    (output,) = train.outputs.model_outputs
    mlflow.set_tracking_uri(f"sqlite:///{runs['folder'] / store.FILE}")
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    events = pd.DataFrame({"energy": [1.0, 2.0], "angle": [0.1, -0.5]})
    assert model.predict(events, params={"theta": [0.1, -0.2]}).shape == (2, 1)
    plotting = run_of(runs, "plot")
    assert {"area_95/alices", "area_95/histogram"} <= set(plotting.data.metrics)
    files = {file.path for file in client.list_artifacts(plotting.info.run_id)}
    assert files == {"results.json", "figures"}
    assert all(run.inputs.dataset_inputs for run in runs["all"][:4])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["epochs=1.5"], "Invalid value for '--epochs': 1.5, expected an integer >= 1, or input"),
        (["epoch=2"], "No such option '--epoch'. Did you mean '--epochs'? Expected one of --"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    tmp_path: Path, empty_store: Path, parameters: list[str], message: str
) -> None:
    shutil.copy(empty_store, tmp_path / "other.db")
    name = ("--run-name", "a try", "--experiment-name", store.EXPERIMENT)
    uri = "sqlite:///other.db"  # where it is called, as all paths
    done = mlflow_run(tmp_path, "train", *parameters, options=name, MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["other.db"]
    client = store.client(f"sqlite:///{tmp_path / 'other.db'}")
    experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    (run,) = client.search_runs([experiment])
    assert (run.info.status, run.info.run_name) == ("FAILED", "a try")
    assert f"error: {run.data.tags['error']}" == line
