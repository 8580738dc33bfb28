import contextlib
import sqlite3
from pathlib import Path

import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.tracking import store

pytestmark = pytest.mark.filterwarnings("ignore")  # those of MLflow and its many packages


def test_the_store_is_beside_the_results_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert store.uri_of(Path("out")) == f"sqlite:///{tmp_path}/out/mlflow.db"
    for given, uri in {
        "": f"sqlite:///{tmp_path}/out/mlflow.db",
        "sqlite:///mine.db": f"sqlite:///{tmp_path}/mine.db",
        "http://localhost:1": "http://localhost:1",
    }.items():
        monkeypatch.setenv(store.URI, given)
        assert store.uri_of(Path("out")) == uri


@pytest.mark.parametrize(
    "uri", ["http://me:secret@host:1", "https://me:se/cr@et@host", "mysql+x://me:secret@host/db"]
)
def test_a_password_is_never_shown(uri: str) -> None:
    text = store.masked(f"{uri}/api cannot be reached")
    assert "://***@host" in text
    assert "secr" not in text
    assert "se/cr" not in text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("API request failed with error code 401 != 200", "the server refuses user and password"),
        ("HTTPConnectionPool: Max retries exceeded with url", "the server does not answer"),
        ("database is locked\n(Background ...)", "OSError: database is locked"),
        ("at http://me:secret@host " + "x " * 500, "OSError: at http://***@host x x"),
    ],
)
def test_a_reason_is_a_line(message: str, expected: str) -> None:
    reason = store.reason(OSError(message))
    assert reason.startswith(expected)
    assert len(reason) <= 150


def test_user_and_password_go_to_mlflow_apart_from_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    monkeypatch.setenv(store.URI, "http://me:se%2Fcret@localhost:1/path")
    client = store.client(os.environ[store.URI])
    assert client.tracking_uri == os.environ[store.URI] == "http://localhost:1/path"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "me"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "se/cret"


def test_a_folder_without_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"has no mlflow\.db, expected the folder of a run"):
        store.open_existing(tmp_path)
    monkeypatch.setenv(store.URI, "http://localhost:1")
    store.check_exists(tmp_path)


def test_a_store_has_its_name_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> str:
        raise OSError("database or disk is full")

    monkeypatch.setattr(store, "_experiment", stop)
    for _ in range(2):
        with pytest.raises(OSError, match="disk is full"):
            store.open_store(tmp_path)
    assert not (tmp_path / store.FILE).exists()


@pytest.mark.slow
def test_a_new_store_has_its_artifacts_beside_it(tmp_path: Path) -> None:
    (tmp_path / ".partial-mlflow.db").write_text("left by a run that was killed")
    client, experiment = store.open_store(tmp_path)
    assert client.get_experiment(experiment).artifact_location == f"{tmp_path}/mlruns"
    assert store.open_store(tmp_path)[1] == experiment
    assert [path.name for path in tmp_path.iterdir()] == [store.FILE]
    with contextlib.closing(sqlite3.connect(tmp_path / store.FILE)) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (0,)
