from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli
from madminer_workflow.tracking import gather, store

START = 1000 * datetime(2026, 1, 2, 3, 4).timestamp()
METRICS = {
    "area_95/alices": 12.345678,
    "area_95/all_with_a_long_name/b": 1.2e-9,
    "iou_95/alices": 0.98765,
    "cross_entropy/alices": 0.6931472,
    "area_95_kinematics/alices": 20.0,
}


def flow(status: str, **metrics: float) -> SimpleNamespace:
    info = SimpleNamespace(start_time=START, status=status, run_name="a run")
    tags = {"folder": "a folder with a long name"}
    return SimpleNamespace(info=info, data=SimpleNamespace(metrics=metrics, params={}, tags=tags))


def runs(folder: Path) -> Result:
    return CliRunner().invoke(cli, ["runs", "--output_dir", str(folder)])


def test_flows_and_their_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows = [flow("FINISHED", **METRICS), flow("KILLED")]
    monkeypatch.setattr(store, "open_existing", lambda _: ("client", "experiment"))
    monkeypatch.setattr(gather, "flows", lambda *_: flows)
    monkeypatch.setattr(gather, "studies", lambda *_: [])
    result = runs(tmp_path)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "flow        started      state     method              entropy  95 % area  IoU",
        "a folder w  01-02 03:04  finished  alices              0.69315  12.35      0.988",
        "                                   with_a_long_name/b           1.2e-09",
        "a folder w  01-02 03:04  killed",
    ]
    assert result.stderr.endswith(f"2 flows in sqlite:///{tmp_path}/mlflow.db\n")


def test_searches_for_better_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = {"trials/complete": 7.0, "trials/pruned": 1.0, "cross_entropy": 0.69310074}
    search, going_on = flow("FINISHED", **metrics), flow("RUNNING")
    for one, method in ((search, "quadratic"), (going_on, "alices")):
        one.data.tags |= {"method": method, "objective": "cross_entropy"}
    search.data.tags["gain"] = "better"
    monkeypatch.setattr(store, "open_existing", lambda _: ("client", "experiment"))
    monkeypatch.setattr(gather, "flows", lambda *_: [])
    monkeypatch.setattr(gather, "studies", lambda *_: [search, going_on])
    result = runs(tmp_path)
    assert result.stdout.splitlines() == [
        "study      started      state     trials  objective      best       gain",
        "quadratic  01-02 03:04  finished  8       cross_entropy  0.6931007  better",
        "alices     01-02 03:04  running           cross_entropy",
    ]
    assert result.stderr.endswith(f"0 flows and 2 studies in sqlite:///{tmp_path}/mlflow.db\n")


def test_a_store_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise OSError("error code 401")

    assert "has no mlflow.db, expected the folder of a run" in runs(tmp_path).stderr
    monkeypatch.setenv(store.URI, "http://me:secret@host")
    monkeypatch.setattr(store, "open_store", fail)
    result = runs(tmp_path)
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: MLFLOW_TRACKING_URI: http://***@host cannot be used "
        "(the server refuses user and password)\n",
    )
