"""The method that learns from all events, each of which another member evaluates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Ensemble
from madminer_workflow.estimators import load as load_model
from madminer_workflow.events import Events
from madminer_workflow.sampling import Samples
from madminer_workflow.statistics import grid
from madminer_workflow.steps import train as train_module
from madminer_workflow.steps.combine import combine_members, read_members
from madminer_workflow.steps.evaluate import evaluate_file, held_out
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import train

Make = Callable[..., Any]
Rows = set[bytes]

QUICK = {"hidden_layers": [8], "epochs": 1, "batch_size": 100, "n_members": 3}


@dataclass(frozen=True)
class Run:
    """A run of one method, and which samples each member learned from and validated on."""

    folder: Path
    configuration: Configuration
    events: Events
    learned: list[Rows]
    validated: list[Rows]


def rows(x: np.ndarray) -> Rows:
    return {row.tobytes() for row in x}


def run_all(events: Events, folder: Path, patch: pytest.MonkeyPatch, **training: Any) -> Run:
    """Samples, trains and evaluates all members."""
    document = {
        "methods": ["quadratic"],
        "training": training,
        "asymptotic_limits": {"resolutions": 5},
    }
    (folder / "input.json").write_text(json.dumps(document))
    configuration = load(folder / "input.json", events.header, {"luminosity": 1000})
    made, fit = Run(folder, configuration, events, [], []), train_module.fit

    def record(learner: Any, train: Samples, validation: Samples, *rest: Any) -> Any:
        made.learned.append(rows(train.x))
        made.validated.append(rows(validation.x))
        return fit(learner, train, validation, *rest)

    patch.setattr(train_module, "fit", record)
    sample(configuration, events, folder)
    learner = load_learner(folder / "input.json", "quadratic")
    for member in range(configuration.methods[0].training.n_members):
        _, model = train(learner, folder / "samples/quadratic", member, folder, lambda _: None)
        evaluate_file(configuration, model, events, folder)
    return made


@pytest.fixture
def run(toy: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return run_all(toy(2), tmp_path, monkeypatch, **QUICK)


def models(run: Run) -> list[Any]:
    return [load_model(path) for path in sorted((run.folder / "models").iterdir())]


def test_each_member_evaluates_the_events_that_it_has_not_seen(run: Run) -> None:
    assert [path.name for path in (run.folder / "samples/quadratic").glob("*.npz")] == ["train.npz"]
    everything = rows(run.events.x)
    for model, learned, validated in zip(models(run), run.learned, run.validated, strict=True):
        (part,) = held_out(run.configuration, model, run.events)
        assert rows(part.events.x) == validated == everything - learned


def test_all_members_together_evaluate_each_event_once(run: Run) -> None:
    parts = held_out(run.configuration, Ensemble(models(run)), run.events)
    assert [len(part.events) for part in parts] == [334, 333, 333]
    assert set.union(*(rows(part.events.x) for part in parts)) == rows(run.events.x)
    combination = combine_members(
        run.configuration, run.events, read_members(sorted((run.folder / "results").iterdir()))
    )
    assert combination.evaluations["quadratic"].n_events == 1000
    limit = combination.limits["quadratic"]
    assert limit.q_full_corrected is not None
    assert limit.replicas_full_corrected is not None
    assert np.isfinite(limit.q_full_corrected).all()
    assert limit.replicas_full_corrected.shape == (24, 25)


def test_there_are_as_many_members_as_folds(run: Run) -> None:
    learner = load_learner(run.folder / "input.json", "quadratic")
    with pytest.raises(InputError, match=r"^member: 3, allowed: 0 to 2, one a fold$"):
        train(learner, run.folder / "samples/quadratic", 3, run.folder, lambda _: None)


def relative_error(run: Run, truth: Make) -> float:
    """Returns the error of held-out log ratios over their spread, under the reference density."""
    limits, header = run.configuration.limits, run.events.header
    thetas = grid.points(grid.axes(limits.region, (5, 5)))
    error = spread = 0.0
    for part in held_out(run.configuration, Ensemble(models(run)), run.events):
        x, weights = part.events.x, part.events.weights_at(part.model.theta_ref)
        exact = truth(header, "quadratic").exact_log_ratio(x, thetas)
        error += float((weights * (part.model.log_ratio(x, thetas) - exact) ** 2).sum())
        spread += float((weights * exact**2).sum())
    return float(np.sqrt(error / spread))


@pytest.mark.slow
def test_the_exact_ratio_is_approached(
    drell_yan: Make,
    truth: Make,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events, errors = drell_yan("dy2"), []
    for n in (5000, 30_000):
        folder = tmp_path_factory.mktemp("run")
        with monkeypatch.context() as patch:
            run = run_all(events.take(np.arange(n)), folder, patch)
        errors.append(relative_error(run, truth))
    assert errors[1] < 0.5
    assert errors[1] < 0.7 * errors[0]
