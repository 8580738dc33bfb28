from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine import journal
from madminer_workflow.engine.folder import MARKER, METADATA
from madminer_workflow.storage import write_json
from madminer_workflow.tracking import follow as module
from madminer_workflow.tracking import store
from madminer_workflow.tracking.follow import Follower, follow
from madminer_workflow.tracking.log import Record

pytestmark = pytest.mark.filterwarnings("ignore")  # those of MLflow and its many packages


class Output:
    """The folder of a run that notes what it does."""

    def __init__(self, folder: Path, empty_store: Path) -> None:
        self.folder = folder
        (folder / METADATA).mkdir()
        (folder / MARKER).touch()
        shutil.copy(empty_store, folder)

    def note(self, started: float, *, complete: bool = False, **states: str) -> None:
        steps = [
            {
                "label": name,
                "stage": name,
                "words": {},
                "folder": name,
                "needs": [],
                "state": state,
                "started": started,
                "ended": started + 1 if state in ("done", "failed") else None,
                "reason": None,
            }
            for name, state in states.items()
        ]
        record = {"started": started, "written": started + 2, "complete": complete}
        write_json(self.folder / METADATA / "state.json", {**record, "steps": steps})
        for name in states:
            write_json(self.folder / name / "tracking.json", Record(name, name, time=started))

    def found(self) -> dict[str, str]:
        client, experiment = store.open_store(self.folder)
        found = client.search_runs([experiment])
        return {run.info.run_name.partition(" ")[0]: run.info.status for run in found}


@pytest.fixture
def output(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Output:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("os.nice", lambda _: None)
    return Output(tmp_path, empty_store)


def ends_after(monkeypatch: pytest.MonkeyPatch, *actions: Any) -> None:
    """Lets the run do something before each look, and end after the last."""
    left = list(actions)

    def ends(_: float) -> bool:
        if left:
            left.pop(0)()
        return not left

    monkeypatch.setattr(module, "input_ends", ends)


@pytest.mark.slow
def test_a_run_is_followed_to_its_end(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(journal, "is_claimed", lambda _: len(seen) < 2)
    monkeypatch.setattr(module, "is_claimed", lambda _: False)
    output.note(50.0, sampling="running")  # by the run before

    def look() -> None:
        seen.append(output.found())
        output.note(100.0, complete=True, sampling="done", plotting="done")

    ends_after(
        monkeypatch,
        lambda: None,
        lambda: output.note(100.0, sampling="running"),
        lambda: seen.append(output.found()),
        look,
    )
    assert follow(output.folder, 99.0) is None
    assert list(seen[0].values()) == ["RUNNING"]
    assert sorted(output.found().values()) == ["FINISHED"] * 3


@pytest.mark.slow
def test_a_run_that_was_killed(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one has begun when its end is seen."""
    monkeypatch.setattr(journal, "is_claimed", lambda _: True)
    monkeypatch.setattr(module, "is_claimed", lambda _: True)
    ends_after(
        monkeypatch,
        lambda: output.note(100.0, sampling="running"),
        lambda: output.note(200.0, sampling="kept"),
    )
    assert follow(output.folder, 99.0) is None
    assert sorted(output.found().values()) == ["KILLED", "KILLED"]


def test_a_store_that_cannot_be_used(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise OSError("at http://me:secret@host")

    monkeypatch.setattr(store, "open_store", fail)
    ends_after(monkeypatch, lambda: output.note(100.0, sampling="done"), lambda: None)
    said = follow(output.folder, 99.0)
    assert said is not None
    assert "OSError: at http://***@host; no result is lost, `make track OUTPUT_DIR=" in said


def test_the_run_says_what_its_follower_has_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = subprocess.Popen
    code = "import sys; sys.stdin.read(); print('warning: the store is down')"
    seen: list[list[str]] = []

    def popen(words: list[str], **options: Any) -> subprocess.Popen[str]:
        seen.append(words)
        return started([sys.executable, "-c", code], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    with Follower() as follower:
        assert follower.start(tmp_path) == {"MADMINER_WORKFLOW_GATHERED": "1"}
        assert capsys.readouterr() == ("", "")
    assert capsys.readouterr() == ("", "warning: the store is down\n")
    assert seen[0][1:6] == ["-m", "madminer_workflow", "track", "--output_dir", str(tmp_path)]
    assert abs(float(seen[0][-1]) - time.time()) < 60


def test_a_follower_that_takes_too_long_goes_on_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Slow:
        def __init__(self, *_: object, **__: object) -> None:
            self.stdin, self.returncode = io.StringIO(), None

        def communicate(self, timeout: float) -> None:
            raise subprocess.TimeoutExpired("track", timeout)

    monkeypatch.setattr(subprocess, "Popen", Slow)
    with Follower() as follower:
        follower.start(tmp_path)
    assert "logging goes on in the background" in capsys.readouterr().err
    with Follower():
        pass
    assert capsys.readouterr().err == ""
