from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from types import ModuleType

import pytest

from madminer_workflow.cli import main


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that are imported; MLflow, which warns of its own packages, is not really."""
    names: list[str] = []
    original = importlib.import_module

    def record(name: str, package: str | None = None) -> ModuleType | None:
        names.append(name)
        return None if name.startswith("mlflow.") else original(name, package)

    monkeypatch.setattr(importlib, "import_module", record)
    return names


@pytest.fixture
def ended(capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[object, str, str]]:
    def run() -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["self-check"])
        return caught.value.code, *capsys.readouterr()

    return run


def test_all_that_steps_import_and_its_versions(
    imported: list[str], ended: Callable[[], tuple[object, str, str]]
) -> None:
    status, output, error = ended()
    assert (status, error) == (0, "")
    versions = dict(line.split() for line in output.splitlines()[:-1])
    assert versions["madminer-workflow-ml"] == metadata.version("madminer-workflow-ml")
    assert versions["mlflow-skinny"] == metadata.version("mlflow")
    deep = {"madminer_workflow.steps.coverage.trials", "madminer_workflow.tracking.project"}
    assert deep | {"mlflow.projects"} <= set(imported)
    assert not any(name.startswith("madminer_workflow.engine") for name in imported)


def test_the_image_needs_nothing_of_the_engine_and_of_studies() -> None:
    absent = ("adage", "optuna", "onnx", "onnxruntime", "packtivity", "rocrate", "yadage")
    program = f"""import sys
sys.modules.update(dict.fromkeys({absent}))
from madminer_workflow.cli import main
main(["self-check"])"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("ok: the steps have all that they import\n")


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("No module named 'mlflow'"), OSError("No temporary directory")]
)
def test_what_is_missing_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    imported: list[str],
    ended: Callable[[], tuple[object, str, str]],
    error: Exception,
) -> None:
    ended()  # so that the command itself is there
    assert imported

    def fail(*_: str) -> ModuleType:
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    assert ended() == (1, "", f"error: the steps cannot run here: {error}\n")
