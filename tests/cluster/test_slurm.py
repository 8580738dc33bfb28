"""Runs on a Slurm of one node, made of real daemons."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.engine.graph import State
from madminer_workflow.engine.process import Local
from madminer_workflow.errors import InputError
from madminer_workflow.storage import read_json, read_npz

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning"),
]


@contextlib.contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Does something in a thread while the block runs, which has to be in the main one."""
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(act)
        yield
        future.result()


def in_queue(slurm: Any) -> list[str]:
    return slurm.call("squeue", "--noheader", "--array", "--format=%i").split()


def test_a_flow_runs_one_job_a_step(flow: Any) -> None:
    outcome = flow.run()
    assert set(flow.states(outcome).values()) == {State.DONE}
    assert (flow.output_dir / "plotting" / "report").read_text() == "model m0\nmodel m1\n"
    assert (flow.output_dir / "plotting" / "environment").read_text() == "1 \n"
    notes = [flow.note(step.folder.relative_to(flow.output_dir)) for step in outcome.steps]
    assert len({note["job"] for note in notes}) == 6
    record = read_json(flow.output_dir / "members_0" / "training" / "run.json")
    assert record["provenance"]["seconds"] > 0
    assert set(flow.states(flow.run()).values()) == {State.KEPT}
    assert not list(flow.jobs.iterdir())


def log(flow: Any, member: str) -> str:
    path = flow.output_dir / member / "training" / "_packtivity" / "training.run.log"
    return path.read_text() if path.exists() else ""


def hungry(megabytes: int, seconds: float = 4) -> str:
    """A script that uses memory, and waits long enough for Slurm to see it."""
    code = f"x = bytearray({megabytes}_000_000); x[::4096] = b'1' * len(x[::4096])"
    return f'echo eats; "{sys.executable}" -c "{code}; import time; time.sleep({seconds})"\n'


def test_what_fails_is_reported_as_what_it_is(flow: Any, slurm: Any) -> None:
    flow.plan(6)
    flow.site("stages: {training: {minutes: 1, memory_mb: 150}}\n")
    flow.order("m0", "echo good; echo bad >&2; exit 3\n")
    flow.order("m1", hungry(300) + "echo unexpected\n")
    flow.order("m2", "echo begun; sleep 600\n")
    flow.order("m3", "echo begun; sleep 600\n")
    flow.order("m4", "kill -9 $$\n")

    def cancel() -> None:
        slurm.wait(lambda: "begun" in log(flow, "members_2"))
        slurm.call("scancel", flow.note("members_2/training")["job"])

    with meanwhile(cancel):
        outcome = flow.run()
    report = outcome.report()
    assert "training m0 failed: status 3\n  good\n  bad\nlog: " in report
    limit = r"job \d+_\d exceeded its memory limit of 150 MB"
    assert re.search(rf"training m1 failed: {limit}\n  eats\n", report), report
    assert re.search(r"training m2 failed: job \d+_\d was cancelled\n  begun\n", report), report
    limit = r"job \d+_\d exceeded its time limit of 1 minutes"
    assert re.search(rf"training m3 failed: {limit}\n  begun\n", report), report
    assert "training m4 failed: status 137\n" in report
    assert flow.states(outcome)["evaluation m5"] is State.DONE
    for order in flow.orders.iterdir():
        order.unlink()
    again = flow.states(flow.run())
    assert [again[f"training m{number}"] for number in (0, 3, 5)] == [*[State.DONE] * 2, State.KEPT]


def test_more_memory_at_the_second_attempt(flow: Any, slurm: Any) -> None:
    flow.site("retries: {out_of_memory: 2}\nstages: {training: {memory_mb: 150}}\n")
    flow.order("m0", "touch left-over\n" + hungry(200) + "[ $? = 0 ] || exit 9\n")
    assert flow.run().failed == ()
    note = flow.note("members_0/training")
    assert note["attempt"] == {"out_of_memory": 1}
    assert "MinMemoryNode=300M" in slurm.call("scontrol", "show", "job", note["job"])


def test_what_slurm_refuses(flow: Any) -> None:
    flow.site("stages: {training: {partition: none}}\n")
    outcome = flow.run()
    assert len(outcome.failed) == 2
    assert "training m0 failed: sbatch: error: " in outcome.report()
    assert "invalid partition" in outcome.report().lower()


def test_jobs_of_a_run_that_was_killed_are_taken_up(flow: Any, slurm: Any) -> None:
    flow.order("m0", "echo begun; while [ ! -e ../../../go ]; do sleep 0.1; done\n")
    with flow.start() as run:
        slurm.wait(lambda: "begun" in log(flow, "members_0"))
        slurm.wait(lambda: (flow.output_dir / "members_1" / "evaluation" / "run.json").exists())
        os.killpg(run.pid, signal.SIGKILL)
    job = flow.note("members_0/training")["job"]
    with flow.start() as run:  # takes it up; a logout leaves it
        time.sleep(4)
        assert in_queue(slurm) == [job]
        run.send_signal(signal.SIGTERM)
        messages = run.communicate(timeout=60)[1]
    assert "stopped by SIGTERM" in messages
    assert "jobs that go on: 1; the next run takes them up" in messages
    assert in_queue(slurm) == [job]
    with pytest.raises(InputError, match=f"jobs of slurm .* \\({job}\\); go on with BACKEND=slurm"):
        flow.run(backend=Local())
    (flow.folder / "go").touch()
    slurm.wait(lambda: not in_queue(slurm))  # it ends well while nobody looks
    outcome = flow.run()
    assert flow.states(outcome)["training m0"] is State.DONE
    assert flow.note("members_0/training")["job"] == job
    record = read_json(flow.output_dir / "members_0" / "training" / "run.json")
    assert record["provenance"]["seconds"] > 4


