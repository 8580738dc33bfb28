"""Pushing to a real registry and pulling from it, with an image of a few bytes."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAME = "localhost/madminer-workflow-push"
USER, PASSWORD = "tester", "right secret"
# What `htpasswd -nbB tester 'right secret'` prints, which differs from call to call.
PASSWORDS = f"{USER}:$2y$05$abcdefghijklmnopqrstuuVsDejS8gJMXjLbYbADpGbOCZ5C2yrH2\n"

# Records what other users of the machine could see of a process.
STAND_IN = """#!/bin/sh
{ printf '%s\\n' "$@"; env; } >>"$RECORD"
exec "$DOCKER" "$@"
"""

Docker = Callable[..., subprocess.CompletedProcess[str]]
Push = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.cluster


@pytest.fixture
def registry(provide: Callable[[str, str], str], tmp_path: Path) -> Iterator[str]:
    """The address of an empty registry that asks for a password."""
    program = provide("docker-registry", "docker-registry")
    folder = tmp_path / "registry"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "passwords").write_text(PASSWORDS)
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "passwords")}},
    }
    (folder / "settings.yml").write_text(json.dumps(settings))
    with (folder / "log").open("w") as log:
        command = [program, "serve", str(folder / "settings.yml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"nothing answers at port {port}")


class Checkout:
    """A checkout whose image has nothing but a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "workflow").mkdir(parents=True)
        self.write("workflow/steps.yml", f"environment:\n  image: {NAME}\n")
        self.write("VERSION", "7.0.0\n")
        self.write("content", "first\n")
        shutil.copytree(ROOT / "docker", folder / "docker")
        self.write(
            "docker/Dockerfile",
            "FROM scratch\nCOPY content /\nARG VERSION\nARG REVISION\n"
            "LABEL org.opencontainers.image.revision=${REVISION}\n",
        )
        self.call("git", "init", "--quiet")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def commit(self) -> None:
        self.call("git", "add", "--all")
        user = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
        self.call("git", *user, "commit", "--quiet", "--message", "A change")

    def build(self) -> None:
        self.call("docker/build.sh")

    def call(self, *words: str) -> None:
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def checkout(engine: Docker, tmp_path: Path) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path / "check out")
    checkout.commit()
    checkout.build()
    yield checkout
    names = engine("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    own = [name for name in names if NAME in name]
    engine("image", "rm", "--force", *own)


@pytest.fixture
def push(checkout: Checkout, registry: str, tmp_path: Path) -> Push:
    """Pushes as a user in a home of its own, with a password from the standard input."""
    home, programs = tmp_path / "home", tmp_path / "programs"
    home.mkdir()
    programs.mkdir()
    (programs / "docker").write_text(STAND_IN)
    (programs / "docker").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DOCKER": str(shutil.which("docker")),
        "RECORD": str(tmp_path / "record"),
        "HOME": str(home),
        "TMPDIR": str(home),
        "REGISTRY": registry,
        "DOCKERUSER": USER,
    }

    def call(password: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [checkout.folder / "docker" / "push.sh"],
            input=password,
            env={**environment, **variables},
            capture_output=True,
            text=True,
        )
        assert "secret" not in done.stdout + done.stderr + (tmp_path / "record").read_text()
        assert list(home.iterdir()) == []
        return done

    return call


def digest(text: str) -> str:
    (found,) = set(re.findall(r"sha256:[0-9a-f]{64}", text))
    return str(found)


def assert_refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_pushed_is_what_is_pulled(
    engine: Docker, push: Push, registry: str, tmp_path: Path
) -> None:
    first = push(PASSWORD)
    assert (first.returncode, first.stderr) == (0, "")
    again = push(DOCKERPASS=PASSWORD)
    assert again.returncode == 0
    assert "is there already, with this content" in again.stdout
    assert digest(again.stdout) == digest(first.stdout)

    target = f"{registry}/{NAME}:7.0.0"
    identifier = ("image", "inspect", "--format", "{{ .Id }}", target)
    pushed = engine(*identifier).stdout
    engine("image", "rm", target, f"{NAME}:7.0.0")
    own = ("--config", str(tmp_path / "credentials"))
    engine(*own, "login", "--username", USER, "--password-stdin", registry, stdin=PASSWORD)
    assert digest(engine(*own, "pull", target).stdout) == digest(first.stdout)
    assert engine(*identifier).stdout == pushed


def test_a_version_is_never_replaced(push: Push, checkout: Checkout) -> None:
    assert push(PASSWORD).returncode == 0
    checkout.write("content", "second\n")
    checkout.commit()
    assert_refused(push(PASSWORD), "'make build' builds it anew")
    checkout.build()
    assert_refused(push(PASSWORD), "7.0.0 is there already, with other content: raise VERSION")
    checkout.write("VERSION", "7.0.1\n")
    checkout.commit()
    assert_refused(push(PASSWORD), f"{NAME}:7.0.1 is missing: 'make build' builds it")
    checkout.build()
    assert push(PASSWORD).returncode == 0


@pytest.mark.parametrize("name", ["VERSION", "a new file"])
def test_what_is_not_committed_is_not_pushed(push: Push, checkout: Checkout, name: str) -> None:
    checkout.write(name, "7.0.0\n\n")
    assert_refused(push(PASSWORD), "there are changes that are not committed")
    checkout.build()
    checkout.call("git", "stash", "--include-untracked")
    assert_refused(push(PASSWORD), "-dirty, not from ")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"DOCKERPASS": "wrong secret"}, "knows no tester with this password"),
        ({"DOCKERUSER": "nobody", "DOCKERPASS": PASSWORD}, "knows no nobody with this password"),
        ({"DOCKERUSER": ""}, "DOCKERUSER is missing"),
        ({}, "DOCKERPASS is missing, and the standard input is empty"),
        ({"REGISTRY": "127.0.0.1:1", "DOCKERPASS": PASSWORD}, "connection refused"),
    ],
)
def test_who_is_not_known_is_told_so(push: Push, variables: dict[str, str], message: str) -> None:
    assert_refused(push(**variables), message)
