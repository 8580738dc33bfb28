"""Pools of workers of Dask, on this machine and as jobs of a real Slurm."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not os.environ.get("CI") and importlib.util.find_spec("dask_jobqueue") is None,
        reason="dask is not installed (pip install '.[dask]')",
    ),
]
LOCAL = "cluster: local\njobs: 2\ngrace_seconds: 3\n"
SLURM = """
cluster: slurm
jobs: 2
interface: lo
grace_seconds: 3
default: {cpus: 2, memory_mb: 500, minutes: 5}
"""


def eventually(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ended(run: Any) -> str:
    _, messages = run.communicate(timeout=150)
    return str(messages)


@pytest.mark.parametrize("site", [LOCAL, SLURM], ids=["local", "slurm"])
def test_a_lost_worker_loses_no_step(flow: Any, site: str) -> None:
    flow.backend = "dask"
    flow.write_site(site)
    # The shell of the step, the one that guards it, the worker.
    flow.order("m0", 'ps -o ppid= -p $PPID >>"../../../worker"\n[ -e ../../../go ] || sleep 600\n')
    worker = flow.folder / "worker"
    with flow.start() as run:
        eventually(lambda: worker.exists() and worker.read_text().endswith("\n"))
        (flow.folder / "go").touch()
        os.kill(int(worker.read_text()), signal.SIGKILL)
        messages = ended(run)
    assert run.returncode == 0, messages
    assert len(set(worker.read_text().split())) == 2
    assert (flow.output_dir / "plotting" / "report").read_text() == "model m0\nmodel m1\n"
    threads = (flow.output_dir / "plotting" / "environment").read_text()
    assert threads == ("1 \n" if site == LOCAL else "2 \n")


def test_nothing_is_left_of_a_pool_that_was_killed(flow: Any) -> None:
    flow.backend = "dask"
    flow.write_site(LOCAL)
    flow.order("m0", "echo $$ >../../../pid; [ -e ../../../go ] || exec sleep 600\n")
    pid = flow.folder / "pid"
    with flow.start() as run:
        eventually(lambda: pid.exists() and pid.read_text().endswith("\n"))
        done = flow.output_dir / "members_1" / "evaluation" / "run.json"
        eventually(done.exists)
        os.kill(run.pid, signal.SIGKILL)
    eventually(lambda: not Path("/proc", pid.read_text().strip()).exists())
    (flow.folder / "go").touch()
    with flow.start() as run:
        assert " 6 of 6 done" in ended(run)
    assert run.returncode == 0


def test_a_step_that_fails_and_one_that_is_interrupted(flow: Any) -> None:
    flow.backend = "dask"
    flow.write_site(LOCAL)
    flow.order("m0", "echo bad; exit 3\n")
    flow.order("m1", "echo $$ >../../../pid; exec sleep 600\n")
    pid = flow.folder / "pid"
    with flow.start() as run:
        eventually(lambda: pid.exists() and pid.read_text().endswith("\n"))
        run.send_signal(signal.SIGINT)
        ended(run)
    assert run.returncode == -signal.SIGINT
    eventually(lambda: not Path("/proc", pid.read_text().strip()).exists())
    for order in flow.orders.iterdir():
        order.unlink()
    with flow.start() as run:
        assert "6 of 6 done" in ended(run)