@pytest.mark.parametrize("keep", [False, True])
def test_interrupting(flow: Any, slurm: Any, keep: bool) -> None:
    for name in ("m0", "m1"):
        flow.order(name, "echo begun; sleep 600\n")
    with flow.start(keep=keep) as run:
        slurm.wait(lambda: "begun" in log(flow, "members_0") and "begun" in log(flow, "members_1"))
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
    assert run.returncode == -signal.SIGINT
    left = in_queue(slurm)
    assert len(left) == (2 if keep else 0)
    # Other ingredients, and a step that is forced: what an earlier run has left there is cancelled.
    flow.order("m0", "true\n")
    flow.order("m1", "true\n")
    with_new = flow.run(forced=["training m1"])
    assert with_new.failed == ()
    assert in_queue(slurm) == []


def test_a_lost_node_loses_no_step(flow: Any, slurm: Any) -> None:
    flow.order("m0", "echo begun; [ -e ../../../go ] || sleep 600\n")
    lost = []

    def lose() -> None:
        """What happens when a node does not answer any more."""
        slurm.wait(lambda: "begun" in log(flow, "members_0"))
        lost.append(flow.note("members_0/training")["job"])
        (flow.folder / "go").touch()
        slurm.call("scontrol", "update", f"NodeName={slurm.host}", "State=DOWN", "Reason=test")
        slurm.wait(lambda: "NODE_FAIL" in slurm.call("squeue", "-t", "all", "-h", "-o", "%T"))
        slurm.call("scontrol", "update", f"NodeName={slurm.host}", "State=RESUME")

    with meanwhile(lose):
        outcome = flow.run()
    assert outcome.failed == ()
    note = flow.note("members_0/training")
    assert (note["attempt"], note["job"] in lost) == ({"node_lost": 1}, False)


def test_the_controller_is_away_for_a_while(flow: Any, slurm: Any) -> None:
    flow.order("m0", "echo begun; while [ ! -e ../../../go ]; do sleep 0.1; done\n")

    def restart() -> None:
        slurm.wait(lambda: "begun" in log(flow, "members_0"))
        slurm.stop("slurmctld")
        (flow.folder / "go").touch()
        time.sleep(2)
        slurm.start("slurmctld")

    with meanwhile(restart):
        assert flow.run().failed == ()


def test_two_hundred_jobs(flow: Any, slurm: Any) -> None:
    flow.plan(99)  # 200 steps
    flow.site("jobs: 60\n")
    counts: list[int] = []
    done = threading.Event()

    def count() -> None:
        while not done.wait(0.5):
            counts.append(len(in_queue(slurm)))

    with meanwhile(count):
        before, begin = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        outcome = flow.run()
        seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_SELF)
        done.set()
    assert flow.states(outcome) == dict.fromkeys(flow.states(outcome), State.DONE)
    assert len(outcome.steps) == 200
    assert 30 < max(counts) <= 60
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"200 jobs: {seconds:.1f} s, {used:.1f} CPU seconds of this process, {max(counts)} at once"
    )


def test_the_real_workflow_gives_the_numbers_of_processes(
    slurm: Any, make_event_file: Callable[..., Path], tmp_path: Path
) -> None:
    make_event_file(tmp_path / "my events.h5", n_events=3000)
    (tmp_path / "my input.yml").write_text(
        "{methods: [alices, sally], samples: {train: 1000, validation: 300, test: 100,"
        " minimum_effective: 1}, training: {hidden_layers: [8], epochs: 2, batch_size: 200},"
        " asymptotic_limits: {resolutions: [5, 5]}}"
    )
    (tmp_path / "site.yml").write_text("{poll_seconds: 1, default: {memory_mb: 1500, minutes: 10}}")
    files = ["--data_file", "my events.h5", "--input_file", "my input.yml"]
    found = []
    for output, options in (
        ("by slurm", ["--backend", "slurm", "--site", "site.yml"]),
        ("by processes", ["--jobs", "2"]),
    ):
        command = [sys.executable, "-m", "madminer_workflow", "run", *files, *options]
        done = subprocess.run(
            [*command, "--output_dir", output],
            cwd=tmp_path,
            env={**slurm.environment, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        limits = read_npz(tmp_path / output / "plotting" / "limits" / "alices.npz")
        found.append(limits["q_full"])
    np.testing.assert_allclose(*found, rtol=1e-6)
    record = read_json(tmp_path / "by slurm" / "sampling" / "run.json")
    assert record["provenance"]["cpu_seconds"] > 0
