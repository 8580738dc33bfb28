import contextlib
import sqlite3
from pathlib import Path

import pytest
import yaml

from madminer_workflow.errors import InputError
from madminer_workflow.tracking import store


def make_store(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE experiments (name TEXT)")
        database.executemany(
            "INSERT INTO experiments VALUES (?)", [(name,) for name in store.EXPERIMENTS]
        )


@pytest.fixture(autouse=True)
def _no_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_complete_store_is_used_as_it_is(tmp_path: Path) -> None:
    make_store(tmp_path / "mlflow.db")
    assert store.environment(tmp_path) == {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}


def test_the_store_of_the_user_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path / "mine.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    uri = f"sqlite:///{tmp_path}/mine.db"
    assert store.environment(tmp_path / "out") == {"MLFLOW_TRACKING_URI": uri}


@pytest.mark.parametrize(
    ("content", "message"), [("text " * 500, "not a database"), (None, "open")]
)
def test_a_store_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, message: str
) -> None:
    path = tmp_path / ("file.db" if content else "missing/file.db")
    if content:
        path.write_text(content)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    with pytest.raises(InputError, match=f"MLFLOW_TRACKING_URI: .*{message}"):
        store.environment(tmp_path)


def test_there_is_an_experiment_for_each_entry_point() -> None:
    project = yaml.safe_load((Path(__file__).parents[2] / "MLproject").read_text())
    assert set(store.EXPERIMENTS) == set(map(store.experiment, project["entry_points"]))


def test_a_store_has_its_name_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(uri: str, _: Path) -> None:
        make_store(Path(uri.removeprefix("sqlite:///")))
        raise OSError("database or disk is full")

    monkeypatch.setattr(store, "prepare", stop)
    for _ in range(2):
        with pytest.raises(InputError, match="disk is full"):
            store.environment(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".partial-mlflow.db"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of MLflow and its many packages
def test_a_new_store_has_all_experiments(tmp_path: Path) -> None:
    (tmp_path / ".partial-mlflow.db").write_text("left by a run that was killed")
    variables = store.environment(tmp_path)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(variables["MLFLOW_TRACKING_URI"])
    for name in store.EXPERIMENTS:
        experiment = client.get_experiment_by_name(name)
        assert experiment.artifact_location == str(tmp_path / "mlruns" / name)
    assert store.environment(tmp_path) == variables
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db"}


def test_a_store_for_steps_that_can_write_its_folder_only(tmp_path: Path) -> None:
    make_store(tmp_path / "mlflow.db")
    for _ in range(2):
        target = tmp_path / "mlruns" / "mlflow.db"
        assert store.within_folder(tmp_path) == {"MLFLOW_TRACKING_URI": f"sqlite:///{target}"}
        assert (tmp_path / "mlflow.db").readlink() == Path("mlruns/mlflow.db")
    assert store.environment(tmp_path) == {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlruns"}


def test_which_stores_steps_in_containers_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not store.is_remote(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://host")
    assert store.is_remote(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mine.db")
    with pytest.raises(InputError, match=r"mine.db is out of reach of steps in containers"):
        store.is_remote(tmp_path)


def test_passwords_are_not_in_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(uri: str, _: object) -> None:
        raise OSError(f"no route to {uri}")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/base")
    monkeypatch.setattr(store, "prepare", fail)
    with pytest.raises(InputError) as caught:
        store.environment(tmp_path)
    assert str(caught.value).count("postgresql://***@host/base") == 2
    assert "secret" not in str(caught.value)
