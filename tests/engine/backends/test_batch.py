from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.engine.backends import refuse_others
from madminer_workflow.engine.backends.batch import LeftError
from madminer_workflow.engine.backends.htcondor import HTCondor
from madminer_workflow.engine.backends.job import Note, main, note_of
from madminer_workflow.engine.backends.site import Retries
from madminer_workflow.errors import InputError

WAIT = "echo begun; while [ ! -e ../go ]; do sleep 0.05; done; echo over"


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def started(farm: Any, backend: Any, *names: str) -> list[threading.Thread]:
    """Starts steps that wait, in threads, and returns when they have begun."""
    commands = [farm.command(name, WAIT) for name in names]
    threads = [
        threading.Thread(target=farm.run, args=(backend, command), daemon=True)
        for command in commands
    ]
    for thread in threads:
        thread.start()
    logs = [command.log for command in commands]
    eventually(lambda: all(log.exists() and "begun" in log.read_text() for log in logs))
    return threads


@pytest.fixture(params=["slurm", "htcondor"])
def either(farm: Any, request: pytest.FixtureRequest) -> Any:
    if request.param == "htcondor":
        farm.kind = HTCondor
    return farm


def test_a_step_is_a_job(either: Any) -> None:
    finished = either.one('pwd; echo "$A" >out; echo "a  b"; exit 3')
    folder = either.folder / "a run" / "one"
    assert (finished.status, finished.last_lines) == (3, (str(folder), "a  b"))
    assert finished.verdict is None
    assert finished.usage is not None
    assert finished.usage.host == os.uname().nodename
    assert (folder / "out").read_text() == "a b\n"
    log = (folder / "_packtivity" / "training.run.log").read_text()
    assert log.splitlines()[-1].endswith("ended with status 3")
    assert either.one("true").status == 0
    assert not list((either.folder / "jobs").iterdir())


def test_jobs_are_submitted_together_and_asked_for_together(either: Any) -> None:
    backend = either.backend(array_size=4)
    commands = [either.command(f"step {index}", f"echo {index}") for index in range(7)]
    found = either.run(backend, *commands)
    assert [finished.last_lines for finished in found] == [(str(index),) for index in range(7)]
    submit, ask = {"slurm": ("sbatch", "squeue")}.get(backend.name, ("condor_submit", "condor_q"))
    assert len(either.calls(submit)) == 2
    assert len(either.calls(ask)) < 20


@pytest.mark.parametrize(
    ("fate", "verdict"),
    [
        ("CANCELLED", "was cancelled"),
        ("TIMEOUT", "exceeded its time limit of 10 minutes"),
        ("OUT_OF_MEMORY", "exceeded its memory limit of 100 MB"),
        ("COMPLETED", "ended by itself, but left no result"),
    ],
)
def test_what_the_batch_system_has_ended(farm: Any, fate: str, verdict: str) -> None:
    farm.order("fate", f"training {fate}\n")
    finished = farm.one("true", farm.backend(grace_seconds=0.3))
    assert finished.status == 1
    assert re.fullmatch(rf"job \d+_0 {verdict}", finished.verdict)
    assert finished.last_lines == ("waits for slurm",)
    assert note_of(farm.command("one").folder) is None


def test_a_job_that_htcondor_holds_is_removed(farm: Any) -> None:
    farm.kind = HTCondor
    farm.order("fate", "training OUT_OF_MEMORY\n")
    verdict = farm.one("true").verdict
    assert verdict.endswith("exceeded its memory limit of 100 MB (memory usage exceeded)")
    assert len(farm.calls("condor_rm")) == 1


def test_more_memory_more_time_another_node(farm: Any) -> None:
    farm.order("fate", "training OUT_OF_MEMORY\ntraining TIMEOUT\ntraining NODE_FAIL\n")
    retries = Retries(out_of_memory=1, time_out=1, node_lost=1, factor=1.5)
    assert farm.one("true", farm.backend(retries)).status == 0
    limits = [re.findall(r"--(mem|time)=(\w+)", call) for call in farm.calls("sbatch")]
    assert [[value for _, value in pair] for pair in limits] == [
        ["100M", "10"],
        ["150M", "10"],
        *[["150M", "15"]] * 2,
    ]


def test_an_attempt_finds_an_empty_folder(farm: Any) -> None:
    folder = farm.command("one").folder
    (folder / "left").mkdir()
    (folder / "over").symlink_to("nowhere")
    assert farm.one("[ $(ls) = _packtivity ]").status == 0


def test_a_submission_that_is_refused(farm: Any) -> None:
    farm.order("refuse", "Invalid partition name specified")
    finished = farm.one("true")
    assert (finished.status, finished.verdict) == (
        1,
        "sbatch: error: Invalid partition name specified",
    )
    assert len(farm.calls("sbatch")) == 1


