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
import yaml

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
    folder: Path,
    entry: str,
    *parameters: str,
    options: tuple[str, ...] = (),
    manager: str = "local",
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Calls `mlflow run` in a folder, without the code on any path."""
    given = [word for pair in parameters for word in ("-P", pair)]
    path = f"{variables.pop('PATH', Path(sys.executable).parent)}:{os.environ['PATH']}"
    others = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", store.URI)}
    return subprocess.run(
        ["mlflow", "run", str(ROOT), "-e", entry, "--env-manager", manager, *options, *given],
        cwd=folder,
        env={**others, **store.QUIET, "PATH": path, **variables},
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


def test_a_study_has_its_trials_below_it(runs: dict[str, Any]) -> None:
    study = run_of(runs, "tune")
    trials = [r for r in runs["all"] if r.data.tags.get("mlflow.parentRunId") == study.info.run_id]
    assert len(trials) == len(runs["all"]) - 5 == 2
    assert all({"cross_entropy", "validation_loss"} <= set(run.data.metrics) for run in trials)
    assert study.data.params["trials"] == "2e0"


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


@pytest.fixture
def uv(tmp_path: Path) -> str:
    """The folder of uv, which is fetched where it is not installed."""
    if found := shutil.which("uv"):
        return str(Path(found).parent)
    words = ["-m", "pip", "install", "--quiet", "--target", str(tmp_path / "uv"), "uv"]
    if subprocess.run([sys.executable, *words]).returncode:
        pytest.skip("uv is not installed and cannot be fetched")
    return str(tmp_path / "uv" / "bin")


@pytest.fixture
def pyenv() -> str:
    """The folder of pyenv, with the Python of python_env.yaml."""
    python = yaml.safe_load((ROOT / "python_env.yaml").read_text())["python"]
    if not (found := shutil.which("pyenv")):
        pytest.skip("pyenv is not installed, which MLflow needs for --env-manager virtualenv")
    if subprocess.run([found, "prefix", python], capture_output=True).returncode:
        pytest.skip(f"pyenv has no Python {python}, which it would have to build")
    return str(Path(found).parent)


@pytest.mark.long
@pytest.mark.parametrize(("manager", "tool"), [("virtualenv", "pyenv"), ("uv", "uv")])
def test_the_declared_environment_has_all_that_a_step_needs(
    tmp_path: Path,
    make_event_file: Callable[..., Path],
    request: pytest.FixtureRequest,
    manager: str,
    tool: str,
) -> None:
    tools = f"{request.getfixturevalue(tool)}:{Path(sys.executable).parent}"
    make_event_file(tmp_path / "events.h5")
    (tmp_path / "in.yml").write_text(json.dumps(SETTINGS))
    environments = tmp_path / "environments"
    variables = {"MLFLOW_ENV_ROOT": str(environments), "UV_CACHE_DIR": str(tmp_path / "cache")}
    variables["UV_FIND_LINKS"] = os.environ.get("PIP_FIND_LINKS", "")
    try:
        for entry in ("sample", "train"):
            given = ["input_file=in.yml", *(["method=sally"] if entry == "train" else [])]
            given += ["data_file=events.h5"] if entry == "sample" else []
            done = mlflow_run(tmp_path, entry, *given, manager=manager, PATH=tools, **variables)
            assert done.returncode == 0, done.stderr[-5000:]
        assert len([*environments.glob("mlflow-*/lib/python3*/site-packages/torch")]) == 1
        described = json.loads((tmp_path / ".workdir/models/sally_0/model.json").read_text())
        assert described["training"]["epochs"] == 5
        runs = store.client(f"sqlite:///{tmp_path / store.FILE}").search_runs(["0"])
        assert [run.data.tags["mlflow.project.env"] for run in runs] == [manager] * 2
        assert [run.info.status for run in runs] == ["FINISHED"] * 2
    finally:
        shutil.rmtree(environments, ignore_errors=True)  # gigabytes
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
