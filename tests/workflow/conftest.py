"""A project with the real specification and scripts, whose programs are stand-ins."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project, in a folder with a blank in its name, beside two input files."""
    return _make_project(tmp_path)


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for all tests of a module, which do not change it."""
    return _make_project(tmp_path_factory.mktemp("shared"))


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