def test_a_batch_system_that_is_busy_is_asked_again(farm: Any) -> None:
    farm.order("refuse", "Socket timed out on send/recv operation")
    farm.order("away", "")
    threading.Timer(1, (farm.folder / "fake" / "away").unlink).start()
    assert farm.one("true").status == 0
    assert len(farm.calls("sbatch")) == 2


def test_files_that_are_seen_late(farm: Any) -> None:
    farm.order("late", "1")
    assert farm.one("echo good").last_lines == ("good",)
    finished = farm.one("echo good", farm.backend(grace_seconds=0.3))
    assert finished.verdict.endswith("left no result")


def test_a_file_that_the_job_does_not_see(farm: Any, tmp_path: Path) -> None:
    (tmp_path / "read").mkdir()
    (tmp_path / "read" / "file").write_text("content")
    backend = farm.backend(grace_seconds=0.5)
    command = replace(farm.command("one"), read=(tmp_path / "read",))
    assert farm.run(backend, command)[0].status == 0
    note = note_of(command.folder)
    assert note is not None
    assert note.inputs == {str(tmp_path / "read" / "file"): 7}
    (tmp_path / "read" / "file").write_text("more content")
    assert main(str(note.path), note.token, "0") == 1


def test_a_job_without_its_note_does_nothing(farm: Any, capsys: Any) -> None:
    command = farm.command("one", "touch done")
    assert farm.run(farm.backend(), command)[0].status == 0
    (command.folder / "done").unlink()
    assert main(str(command.log.parent / "job.json"), "another", "0") == 1
    assert not (command.folder / "done").exists()
    assert capsys.readouterr().err.endswith("not the note of another; nothing done\n")


@pytest.mark.parametrize("number_is_known", [True, False])
def test_what_another_run_has_left_is_taken_up(either: Any, number_is_known: bool) -> None:
    started(either, either.backend(), "one")
    either.backends[0].stop(keep=True)
    note = note_of(either.command("one").folder)
    assert note is not None
    if not number_is_known:  # killed between the submission and its answer
        replace(note, job=None).write()
    backend = either.backend()
    assert backend.holds(either.command("one").folder, "key")
    (either.folder / "a run" / "go").touch()
    (finished,) = either.run(backend, either.command("one", WAIT))
    assert (finished.status, finished.last_lines) == (0, ("begun", "over"))
    program = "sbatch" if backend.name == "slurm" else "condor_submit"
    assert len(either.calls(program)) == 1


def test_what_has_ended_well_meanwhile_is_taken_up(farm: Any) -> None:
    folder = farm.command("one").folder
    assert farm.one("echo good >file").status == 0
    assert not farm.backend().holds(folder, "another key")
    assert farm.one("echo good >file").status == 0
    assert farm.backend().holds(folder, "key")
    shutil.copytree(folder, copy := folder.with_name("copy"))
    assert not farm.backend().holds(copy, "key")
    (folder / "file").unlink()
    assert not farm.backend(grace_seconds=0.2).holds(folder, "key")


@pytest.mark.parametrize("how", ["holds", "vacate"])
def test_what_is_made_from_something_else_is_cancelled(farm: Any, how: str) -> None:
    started(farm, farm.backend(), "member/one", "member/two")
    farm.backends[0].stop(keep=True)
    folder = farm.folder / "a run" / "member"
    if how == "holds":
        assert not farm.backend().holds(folder / "one", "another key")
        assert (folder / "two" / "_packtivity" / "job.json").exists()
    else:
        farm.backend().vacate(folder)
        assert note_of(folder / "two") is None
        assert len(farm.calls("scancel")) == 1
    assert note_of(folder / "one") is None


@pytest.mark.parametrize("keep", [False, True])
def test_stopping(either: Any, keep: bool) -> None:
    backend = either.backend()
    threads = started(either, backend, "one", "two")
    while any(thread.is_alive() for thread in threads):
        backend.stop(keep=keep)
        time.sleep(0.05)
    program = "scancel" if backend.name == "slurm" else "condor_rm"
    assert len(either.calls(program)) == (0 if keep else 1)
    notes = [note_of(either.command(name).folder) for name in ("one", "two")]
    assert [note is not None for note in notes] == [keep, keep]
    (late,) = either.run(backend, either.command("three"))
    assert isinstance(late, LeftError) or late.verdict.endswith("was cancelled")
    if keep:
        with pytest.raises(InputError, match=f"jobs of {backend.name} .*BACKEND={backend.name}"):
            refuse_others("local", [either.command("one").folder])
        refuse_others(backend.name, [either.command("one").folder])


def test_a_missing_batch_system(farm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="slurm needs sbatch, which is not installed"):
        farm.backend()


def test_a_note_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('{"backend": "slurm"}')
    assert Note.read(tmp_path / "job.json") is None
