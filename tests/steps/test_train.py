from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.model import Learner
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import METHODS, EpochRecord
from madminer_workflow.estimators import load as load_model
from madminer_workflow.events import read_events, read_header
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import method_of, train

SETTINGS = {
    "methods": list(METHODS),
    "samples": {"train": 400, "validation": 100, "test": 10, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 3, "batch_size": 100, "early_stopping": 0},
}


def ignore(_: EpochRecord) -> None:
    """Does nothing with the epochs."""


@pytest.fixture(scope="module", params=[1, 2, 3])
def run(
    request: pytest.FixtureRequest,
    make_event_file: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("run")
    path = make_event_file(folder / "events.h5", n_parameters=request.param, n_events=2000)
    (folder / "input.json").write_text(json.dumps(SETTINGS))
    header = read_header(path)
    sample(load(folder / "input.json", header), read_events(header), folder)
    return folder, request.param


def learner(folder: Path, name: str, **overrides: Any) -> Learner:
    return load_learner(folder / "input.json", name, overrides)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_goes_from_samples_to_a_model(
    run: tuple[Path, int], tmp_path: Path, name: str
) -> None:
    folder, n_parameters = run
    fitted, target = train(learner(folder, name), folder / "samples" / name, 1, tmp_path, ignore)
    assert target == tmp_path / "models" / f"{name}_1"
    assert {path.name for path in target.iterdir()} == {"model.json", "weights.pt", "history.json"}
    model, x = load_model(target), np.array([[1.0, 0.5], [2.0, -0.5]])
    assert (model.method, model.description.member) == (name, 1)
    if model.kind == "score":
        assert np.isfinite(model.score(x)).all()
    else:
        assert np.isfinite(model.log_ratio(x, np.eye(n_parameters))).all()
    history = json.loads((target / "history.json").read_text())
    assert len(history["train_loss"]) == 3
    assert history["best_validation_loss"] == fitted.history.validation_loss.min()


def test_the_method_is_the_one_that_the_samples_were_drawn_for(
    run: tuple[Path, int], tmp_path: Path
) -> None:
    assert method_of(run[0] / "samples" / "rascal") == "rascal"
    with pytest.raises(InputError, match=r"samples.json: cannot be read"):
        method_of(tmp_path)
    (tmp_path / "samples.json").write_text("[]")
    with pytest.raises(InputError, match=r"samples.json: names no method"):
        method_of(tmp_path)


def test_a_failure_leaves_the_older_model_and_nothing_half_written(
    run: tuple[Path, int], tmp_path: Path
) -> None:
    folder = run[0]
    _, target = train(learner(folder, "carl"), folder / "samples/carl", 0, tmp_path, ignore)
    before = (target / "history.json").read_bytes()
    broken = learner(folder, "carl", learning_rate=1e30, final_learning_rate=1e30)
    with pytest.raises(RuntimeError, match="carl: the loss is not a finite number in epoch"):
        train(broken, folder / "samples/carl", 0, tmp_path, ignore)
    assert (target / "history.json").read_bytes() == before
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["carl_0"]
