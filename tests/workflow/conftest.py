"""A project with the real specification and scripts, whose programs are stand-ins."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = """#!/bin/sh
# Stands for docker: runs here, in a folder of the image, what is to run in the image.
while [ "$1" != run ] && [ $# -gt 0 ]; do shift; done
while [ $# -gt 0 ]; do
    case $1 in madminertool/*) shift && cd / && exec "$@" ;; esac
    shift
done
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project, in a folder with a blank in its name, beside two input files."""
    return _make_project(tmp_path)


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for all tests of a module, which do not change it."""
    return _make_project(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """The folder of a stand-in for docker, for the PATH."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    return program.parent


@pytest.fixture(scope="session")
def flip() -> Callable[[Path], None]:
    """Changes a byte of a file, but neither size nor time of modification."""

    def change(path: Path) -> None:
        times = path.stat()
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return change


def _make_project(parent: Path) -> Path:
    """Makes the project in a folder."""
    folder = parent / "the project"
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("workflow", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "MLproject", folder)
    stand_in = Path(__file__).parent / "stand_in.py"
    for name in ("python", "mlflow"):
        call = f'exec "{sys.executable}" -IS "{stand_in}" "$@"'
        (programs / name).write_text(f"#!/bin/sh\n{call}\n")
        (programs / name).chmod(0o755)
    (parent / "my events.h5").write_text("events\n")
    (parent / "my input.yml").write_text("{}\n")
    return folder
