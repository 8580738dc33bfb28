"""Stands for the commands of Slurm and HTCondor: `ln -s` it as sbatch, squeue, condor_q, …

The folder FAKE holds a file a job, with its state and the name of its submission; `calls` has the
command lines. `refuse` and `late` in it are what the next submission says and for how many seconds
jobs are shown as completed before they are; `fate` has lines STAGE STATE, each for one job that
then ends so.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ.get("FAKE", ""))
PROGRAM = Path(sys.argv[0]).name
CONDOR = {"RUNNING": 2, "CANCELLED": 3, "COMPLETED": 4, "FAILED": 4, "OUT_OF_MEMORY": 5}


def jobs():
    paths = [path for path in FOLDER.iterdir() if re.fullmatch(r"\d+_\d+", path.name)]
    return {path.name: path.read_text().split("|") for path in sorted(paths)}


def write(job, state, name):
    new = FOLDER / f"{job}.new"
    new.write_text(f"{state}|{name}")
    new.replace(FOLDER / job)


def fate_of(stage):
    fates = FOLDER / "fate"
    lines = fates.read_text().splitlines() if fates.exists() else []
    for line in lines:
        if line.startswith(stage + " "):
            fates.write_text("".join(f"{other}\n" for other in lines if other is not line))
            return line.split()[1]
    return None


def submit(name, commands):
    """Starts a process for each job, as the leader of a group."""
    refuse = FOLDER / "refuse"
    if refuse.exists():
        text = refuse.read_text()
        refuse.unlink()
        sys.exit(f"{PROGRAM}: error: {text}")
    number = len((FOLDER / "calls").read_text().splitlines())
    for index, command in enumerate(commands):
        job = f"{number}_{index}"
        fate = fate_of(name.rpartition("-")[0])
        write(job, fate or "RUNNING", name)
        if fate is None and os.fork() == 0:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            (FOLDER / f"{job}.pid").write_text(str(os.getpid()))
            late = FOLDER / "late"
            if late.exists():
                write(job, "COMPLETED", name)
                time.sleep(float(late.read_text()))
            environment = {**os.environ, "SLURM_ARRAY_TASK_ID": str(index)}
            status = subprocess.run(command(index), env=environment, check=False).returncode
            write(job, "FAILED" if status else "COMPLETED", name)
            os._exit(0)
    return number


def cancel(job):
    state, name = jobs()[job]
    if state == "RUNNING":
        os.killpg(int((FOLDER / f"{job}.pid").read_text()), signal.SIGKILL)
        write(job, "CANCELLED", name)


def sbatch():
    script = sys.stdin.read()
    options = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
    number = range(int(options["array"].partition("-")[2]) + 1)
    print(submit(options["job-name"], [lambda _: ["sh", "-c", script] for _ in number]))


def squeue():
    if (FOLDER / "away").exists():
        sys.exit("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    for job, (state, name) in jobs().items():
        print(f"{job}|{state}|{name}|None")


def sacct():
    sys.exit("Slurm accounting storage is disabled")


def scancel():
    for job in sys.argv[2:]:
        cancel(job)


def condor_submit():
    text = sys.stdin.read()
    lines = dict(re.findall(r"^(\w+) = (.*)$", text, re.M))
    items = text.partition("queue note from (\n")[2].splitlines()[:-1]
    words = [
        word.replace("''", "'") for word in re.findall(r"'((?:[^']|'')*)'", lines["arguments"])
    ]

    def command(index):
        found = [lines["executable"], *words]
        for name, value in (("$(note)", items[index]), ("$(ProcId)", str(index))):
            found = [word.replace(name, value) for word in found]
        return found

    number = submit(lines["batch_name"].strip('"'), [command for _ in items])
    print(f"{number}.0 - {number}.{len(items) - 1}")


def condor_q():
    for job, (state, name) in jobs().items():
        if (CONDOR[state] in (3, 4)) == (PROGRAM == "condor_history"):
            why = "34 {} memory usage exceeded" if CONDOR[state] == 5 else "undefined {} undefined"
            print(job.replace("_", " "), CONDOR[state], why.format(name))


def condor_rm():
    for job in sys.argv[1:]:
        cancel(job.replace(".", "_"))


condor_history = condor_q

if __name__ == "__main__":
    with open(FOLDER / "calls", "a") as calls:
        calls.write(" ".join([PROGRAM, *sys.argv[1:]]) + "\n")
    globals()[PROGRAM]()
