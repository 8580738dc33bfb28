import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.tracking import log, runs
from madminer_workflow.tracking.log import Dataset, Record, log_step


def test_nothing_happens_outside_mlflow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in (log.RECORD_FILE, "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    log_step("a", "b", params={"a": 1}, metrics={"b": 2.0})
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_a_step_leaves_what_it_has_to_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, events: Dataset
) -> None:
    monkeypatch.setenv(log.RECORD_FILE, str(tmp_path / "step" / "tracking.json"))
    (tmp_path / "figures").mkdir()
    log_step(
        "alices_0",
        "training",
        params={"layers": (8, 8)},
        history={"loss": [0.5, float("nan")]},
        seconds=[1.0, 2.0],
        artifacts=[tmp_path / "figures", tmp_path / "missing"],
        tags={"method": "alices"},
        dataset=events,
    )
    record = Record.read(tmp_path / "step" / "tracking.json")
    assert (record.name, record.stage, record.dataset) == ("alices_0", "training", events)
    assert record.params == {"layers": [8, 8]}
    assert record.history == {"loss": [0.5, None]}
    assert record.artifacts == ["../figures"]
    assert {"method", "version", "commit", "dirty"} == set(record.tags)
    assert record.time > 0


@pytest.mark.parametrize("text", ["{}", "[]", "text", '{"name": "a", "dataset": null, "x": 1}'])
def test_what_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "tracking.json").write_text(text)
    with pytest.raises(InputError, match=r"tracking\.json: not "):
        Record.read(tmp_path / "tracking.json")


def test_the_checksum_of_events(tmp_path: Path) -> None:
    (tmp_path / "events.h5").write_bytes(b"events")
    found = Dataset.of(tmp_path / "events.h5")
    assert (found.name, found.source) == ("events.h5", f"{tmp_path}/events.h5")
    assert found.sha256 == hashlib.sha256(b"events").hexdigest()


def test_a_step_that_mlflow_has_started_logs_itself_if_it_can(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError("database is locked\n(Background on this error …)")

    monkeypatch.delenv(log.RECORD_FILE, raising=False)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0")
    client = SimpleNamespace(get_run=lambda run: run)
    monkeypatch.setattr("madminer_workflow.tracking.store.client", lambda _: client)
    seen: list[object] = []
    monkeypatch.setattr(runs, "log_record", lambda *words: seen.append(words))
    log_step("a", "b")
    assert seen[0][:2] == (client, "0")  # type: ignore[index]
    monkeypatch.setattr(runs, "log_record", fail)
    log_step("a", "b")
    assert capsys.readouterr().err == (
        "warning: not logged to MLflow (OSError: database is locked)\n"
    )


def test_records_are_plain_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, log.RECORD_FILE, str(tmp_path / "tracking.json"))
    log_step("a", "b")
    content = json.loads((tmp_path / "tracking.json").read_text())
    assert content.keys() == Record.__dataclass_fields__.keys()
