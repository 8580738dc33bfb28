"""A Slurm of one node, made of real daemons, and a workflow that runs on it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine import launch
from madminer_workflow.engine.backends import make
from madminer_workflow.engine.graph import State
from madminer_workflow.storage import read_json

FLOW = Path(__file__).parents[1] / "engine" / "flow"
STAGES = ("configuration", "training", "evaluation", "plotting")

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sacct", "scontrol")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=1
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
SlurmctldTimeout=30
SlurmdTimeout=10
KillWait=2
MinJobAge={age}
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=8000
PartitionName=main Nodes={host} Default=YES MaxTime=120 State=UP
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def reason_not_to_run() -> str | None:
    """Tells why there can be no Slurm here; where it has to be, the programs are installed."""
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        if os.geteuid() == 0 and (os.environ.get("CI") or shutil.which("apt-get")):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            install = "apt-get install -qq -y --no-install-recommends slurm-wlm munge"
            command = f"apt-get update -qq && {install}"
            done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True)
            if done.returncode == 0:
                return None
        return f"{missing[0]} is not installed (Debian: slurm-wlm, munge)"
    return None if os.geteuid() == 0 else "the daemons of Slurm need root"


class Slurm:
    """The daemons, in a folder of their own and on 127.0.0.1 alone."""

    def __init__(self, folder: Path, age: int = 300) -> None:
        self.folder = folder
        self.host = socket.gethostname().partition(".")[0]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        ports = {"controller": free_port(), "daemon": free_port()}
        text = CONFIGURATION.format(host=self.host, folder=folder, age=age, **ports)
        (folder / "slurm.conf").write_text(text)
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self, *names: str) -> None:
        commands = {
            "munged": [
                "munged",
                "--foreground",
                "--force",
                f"--key-file={self.folder}/munge.key",
                f"--socket={self.folder}/munge.socket",
                f"--pid-file={self.folder}/munged.pid",
                f"--log-file={self.folder}/munged.log",
                f"--seed-file={self.folder}/munged.seed",
            ],
            "slurmctld": ["slurmctld", "-D"],
            "slurmd": ["slurmd", "-D", "-N", self.host],
        }
        for name in names:
            with open(self.folder / f"{name}.out", "ab") as log:
                self.processes[name] = subprocess.Popen(
                    commands[name],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            if name == "munged":
                self.wait(lambda: (self.folder / "munge.socket").exists())

    def call(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.state()
            time.sleep(0.1)

    def state(self) -> str:
        logs = [path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log")]
        return "\n".join([self.call("squeue", "--states=all"), self.call("sinfo"), *logs])

    def is_ready(self) -> bool:
        return self.call("sinfo", "--noheader", "--format=%t") in ("idle", "mix", "alloc")

    def stop(self, *names: str) -> None:
        for name in names:
            process = self.processes.pop(name)
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    if reason := reason_not_to_run():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    slurm = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        slurm.start("munged", "slurmctld", "slurmd")
        slurm.wait(slurm.is_ready)
        yield slurm
    finally:
        slurm.call("scancel", f"--user={os.getuid()}")
        slurm.stop(*reversed(list(slurm.processes)))


class Flow:
    """A workflow of trivial steps; the files in `orders` say what a training does besides."""

    backend = "slurm"

    def __init__(self, folder: Path, members: int = 2) -> None:
        self.folder, self.output_dir, self.orders = folder, folder / "the output", folder / "do"
        self.orders.mkdir(parents=True)
        self.plan(members)
        shutil.copytree(FLOW, folder / "flow")
        self.site("")

    def plan(self, members: int) -> None:
        names = ", ".join(f"{{name: m{number}}}" for number in range(members))
        (self.folder / "plan.yml").write_text(f"members: [{names}]\n")

    def site(self, text: str) -> None:
        short = "poll_seconds: 0.5\ngrace_seconds: 5\ndefault: {memory_mb: 200, minutes: 5}\n"
        self.write_site(short + text)

    def write_site(self, text: str) -> None:
        (self.folder / "site.yml").write_text(text)

    def order(self, name: str, script: str) -> None:
        (self.orders / f"{name}.do").write_text(script)

    @property
    def jobs(self) -> Path:
        return self.output_dir / "_yadage" / "jobs"

    @property
    def initdata(self) -> dict[str, str]:
        return {"plan": str(self.folder / "plan.yml"), "orders": str(self.orders)}

    def run(self, **options: Any) -> launch.Outcome:
        backend, at_once = make(self.backend, self.folder / "site.yml", STAGES, self.jobs)
        options = {"backend": backend, **options}
        return launch.run(
            "flow/workflow.yml",
            self.initdata,
            self.output_dir,
            at_once,
            toplevel=self.folder,
            stream=io.StringIO(),
            **options,
        )

    def start(self, keep: bool = False) -> subprocess.Popen[str]:
        """Runs in a process of its own."""
        program = f"""
from pathlib import Path
from madminer_workflow.engine import launch
from madminer_workflow.engine.backends import make
folder, output_dir, jobs = map(Path, {[str(self.folder), str(self.output_dir), str(self.jobs)]})
backend, at_once = make({self.backend!r}, folder / "site.yml", {STAGES}, jobs)
launch.run("flow/workflow.yml", {self.initdata!r}, output_dir, at_once,
    toplevel=folder, backend=backend, keep={keep})
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
