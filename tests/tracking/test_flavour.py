from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from madminer_workflow.configuration.model import Learner, Training
from madminer_workflow.estimators import Ensemble, Fitted, fit, save
from madminer_workflow.sampling.samples import Samples
from madminer_workflow.tracking import store
from madminer_workflow.tracking.flavour import Predictor, _input
from madminer_workflow.tracking.log import Record, Trained
from madminer_workflow.tracking.models import log_model, register
from madminer_workflow.tracking.runs import log_record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of MLflow and its many packages
]

RNG = np.random.default_rng(1)
X, THETAS = RNG.normal(size=(300, 2)), RNG.uniform(-1, 1, (4, 2))
OTHER_PROCESS = """
import sys, mlflow, numpy, pandas
uri, folder = sys.argv[1:]
events = pandas.read_json(folder + "/events.json")
at = pandas.read_json(folder + "/at.json")
theta = numpy.loadtxt(folder + "/theta.txt")
model = mlflow.pyfunc.load_model(uri)
grid = model.predict(events, params={"theta": theta.ravel().tolist()})
numpy.savez(folder + "/found.npz", grid=grid, at=model.predict(at))
"""


def trained(method: str = "alices", member: int = 0) -> Fitted:
    """Trains a network on noise, which is as good as any."""
    rng = np.random.default_rng(2)
    x, n = rng.normal(size=(200, 2)), 200
    theta = rng.uniform(-1, 1, (n, 2)) * (method != "sally")
    y = np.asarray(rng.uniform(size=n) < 0.5, float)
    samples = Samples(
        method, ("a", "b"), ("u", "v"), np.zeros((1, 2)), n, 1e3, x, theta, y, np.exp(x[:, 0]), x
    )
    settings = {"hidden_layers": (8,), "activation": "tanh", "epochs": 2, "batch_size": 50}
    rates = {"learning_rate": 1e-3, "final_learning_rate": 1e-4, "alpha": 1.0}
    training = Training(**settings, **rates, early_stopping=0, n_members=2, n_folds=2, seed=1)  # type: ignore[arg-type]
    return fit(Learner(1, method, "parameterized", training), samples, samples, member)


def left(fitted: Fitted, folder: Path) -> Record:
    """Leaves what a training step leaves."""
    name = f"{fitted.model.method}_{fitted.model.description.member}"
    save(fitted.model, folder / "models" / name)
    example = dict(zip(("u", "v"), fitted.example.T.tolist(), strict=True))
    return Record(name, "training", model=Trained(f"models/{name}", example))


def test_another_process_finds_the_same_log_ratios(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path)
    client, experiment = store.open_store(tmp_path)
    members = [trained(member=number) for number in (0, 1)]
    records = [left(fitted, tmp_path) for fitted in members]
    run = client.create_run(experiment)
    begin = time.monotonic()
    log_record(client, run, records[0], tmp_path)
    assert time.monotonic() - begin < 5  # it takes 0.1 s, and MLflow is imported
    models = [
        replace(one.model, folder=str(tmp_path / one.model.folder)) for one in records if one.model
    ]
    both = log_model(client, run, "both", models)
    assert [register(client, run, both, "tüv's", "champion") for _ in "ab"] == ["1", "2"]
    events = pd.DataFrame(X, columns=["u", "v"])
    events.to_json(tmp_path / "events.json", double_precision=15)
    points = np.repeat(THETAS[:1], len(X), axis=0)
    at = events.assign(a=points[:, 0], b=points[:, 1])
    at.to_json(tmp_path / "at.json", double_precision=15)
    np.savetxt(tmp_path / "theta.txt", THETAS)
    cases = {
        f"runs:/{run.info.run_id}/alices_0": members[0].model,
        "models:/tüv's@champion": Ensemble([one.model for one in members]),
    }
    environment = {**os.environ, store.URI: store.uri_of(tmp_path)}
    for uri, model in cases.items():
        command = [sys.executable, "-W", "ignore", "-c", OTHER_PROCESS, uri, str(tmp_path)]
        subprocess.run(command, check=True, cwd="/", env=environment)
        with np.load(tmp_path / "found.npz") as found:
            np.testing.assert_allclose(found["grid"], model.log_ratio(X, THETAS), atol=1e-6)
            np.testing.assert_allclose(found["at"], model.log_ratio_at(X, points), atol=1e-6)


def test_what_others_see_of_a_model(tmp_path: Path, empty_store: Path) -> None:
    import mlflow

    shutil.copy(empty_store, tmp_path)
    client, experiment = store.open_store(tmp_path)
    run = client.create_run(experiment)
    fitted = trained("sally")
    log_record(client, run, left(fitted, tmp_path), tmp_path)
    (logged,) = client.search_logged_models([experiment])
    assert (logged.name, logged.status, logged.source_run_id) == (
        "sally_0",
        "READY",
        run.info.run_id,
    )
    loaded = mlflow.pyfunc.load_model(logged.artifact_location)
    assert loaded.metadata.signature.inputs.input_names() == ["u", "v"]
    example = loaded.input_example
    np.testing.assert_allclose(example, fitted.example)
    np.testing.assert_allclose(loaded.predict(example), fitted.model.score(fitted.example))
    written = Path(logged.artifact_location)
    assert "madminer-workflow-ml==" in (written / "requirements.txt").read_text()
    assert not list(written.rglob("*.pkl"))
    assert json.loads((written / "data/models/0000/model.json").read_text())["method"] == "sally"


def test_a_point_is_needed() -> None:
    predictor = Predictor(trained().model)
    events = pd.DataFrame(X, columns=["u", "v"])
    for params in (None, {"theta": []}, {"theta": [1.0, 2.0, 3.0]}):
        with pytest.raises(ValueError, match=r"theta: \d numbers, expected points of a, b"):
            predictor.predict(events, params)
    assert predictor.predict(events, {"theta": THETAS.ravel()}).shape == (300, 4)
    given = events.assign(a=0.0, b=0.0)
    assert predictor.predict(given, {"theta": THETAS.ravel()}).shape == (300, 4)


@pytest.mark.parametrize("name", ["u", "a"])  # of a parameter, and maybe of an observable too
def test_an_example_can_be_tried(name: str) -> None:
    described = {"kind": "ratio", "parameters": [name], "observables": ["u", "v"]}
    found = _input(described | {"theta_ref": [[0.5]]}, pd.DataFrame({"u": [1.0], "v": [2.0]}))
    if name == "a":
        assert isinstance(found, pd.DataFrame)
        assert found.to_dict("list") == {"u": [1.0], "v": [2.0], "a": [0.5]}
    else:
        assert isinstance(found, tuple)
        assert found[1] == {"theta": [0.5]}
