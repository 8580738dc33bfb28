from __future__ import annotations

import hashlib
import itertools
import json
import math
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine.journal import Entry, Report
from madminer_workflow.errors import InputError
from madminer_workflow.tracking import store
from madminer_workflow.tracking.gather import Gatherer, flows, found
from madminer_workflow.tracking.log import Dataset, Record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of MLflow and its many packages
]

START = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
EARLY = "01-02 03:04 my results"
NAME = f"{EARLY} alices"
CURVE = [1 / (1 + epoch) for epoch in range(1100)]
ALL = {"configuration": "done", "sampling": "done", "training_alices_3": "done", "plotting": "done"}


@dataclass
class Flow:
    """A run in a folder, of which the test says what it has done."""

    folder: Path
    runs: int = 0

    def left(self, name: str, stage: str, **content: Any) -> Path:
        """Leaves the record of a step."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        record = Record(name, stage, time=START.timestamp() + 60, **content)
        (folder / "tracking.json").write_text(json.dumps(asdict(record)))
        return folder

    def report(self, state: str = "done", number: int = 0, **states: str) -> Report:
        """Gives what the run has noted; names of steps are `stage_name`."""
        begin = START + timedelta(hours=number)
        entries = [
            Entry(
                label=name.replace("_", " ", 1),
                stage=name.partition("_")[0],
                words={"method": "alices", "member": 3},
                folder=self.folder / name,
                needs=(),
                state=step,
                started=begin + timedelta(seconds=10),
                ended=begin + timedelta(seconds=30),
                reason="it diverges" if step == "failed" else None,
            )
            for name, step in states.items()
        ]
        return Report(state, begin, begin + timedelta(minutes=1), True, tuple(entries))

    def gather(self, report: Report) -> int:
        """Logs what is new, as a process of its own would."""
        return Gatherer(*store.open_store(self.folder), self.folder).gather(report)

    def found(self) -> dict[str, Any]:
        """Gives the runs of the store by their names."""
        client, experiment = store.open_store(self.folder)
        runs = client.search_runs([experiment], max_results=1000)
        return {run.info.run_name: run for run in runs}


@pytest.fixture
def flow(tmp_path: Path, empty_store: Path) -> Flow:
    folder = tmp_path / "my results"
    folder.mkdir()
    shutil.copy(empty_store, folder)
    return Flow(folder)


@pytest.fixture
def finished(flow: Flow, events: Dataset) -> Flow:
    """A run with what its steps have left; the configuration leaves nothing."""
    (flow.folder / "configuration").mkdir()
    flow.left("sampling", "sampling", params={"seed": 1}, tags={"preset": "dy2"}, dataset=events)
    words = {"method": "alices", "member": 3}
    training = flow.left(
        "training_alices_3",
        "training",
        params={"seed": 1, "training.epochs": 1100, "training.hidden_layers": [8, 8], **words},
        tags={"version": "1.2.3", "commit": "abc", "dirty": True, **words},
        metrics={"best": 0.25, "unknown": None},
        history={"loss": CURVE, "gradient": [math.nan, None, 1.0]},
        seconds=[2.0] * 1100,
        dataset=Dataset(events.name, events.sha256),
    )
    record = {"ingredients": {}, "outputs": {}, "published": {}}
    made = {"started": "2026-01-02T03:05:00+00:00", "ended": "2026-01-02T03:05:30+00:00"}
    usage = {"cpu_seconds": 12.5, "peak_memory_mb": 300.0}
    (training / "run.json").write_text(json.dumps({**record, "provenance": made | usage}))
    plotting = flow.left(
        "plotting",
        "plotting",
        metrics={"area_95/alices": 4.5},
        artifacts=["results.json", "figures"],
    )
    (plotting / "figures").mkdir()
    for name in ("results.json", "figures/limits.png"):
        (plotting / name).write_text("content")
    return flow


def test_a_flow_that_mlflow_has_started_is_its_run(
    finished: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, own = store.open_store(finished.folder)
    given = client.create_experiment("mine", str(finished.folder / "mine"))
    tags = {"mlflow.project.entryPoint": "main", "mlflow.parentRunId": "of somebody"}
    run = client.create_run(given, tags=tags, run_name="sassy-fox-1")
    client.log_param(run.info.run_id, "method", "auto")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    for _ in range(2):  # as it goes on, and when it has ended
        finished.gather(finished.report("running", **ALL))
    finished.gather(finished.report(**ALL))
    runs = {run.info.run_name: run for run in client.search_runs([own, given])}
    assert set(runs) == {NAME, "sampling", "training alices_3", "plotting"}
    flow, training = runs[NAME], runs["training alices_3"]
    assert (flow.info.run_id, flow.info.status) == (run.info.run_id, "FINISHED")
    assert training.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert flow.data.params["resolved.method"] == "alices"
    assert {one.info.experiment_id for one in runs.values()} == {given}
    monkeypatch.delenv("MLFLOW_RUN_ID")


def test_a_flow_and_its_steps(finished: Flow) -> None:
    assert finished.gather(finished.report(**ALL)) == 3
    runs = finished.found()
    assert set(runs) == {NAME, "sampling", "training alices_3", "plotting"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    parent, training = runs[NAME], runs["training alices_3"]
    children = [run for name, run in runs.items() if name != NAME]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert training.info.start_time == 1000 * (START.timestamp() + 60)
    assert training.info.end_time == 1000 * (START.timestamp() + 90)
    assert parent.info.end_time == 1000 * (START.timestamp() + 60)
    shared = {"preset": "dy2", "data": "0123456789abcdef", "version": "1.2.3", "dirty": "true"}
    for run in (parent, training):
        assert shared.items() <= run.data.tags.items()
        assert run.data.tags["mlflow.source.git.commit"] == "abc"
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, used.dataset.digest) == ("events.h5", "0123456789abcdef")
    assert training.data.tags["member"] == "3"
    assert training.data.params["training.hidden_layers"] == "8, 8"
    assert training.data.metrics["system/cpu_seconds"] == 12.5
    assert parent.data.params["training.epochs"] == "1100"
    assert parent.data.params["method"] == "alices"
    assert "member" not in parent.data.params
    assert parent.data.metrics == {"area_95/alices": 4.5}


def test_every_epoch_has_its_time(finished: Flow) -> None:
    finished.gather(finished.report(**ALL))
    client, _ = store.open_store(finished.folder)
    run = finished.found()["training alices_3"].info.run_id
    points = client.get_metric_history(run, "loss")
    assert {point.step: point.value for point in points} == dict(enumerate(CURVE, 1))
    times = [point.timestamp for point in sorted(points, key=lambda one: one.step)]
    assert {after - before for before, after in itertools.pairwise(times)} == {2000}
    assert [one.step for one in client.get_metric_history(run, "gradient")] == [1, 3]
    assert client.get_run(run).data.metrics.keys() >= {"best", "loss"}


def test_figures_are_shown(finished: Flow) -> None:
    finished.gather(finished.report(**ALL))
    client, _ = store.open_store(finished.folder)
    run = finished.found()["plotting"].info.run_id
    assert {file.path for file in client.list_artifacts(run)} == {"results.json", "figures"}
    assert [file.path for file in client.list_artifacts(run, "figures")] == ["figures/limits.png"]


def test_nothing_is_logged_twice(finished: Flow) -> None:
    states = dict(ALL)
    finished.gather(finished.report(**states))
    assert finished.gather(finished.report(**states)) == 0
    kept = dict.fromkeys(states, "kept")
    assert finished.gather(finished.report(number=1, **kept)) == 0
    assert len(finished.found()) == 4
    moved = finished.folder.rename(finished.folder.with_name("moved"))
    other = Flow(moved)
    assert other.gather(other.report(number=2, **kept)) == 0
    assert other.gather(other.report(number=3, **{**kept, "plotting": "failed"})) == 1
    assert other.found()["01-02 06:04 moved alices"].data.tags["steps.kept"] == "3"


def test_a_store_that_was_down_gets_what_is_missing(finished: Flow) -> None:
    running = finished.report("running", sampling="done", training_alices_3="running")
    assert finished.gather(running) == 1
    client, experiment = store.open_store(finished.folder)
    identity = json.loads((finished.folder / "_yadage" / "mlflow.json").read_text())["folder"]
    tags = {"madminer.folder": identity, "mlflow.parentRunId": "x"}
    record = (finished.folder / "training_alices_3" / "tracking.json").read_bytes()
    tags["madminer.key"] = hashlib.sha256(record).hexdigest()
    client.create_run(experiment, tags=tags, run_name="half of it")
    assert finished.gather(finished.report(**ALL)) == 2
    runs = finished.found()
    assert "half of it" not in runs
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(runs) == 4


def test_failed_and_interrupted_steps(finished: Flow) -> None:
    log = finished.folder / "training_sally_0" / "_packtivity" / "training.run.log"
    log.parent.mkdir(parents=True)
    log.write_text("it diverges")
    states = {"sampling": "done", "training_alices_3": "interrupted", "training_sally_0": "failed"}
    assert finished.gather(finished.report("failed", plotting="waiting", **states)) == 3
    runs = finished.found()
    assert runs["training alices_3"].info.status == "KILLED"
    failed, parent = runs["training sally_0"], runs[EARLY]
    assert (failed.info.status, failed.data.tags["error"]) == ("FAILED", "it diverges")
    assert parent.info.status == "FAILED"
    assert parent.data.tags["error"] == "training sally_0: it diverges"
    client, _ = store.open_store(finished.folder)
    assert client.list_artifacts(failed.info.run_id)[0].path == "training.run.log"


def test_a_flow_that_was_killed_is_not_left_running(finished: Flow) -> None:
    finished.gather(finished.report("running", sampling="done", training_alices_3="running"))
    assert finished.found()[EARLY].info.status == "RUNNING"
    gatherer = Gatherer(*store.open_store(finished.folder), finished.folder)
    gatherer.gather(finished.report("running", number=1, sampling="kept", plotting="waiting"))
    assert finished.found()[EARLY].info.status == "KILLED"
    finished.gather(finished.report("done", number=1, **ALL))
    client, experiment = store.open_store(finished.folder)
    assert [run.info.status for run in flows(client, experiment)] == ["FINISHED", "KILLED"]


def test_a_folder_from_a_cluster(finished: Flow) -> None:
    for path in finished.folder.glob("*/run.json"):
        path.unlink()
    (finished.folder / "training_alices_3").rename(finished.folder / "members_0")
    report = found(finished.folder)
    assert (report.state, [entry.stage for entry in report.steps]) == (
        "done",
        ["training", "plotting", "sampling"],
    )
    assert finished.gather(report) == 3
    assert finished.gather(found(finished.folder)) == 0
    with pytest.raises(InputError, match=r"has no tracking\.json of a step"):
        found(finished.folder / "members_0")


def test_two_hundred_members(flow: Flow) -> None:
    names = {f"training_alices_{number}": "done" for number in range(200)}
    for name in names:
        flow.left(name, "training", params={"a": 1}, metrics={"b": 2}, history={"c": [0.5] * 20})
    begin = time.monotonic()
    assert flow.gather(flow.report(**names)) == 200
    assert time.monotonic() - begin < 60
    runs = flow.found()
    assert len(runs) == 201
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert flow.gather(flow.report(**names)) == 0


def test_the_folder_is_not_written_to_by_looking(flow: Flow) -> None:
    before = sorted(path.name for path in flow.folder.iterdir())
    assert flows(*store.open_existing(flow.folder)) == []
    assert sorted(path.name for path in flow.folder.iterdir()) == before == [store.FILE]
    assert isinstance(flow.folder, Path)
