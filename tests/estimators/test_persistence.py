from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.estimators import fit, load, save
from madminer_workflow.estimators.network_model import NetworkModel

CASES = [
    ("alices", "parameterized"),
    ("carl", "quadratic"),
    ("sally", "parameterized"),
    ("scandal", "parameterized"),
]


@pytest.fixture
def train(gaussian: Any, make_samples: Any, make_learner: Any) -> Callable[..., NetworkModel]:
    def trained(name: str, estimator: str = "parameterized") -> NetworkModel:
        samples = make_samples(gaussian(2), name, 500)
        learner = make_learner(name, estimator, epochs=1, activation="silu", hidden_layers=(8, 4))
        return fit(learner, samples, samples, member=2).model

    return trained


@pytest.mark.parametrize(("name", "estimator"), CASES)
def test_a_model_survives_its_files(
    train: Callable[..., NetworkModel], tmp_path: Path, name: str, estimator: str
) -> None:
    trained = train(name, estimator)
    save(trained, tmp_path)
    loaded = load(tmp_path)
    assert type(loaded) is type(trained)
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "weights.pt"}
    x, thetas = np.random.default_rng(1).normal(size=(20, 2)), np.array([[0.1, 0.2], [-1.0, 1.0]])
    if loaded.kind == "score":
        np.testing.assert_array_equal(loaded.score(x), trained.score(x))
    else:
        np.testing.assert_array_equal(loaded.log_ratio(x, thetas), trained.log_ratio(x, thetas))


def test_the_record_says_what_the_model_is(
    train: Callable[..., NetworkModel], tmp_path: Path
) -> None:
    save(train("alices"), tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    expected = {
        "kind": "ratio",
        "method": "alices",
        "estimator": "parameterized",
        "member": 2,
        "seed": 7,
        "parameters": ["a", "b"],
        "observables": ["u", "v"],
        "inputs": ["u", "v"],
        "theta_ref": [[0, 0]],
        "n_train": 500,
        "n_validation": 500,
    }
    assert {name: record[name] for name in expected} == expected
    assert record["training"]["hidden_layers"] == [8, 4]


def change(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "model.json: cannot be read": lambda folder: (folder / "model.json").unlink(),
    "model.json: not a JSON file": lambda folder: (folder / "model.json").write_text("{"),
    "model.json: not the description of a model": (
        lambda folder: (folder / "model.json").write_text('{"kind": "ratio"}')
    ),
    "not the description of a model$": lambda folder: (folder / "model.json").write_text("[]"),
    "of a model .*routine": lambda folder: change(folder, method="magic"),
    "of a model .*unexpected": lambda folder: change(folder, magic=1),
    "weights.pt: cannot be read": lambda folder: (folder / "weights.pt").unlink(),
    "weights.pt: not a file of network weights": (
        lambda folder: (folder / "weights.pt").write_bytes(b"PK")
    ),
    "weights.pt: not the weights of the network": (lambda folder: change(folder, inputs=["u"])),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_damaged_files_are_input_errors(
    train: Callable[..., NetworkModel], tmp_path: Path, message: str
) -> None:
    save(train("alices"), tmp_path)
    DAMAGES[message](tmp_path)
    with pytest.raises(InputError, match=message) as raised:
        load(tmp_path)
    assert "\n" not in str(raised.value)
