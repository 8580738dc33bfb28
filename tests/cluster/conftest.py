"""A Slurm of one node, made of real daemons, for the tests of this folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
