from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.estimators.history import EpochRecord
from madminer_workflow.tracking import store
from madminer_workflow.tracking.gather import studies
from madminer_workflow.tracking.log import Record
from madminer_workflow.tuning import follow as module
from madminer_workflow.tuning.follow import follow, log
from madminer_workflow.tuning.locks import locked
from madminer_workflow.tuning.records import IN_USE, Diary, leave
from madminer_workflow.tuning.study import Attempt, trial_folder, trial_lock

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of MLflow and its many packages
]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    store.open_store(folder)
    return folder / store.FILE


class Told:
    """A study of which the test says what it does."""

    def __init__(self, output_dir: Path) -> None:
        self.output_dir, self.folder = output_dir, output_dir / "tuning" / "sally"
        self.tell("running", 0.0)

    def tell(self, state: str, best: float) -> None:
        tags, metrics = {"state": state, "method": "sally"}, {"cross_entropy": best}
        leave(
            self.folder,
            Record("tuning sally", "study", {"sampler": "tpe"}, tags, metrics, time=90, started=50),
        )

    def begin(self, number: int) -> Diary:
        record = Record(f"trial {number}", "trial", {"training.epochs": 3})
        return Diary(trial_folder(self.folder, number), record)

    def log(self) -> int:
        return log(self.output_dir, self.folder)

    def runs(self) -> dict[str, Any]:
        client, experiment = store.open_store(self.output_dir)
        found = client.search_runs([experiment])
        assert len({run.info.run_name for run in found}) == len(found)
        return {" ".join(run.info.run_name.split()[-2:]): run for run in found}

    def states(self) -> dict[str, str]:
        return {name: run.info.status for name, run in self.runs().items()}


@pytest.fixture
def study(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    for name, value in {**store.QUIET, store.URI: ""}.items():
        monkeypatch.setenv(name, value)
    shutil.copy(empty_store, tmp_path)
    return Told(tmp_path)


def epoch(number: int) -> EpochRecord:
    return EpochRecord(number, 3, 0.7, 0.6 / number, 0.01, 1.5, 2.0)


def test_trials_are_logged_as_they_end_and_once(study: Told) -> None:
    with locked(study.folder / IN_USE, shared=True):
        done, _, _ = (study.begin(number) for number in range(3))
        with locked(trial_lock(study.folder, 3)):
            lost = study.begin(3)
            for number in (1, 2, 3):
                done.note(0, epoch(number))
            done.note(1, epoch(1))
            lost.note(0, epoch(1))
            done.end(Attempt(0, "complete", objective=0.69, seconds=6.0), "cross_entropy")
            assert study.log() == 1 + 2  # those without a lock were killed
            assert study.states() == {
                "tuning sally": "RUNNING",
                "trial 0": "FINISHED",
                "trial 1": "KILLED",
                "trial 2": "KILLED",
            }
        assert study.log() == 1
    assert study.states()["tuning sally"] == "RUNNING"
    assert study.log() == 0
    assert study.states()["tuning sally"] == "KILLED"
    runs = study.runs()
    assert runs["trial 0"].data.metrics["cross_entropy"] == 0.69
    assert runs["trial 0"].data.metrics["train_loss/2"] == 0.7
    assert runs["trial 0"].data.params == {"training.epochs": "3"}
    client, experiment = store.open_store(study.output_dir)
    losses = client.get_metric_history(runs["trial 0"].info.run_id, "validation_loss")
    assert {one.step: one.value for one in losses} == {1: 0.6, 2: 0.3, 3: 0.6 / 3}
    assert runs["trial 3"].data.metrics["validation_loss"] == 0.6
    assert (runs["trial 3"].info.status, runs["trial 3"].data.tags["state"]) == ("KILLED", "killed")
    assert [run.info.run_id for run in studies(client, experiment)] == [
        runs["trial 0"].data.tags["mlflow.parentRunId"]
    ]


def test_a_study_goes_on_in_its_run(study: Told) -> None:
    study.log()
    assert study.runs() == {}  # nothing has begun
    with locked(study.folder / IN_USE, shared=True), locked(trial_lock(study.folder, 0)):
        study.begin(0)
        study.log()
    study.log()
    assert study.states() == {"tuning sally": "KILLED", "trial 0": "KILLED"}
    with locked(study.folder / IN_USE, shared=True), locked(trial_lock(study.folder, 1)):
        diary = study.begin(1)
        study.log()
        assert study.states() == {"tuning sally": "RUNNING", "trial 0": "KILLED"}
        diary.end(Attempt(1, "pruned"), "cross_entropy")
        study.begin(2).end(Attempt(2, "failed", reason="it diverges"), "cross_entropy")
    study.tell("complete", 0.68)
    assert study.log() == 2
    runs = study.runs()
    assert study.states() == {
        "tuning sally": "FINISHED",
        "trial 0": "KILLED",
        "trial 1": "FINISHED",
        "trial 2": "FAILED",
    }
    assert runs["trial 1"].data.tags["state"] == "pruned"
    assert runs["trial 2"].data.tags["error"] == "it diverges"
    assert runs["tuning sally"].data.metrics == {"cross_entropy": 0.68}
    assert runs["tuning sally"].data.params == {"sampler": "tpe"}
    assert study.log() == 0
    assert study.runs()["tuning sally"].info.end_time == runs["tuning sally"].info.end_time


def test_a_study_is_followed_to_its_end(study: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.nice", lambda _: None)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    looks = iter([False, True])
    monkeypatch.setattr(module, "input_ends", lambda _: next(looks))
    study.begin(0).end(Attempt(0, "complete", objective=0.6), "cross_entropy")
    study.tell("complete", 0.6)
    assert follow(study.output_dir, study.folder) is None
    assert study.states() == {"tuning sally": "FINISHED", "trial 0": "FINISHED"}
    looks = iter([True])
    monkeypatch.setattr(store, "open_store", lambda _: 1 / 0)
    said = follow(study.output_dir, study.folder)
    assert said is not None
    assert "ZeroDivisionError" in said
