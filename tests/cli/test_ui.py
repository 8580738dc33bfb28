from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli
from madminer_workflow.tracking import store


def ui(folder: Path, port: int) -> Result:
    return CliRunner().invoke(cli, ["ui", "--output_dir", str(folder), "--port", str(port)])


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_store_of_the_folder_is_shown(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    for name in store.QUIET:
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(os, "execv", lambda _, words: calls.append(words))
    (tmp_path / store.FILE).touch()
    result = ui(tmp_path, port)
    assert result.exit_code == 0, result.output
    assert calls[0][1:4] == ["-m", "mlflow", "ui"]
    assert f"sqlite:///{tmp_path}/mlflow.db" in calls[0]
    assert str(port) in calls[0]
    assert f"http://127.0.0.1:{port} shows" in result.stderr


def test_what_cannot_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has no mlflow.db, expected the folder of a run" in ui(tmp_path, 5000).stderr
    (tmp_path / store.FILE).touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = ui(tmp_path, taken := int(other.getsockname()[1]))
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: PORT: {taken} is used by another program, choose another one\n",
    )
    monkeypatch.setenv(store.URI, "http://me:secret@host")
    assert ui(tmp_path, 5000).output == "the runs are on the server http://***@host\n"
