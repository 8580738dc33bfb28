from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine.backends import batch
from madminer_workflow.engine.backends.site import Resources, Retries, Site
from madminer_workflow.engine.backends.slurm import Slurm
from madminer_workflow.engine.command import Command, Finished

STAND_IN = Path(__file__).with_name("batch_system.py")
PROGRAMS = (
    *("sbatch", "squeue", "sacct", "scancel"),
    *("condor_submit", "condor_q", "condor_history", "condor_rm"),
)


@dataclass
class Farm:
    """A batch system of stand-ins, and steps for it."""

    folder: Path
    kind: Any = Slurm
    backends: list[Any] = field(default_factory=list)

    def backend(self, retries: Retries | None = None, **options: Any) -> Any:
        resources = Resources(cpus=2, memory_mb=100, minutes=10)
        given = {"poll_seconds": 0.1, "grace_seconds": 2.0, "default": resources, **options}
        self.backends.append(
            self.kind(Site(retries=retries or Retries(), **given), self.folder / "jobs")
        )
        return self.backends[-1]

    def command(self, name: str, text: str = "true", key: str = "key") -> Command:
        folder = self.folder / "a run" / name
        log = folder / "_packtivity" / "training.run.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return Command("training", text, "image:1", folder, (), {"A": "a b"}, log, key)

    def run(self, backend: Any, *commands: Command) -> list[Any]:
        """Runs commands at the same time; gives what they came to, errors too."""
        found: list[Any] = [None] * len(commands)

        def one(index: int, command: Command) -> None:
            try:
                found[index] = backend.run(command, ["sh", "-c", command.text])
            except Exception as error:
                found[index] = error

        threads = [threading.Thread(target=one, args=pair) for pair in enumerate(commands)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return found

    def one(self, text: str, backend: Any = None) -> Finished:
        (finished,) = self.run(backend or self.backend(), self.command("one", text))
        if isinstance(finished, Exception):
            raise finished
        return finished

    def order(self, name: str, text: str) -> None:
        (self.folder / "fake" / name).write_text(text)

    def calls(self, program: str) -> list[str]:
        path = self.folder / "fake" / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.split()[0] == program]


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("fake", "bin"):
        (tmp_path / name).mkdir()
    (tmp_path / "fake" / "calls").touch()
    for program in PROGRAMS:
        (tmp_path / "bin" / program).write_text(f"#!{sys.executable} -IS\n{STAND_IN.read_text()}")
        (tmp_path / "bin" / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr(batch, "_WINDOW_SECONDS", 0.2)
    monkeypatch.setattr(batch, "_LEAST_POLL_SECONDS", 0.2)
    monkeypatch.setenv("FAKE", str(tmp_path / "fake"))
    made = Farm(tmp_path)
    yield made
    for backend in made.backends:
        backend.stop(keep=True)
    for path in (tmp_path / "fake").glob("*.pid"):  # what some tests leave on purpose
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(path.read_text()), signal.SIGKILL)
