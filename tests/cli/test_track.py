from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli
from madminer_workflow.engine import journal
from madminer_workflow.engine.folder import MARKER
from madminer_workflow.storage import write_json
from madminer_workflow.tracking import follow, store


def track(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["track", "--output_dir", str(folder), *words])


def test_what_cannot_be_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise OSError("database is locked")

    assert track(tmp_path / "missing").exit_code == 2
    assert "has no tracking.json of a step" in track(tmp_path).stderr
    (tmp_path / MARKER).touch()
    record = {"started": 1.0, "written": 2.0, "complete": True, "steps": []}
    write_json(tmp_path / "_yadage" / "state.json", record)
    monkeypatch.setattr(store, "open_store", fail)
    result = track(tmp_path)
    assert result.exit_code == 1
    assert "database is locked; no result is lost, `make track" in result.stderr
    monkeypatch.setattr(journal, "is_claimed", lambda _: True)
    assert "goes on, and is logged as it does" in track(tmp_path).stderr


def test_a_run_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(follow, "follow", lambda *words: seen.append(words) or "it is down")
    assert track(tmp_path, "--follow", "12.5").stdout == "warning: it is down\n"
    assert seen == [(tmp_path, 12.5)]
