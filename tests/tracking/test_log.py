import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from madminer_workflow.tracking import log
from madminer_workflow.tracking.log import log_step


def test_nothing_happens_outside_mlflow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.setattr(log, "_log", None)
    log_step(params={"a": 1}, metrics={"b": 2.0})
    assert capsys.readouterr() == ("", "")


def test_a_caller_that_logs_gets_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setenv(log.LOG_FILE, str(tmp_path / "log.json"))
    monkeypatch.setattr(log, "_log", lambda run, **record: seen.append((run, record)))
    log.log_file("a run")
    assert seen == []
    log_step(name="x", params={"a": 1}, history={"loss": [math.nan, 0.5]}, artifacts=[tmp_path])
    log.log_file("a run")
    ((run, record),) = seen
    assert (run, record["name"], record["params"], record["metrics"]) == (
        "a run",
        "x",
        {"a": "1"},
        {},
    )
    assert math.isnan(record["history"]["loss"][0])
    assert record["artifacts"] == [str(tmp_path)]


def test_a_store_that_fails_costs_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("database is locked\n(Background on this error …)")

    monkeypatch.setenv("MLFLOW_RUN_ID", "0")
    monkeypatch.setattr(log, "_log", fail)
    log_step(metrics={"b": 2.0})
    assert capsys.readouterr().err == (
        "warning: not logged to MLflow (OSError: database is locked)\n"
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of MLflow and its many packages
def test_a_step_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/my store.db")
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "ERROR")
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    experiment = client.create_experiment("training", artifact_location=str(tmp_path / "mlruns"))
    run = client.create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", run)
    (tmp_path / "figures").mkdir()
    for name in ("model.json", "figures/loss.png"):
        (tmp_path / name).write_text("content")
    log_step(
        name="alices_0",
        params={"hidden_layers": (100, 100), "alpha": 5.0},
        metrics={"best": 0.25},
        history={"loss": [1 / (1 + epoch) for epoch in range(1100)], "gradient": [math.nan, 1.0]},
        artifacts=[tmp_path / "model.json", tmp_path / "figures"],
    )
    data = client.get_run(run).data
    assert data.params == {"hidden_layers": "(100, 100)", "alpha": "5.0"}
    assert data.tags["mlflow.runName"] == "alices_0"
    assert data.metrics["best"] == 0.25
    history = {point.step: point.value for point in client.get_metric_history(run, "loss")}
    assert history == {epoch: 1 / (1 + epoch) for epoch in range(1100)}
    assert [point.step for point in client.get_metric_history(run, "gradient")] == [0, 1]
    assert {file.path for file in client.list_artifacts(run)} == {"model.json", "figures"}
    assert [file.path for file in client.list_artifacts(run, "figures")] == ["figures/loss.png"]


def test_metrics_go_in_batches_that_mlflow_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[Mapping[str, Any]] = []

    class Client:
        def log_batch(self, _: str, **batch: Any) -> None:
            batches.append(batch)

    entities = SimpleNamespace(
        Metric=lambda *values: values, Param=lambda *pair: pair, RunTag=lambda *pair: pair
    )
    modules = {"mlflow.entities": entities, "mlflow.tracking": SimpleNamespace(MlflowClient=Client)}
    for name, module in {"mlflow": SimpleNamespace(), **modules}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("MLFLOW_RUN_ID", "7")
    log_step(params={"a": 1}, metrics={"b": 2.0}, history={"loss": [0.5] * 2000})
    assert [len(batch["metrics"]) for batch in batches] == [1000, 1000, 1]
    assert batches[0]["params"] == [("a", "1")]
    assert [point[3] for batch in batches for point in batch["metrics"]][1:] == list(range(2000))
