from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.configuration.tuning import Dimension, Tuning
from madminer_workflow.errors import InputError
from madminer_workflow.tuning.study import Attempt, Report, Study

SPACE = (Dimension("x", low=-1.0, high=1.0),)
TUNING = Tuning("alices", SPACE, "cross_entropy", "tpe", pruning=True)


def parabola(_: int, values: dict[str, Any], __: Report) -> float:
    return float(values["x"] ** 2)


def searched(folder: Path, n_trials: int, objective: Any = parabola, **changes: Any) -> Study:
    study = Study(folder, replace(TUNING, **changes), 1, {"events": "abc"})
    study.run(n_trials, objective, lambda _: None)
    return study


def test_a_study_goes_on_and_gives_what_one_without_interruption_gives(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole", 12)
    searched(tmp_path / "parts", 5)
    parts = searched(tmp_path / "parts", 12)
    assert [one.values for one in parts.attempts()] == [one.values for one in whole.attempts()]
    assert len(searched(tmp_path / "parts", 12).attempts()) == 12
    best = whole.best
    assert best is not None
    assert best.objective == min(one.objective or 9 for one in whole.attempts()) < 0.1


def test_a_failing_trial_is_recorded_and_counts(tmp_path: Path) -> None:
    def failing(number: int, values: dict[str, Any], report: Report) -> float:
        if number == 1:
            raise RuntimeError("the loss is\nnot finite")
        return parabola(number, values, report)

    attempts = searched(tmp_path, 3, failing).attempts()
    assert [one.state for one in attempts] == ["complete", "failed", "complete"]
    assert attempts[1].reason == "RuntimeError: the loss is not finite"
    assert attempts[1].objective is None


def test_a_trial_that_is_worse_than_the_median_is_pruned(tmp_path: Path) -> None:
    def losing(number: int, values: dict[str, Any], report: Report) -> float:
        report(float(number), 1)
        return parabola(number, values, report)

    states = [one.state for one in searched(tmp_path / "on", 7, losing).attempts()]
    assert states == ["complete"] * 5 + ["pruned"] * 2
    kept = searched(tmp_path / "off", 7, losing, pruning=False).attempts()
    assert {one.state for one in kept} == {"complete"}


@pytest.mark.parametrize("name", ["tpe", "grid"])
def test_a_killed_trial_is_told_from_others_and_does_not_count(tmp_path: Path, name: Any) -> None:
    grid = Dimension("x", choices=(0.0, 0.5, 1.0, 2.0, 3.0))
    space = SPACE if name == "tpe" else (grid,)
    searched(tmp_path, 2, sampler=name, space=space)
    process = multiprocessing.get_context("fork").Process(
        target=searched, args=(tmp_path, 5, _die), kwargs={"sampler": name, "space": space}
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    attempts = searched(tmp_path, 5, sampler=name, space=space).attempts()
    assert [one.state for one in attempts].count("complete") == 5
    assert attempts[2].state == "killed"
    assert len(attempts) == 6
    if name == "grid":
        done = {one.values["x"] for one in attempts if one.state == "complete"}
        assert done == set(grid.choices)


def test_what_matters_is_told_by_enough_trials(tmp_path: Path) -> None:
    idle = Dimension("idle", choices=(1, 2))
    rare = Dimension("rare", low=0.0, high=1.0, when={"idle": [2]})
    few = searched(tmp_path, 5, space=(*SPACE, idle, rare), sampler="random")
    assert few.importances() is None
    shares = searched(tmp_path, 20, space=(*SPACE, idle, rare), sampler="random").importances()
    assert shares is not None
    assert list(shares) == ["x", "idle"]
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["x"] > 0.9


def test_a_process_waits_for_the_trials_of_others_and_replaces_lost_ones(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=searched, args=(tmp_path, 1, _die_later)
    )
    process.start()
    while not list(tmp_path.glob("trials/*/lock")):
        time.sleep(0.01)
    study = searched(tmp_path, 1)
    assert [one.state for one in study.attempts()] == ["killed", "complete"]
    process.join()


def _die_later(*_: Any) -> float:
    time.sleep(1.0)
    os._exit(9)


def _die(*_: Any) -> float:
    os._exit(9)


def test_processes_share_a_study_without_a_trial_too_many(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=searched, args=(tmp_path, 9)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    attempts: list[Attempt] = searched(tmp_path, 9).attempts()
    assert [one.state for one in attempts] == ["complete"] * 9


def test_a_study_of_something_else_is_refused(tmp_path: Path) -> None:
    searched(tmp_path, 1)
    with pytest.raises(InputError, match="has a study of other settings"):
        searched(tmp_path, 1, objective=parabola, space=(replace(SPACE[0], high=2.0),))
