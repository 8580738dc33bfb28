"""Against a real server of MLflow that asks for a password."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from madminer_workflow.storage import write_json
from madminer_workflow.tracking import store
from madminer_workflow.tracking.log import Record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of MLflow and its many packages
    pytest.mark.skipif(
        importlib.util.find_spec("flask_wtf") is None, reason="Flask-WTF: `make test` installs it"
    ),
]

PASSWORD = "a-password-of-ours"
SETTINGS = """
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = admin
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server, without its scheme."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "auth.ini").write_text(SETTINGS.format(folder=folder, password=PASSWORD))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["server", "--app-name", "basic-auth", "--port", str(port), "--workers", "1"]
    stores = [f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "artifacts")]
    environment = {
        **os.environ,
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key of ours",
        **store.QUIET,
    }
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--backend-store-uri", *stores],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError("the server did not start")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what two steps have left."""
    for name in ("training", "plotting"):
        record = Record(name, name, metrics={"area_95/alices": 2.5}, artifacts=["results.json"])
        write_json(tmp_path / name / "tracking.json", record)
        write_json(tmp_path / name / "results.json", {"name": name})
    return tmp_path


def call(command: str, folder: Path, uri: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "madminer_workflow", command, "--output_dir", str(folder)],
        env={**os.environ, "MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_right_password(folder: Path, server: str) -> None:
    uri = f"http://admin:{PASSWORD}@{server}"
    assert call("track", folder, uri) == (0, f"2 runs logged to http://{server}\n")
    assert call("track", folder, uri) == (0, f"0 runs logged to http://{server}\n")
    status, table = call("runs", folder, uri)
    assert status == 0
    assert "alices" in table
    assert " 2.5" in table
    assert not list(folder.glob("mlflow.db*"))
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert all(PASSWORD not in path.read_text() for path in kept)


@pytest.mark.parametrize("user", ["admin:wrong@", "nobody:wrong@", ""])
def test_a_wrong_password(folder: Path, server: str, user: str) -> None:
    status, text = call("track", folder, f"http://{user}{server}")
    assert status == 1
    assert text.startswith(f"error: not all is in MLflow, http://{server}: the server refuses")
    assert text.count("\n") == 1


def test_a_server_that_is_down(folder: Path) -> None:
    for command in ("track", "runs"):
        status, text = call(command, folder, f"http://admin:{PASSWORD}@127.0.0.1:9")
        assert status in (1, 2)
        assert "127.0.0.1:9" in text
        assert "the server does not answer" in text
        assert text.count("\n") == 1
