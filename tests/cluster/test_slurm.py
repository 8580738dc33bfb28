"""Runs on a Slurm of one node, made of real daemons."""

from __future__ import annotations

import io
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shutil

from madminer_workflow.engine import launch
from madminer_workflow.engine.backends import make
from madminer_workflow.engine.graph import State
from madminer_workflow.storage import read_json

FLOW = Path(__file__).parents[1] / "engine" / "flow"
STAGES = ("configuration", "training", "evaluation", "plotting")

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning"),
]


class Flow:
    """A workflow of trivial steps; the files in `orders` say what a training does besides."""

    def __init__(self, folder: Path, members: int = 2) -> None:
        self.folder, self.output_dir, self.orders = folder, folder / "the output", folder / "do"
        self.orders.mkdir(parents=True)
        names = ", ".join(f"{{name: m{number}}}" for number in range(members))
        (folder / "plan.yml").write_text(f"members: [{names}]\n")
        shutil.copytree(FLOW, folder / "flow")
        self.site("")

    def site(self, text: str) -> None:
        short = "poll_seconds: 0.5\ngrace_seconds: 5\ndefault: {memory_mb: 200, minutes: 5}\n"
        (self.folder / "site.yml").write_text(short + text)

    def order(self, name: str, script: str) -> None:
        (self.orders / f"{name}.do").write_text(script)

    @property
    def initdata(self) -> dict[str, str]:
        return {"plan": str(self.folder / "plan.yml"), "orders": str(self.orders)}

    def run(self, **options: Any) -> launch.Outcome:
        jobs = self.output_dir / "_yadage" / "jobs"
        backend, at_once = make("slurm", self.folder / "site.yml", STAGES, jobs)
        return launch.run(
            "flow/workflow.yml",
            self.initdata,
            self.output_dir,
            at_once,
            toplevel=self.folder,
            backend=backend,
            stream=io.StringIO(),
            **options,
        )

    def start(self, keep: bool = False) -> subprocess.Popen[str]:
        """Runs in a process of its own."""
        program = f"""
from pathlib import Path
from madminer_workflow.engine import launch
from madminer_workflow.engine.backends import make
backend, jobs = make("slurm", Path({str(self.folder / "site.yml")!r}), {STAGES}, Path({str(self.output_dir)!r}) / "_yadage" / "jobs")
launch.run("flow/workflow.yml", {self.initdata!r}, Path({str(self.output_dir)!r}), jobs,
    toplevel=Path({str(self.folder)!r}), backend=backend, keep={keep})
"""
        return subprocess.Popen(
            [sys.executable, "-c", program],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def note(self, step: str) -> dict[str, Any]:
        return dict(read_json(self.output_dir / step / "_packtivity" / "job.json"))

    def states(self, outcome: launch.Outcome) -> dict[str, State]:
        return {step.label: step.state for step in outcome.steps}


@pytest.fixture
def flow(tmp_path: Path, slurm: Any, monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    return Flow(tmp_path / "a run")


def in_queue(slurm: Any) -> list[str]:
    return slurm.call("squeue", "--noheader", "--array", "--format=%i").split()


def test_a_flow_runs_one_job_a_step(flow: Flow, slurm: Any) -> None:
    outcome = flow.run()
    assert set(flow.states(outcome).values()) == {State.DONE}
    assert (flow.output_dir / "plotting" / "report").read_text() == "model m0\nmodel m1\n"
    assert (flow.output_dir / "plotting" / "environment").read_text() == "1 \n"
    notes = [flow.note(step.folder.relative_to(flow.output_dir)) for step in outcome.steps]
    assert len({note["job"] for note in notes}) == 6
    record = read_json(flow.output_dir / "members_0" / "training" / "run.json")
    assert record["provenance"]["seconds"] > 0
    assert set(flow.states(flow.run()).values()) == {State.KEPT}
    assert not list((flow.output_dir / "_yadage" / "jobs").iterdir())


def test_what_fails_is_reported_as_what_it_is(flow: Flow, slurm: Any, tmp_path: Path) -> None:
    flow.site("retries: {out_of_memory: 0}\nstages: {training: {minutes: 1, memory_mb: 150}}\n")
    eat = (
        "x = bytearray(300_000_000); x[::4096] = b'1' * len(x[::4096]); import time; time.sleep(9)"
    )
    flow.order("m0", "echo good; echo bad >&2; exit 3\n")
    flow.order("m1", f'echo eats; exec "{sys.executable}" -c "{eat}"\n')
    with_two = flow.run()
    assert sorted(step.label for step in with_two.failed) == ["training m0", "training m1"]
    report = with_two.report()
    assert "training m0 failed: status 3\n  good\n  bad\nlog: " in report
    assert re.search(
        r"training m1 failed: job \d+_\d exceeded its memory limit of 150 MB\n  eats\n", report
    )
    flow.order("m0", "echo waits; sleep 600\n")
    flow.order("m1", "echo waits; sleep 600\n")

    with flow.start() as run:
        slurm.wait(lambda: "waits" in log(flow, "members_1"))
        slurm.call("scancel", flow.note("members_1/training")["job"])
        _, messages = run.communicate(timeout=150)
    # one was cancelled, the other one ran out of its minute


def log(flow: Flow, member: str) -> str:
    path = flow.output_dir / member / "training" / "_packtivity" / "training.run.log"
    return path.read_text() if path.exists() else ""
