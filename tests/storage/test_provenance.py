from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from madminer_workflow.storage.provenance import IMAGE, machine, provenance, version

ROOT = Path(__file__).parents[2]


def test_inputs_are_named_with_their_checksums(tmp_path: Path) -> None:
    (tmp_path / "my events.h5").write_bytes(b"events")
    record = provenance(data_file=tmp_path / "my events.h5")
    checksum = hashlib.sha256(b"events").hexdigest()
    assert record["inputs"] == {"data_file": {"name": "my events.h5", "sha256": checksum}}
    assert provenance()["inputs"] == {}


def test_versions() -> None:
    record = provenance()
    assert record["version"] == version() == (ROOT / "VERSION").read_text().strip()
    assert record["python"] == platform.python_version()
    assert record["packages"]["numpy"] == metadata.version("numpy")


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def without_yadage(name: str) -> str:
        if name == "yadage":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", without_yadage)
    packages = provenance()["packages"]
    assert packages["yadage"] is None
    assert packages["torch"] is not None


def test_the_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = provenance()
    assert record["commit"] is None or re.fullmatch("[0-9a-f]{40}", record["commit"])
    described = {"0" * 40 + "-dirty\n": ("0" * 40, True), "1" * 40 + "\n": ("1" * 40, False)}
    for text, expected in described.items():
        done = subprocess.CompletedProcess("git", 0, text)
        monkeypatch.setattr(subprocess, "run", lambda *_, done=done, **__: done)
        assert (provenance()["commit"], provenance()["dirty"]) == expected

    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert provenance()["commit"] is provenance()["dirty"] is None
    revision = tmp_path / "REVISION"
    monkeypatch.setattr("madminer_workflow.storage.provenance._REVISION", revision)
    for text, expected in (*described.items(), ("\n", (None, None))):
        revision.write_text(text)
        assert (provenance()["commit"], provenance()["dirty"]) == expected


def test_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(IMAGE, raising=False)
    monkeypatch.setenv("LOGNAME", "somebody")
    assert machine() == {"image": None, "host": platform.node(), "user": "somebody"}
    monkeypatch.setenv(IMAGE, "image@sha256:0")
    assert machine()["image"] == "image@sha256:0"
