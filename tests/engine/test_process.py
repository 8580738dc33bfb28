import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.process import Local


def run(text: str, folder: Path, backend: Local | None = None) -> Finished:
    command = Command("training", text, "image:1", folder, (), {"A": "a b"}, folder / "log")
    return (backend or Local()).run(command, ["sh", "-c", text])


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def pid_in(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def test_output_goes_to_the_log_line_by_line_with_the_time(tmp_path: Path) -> None:
    finished = run("pwd; echo a; echo b >&2; printf 'c\\rd'; exit 3", tmp_path)
    assert finished == Finished(3, (str(tmp_path), "a", "b", "c", "d"))
    lines = (tmp_path / "log").read_text().splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in lines[1:]] == [
        *finished.last_lines,
        "ended with status 3",
    ]
    assert lines[0].endswith("$ pwd; echo a; echo b >&2; printf 'c\\rd'; exit 3")


def test_only_the_last_lines_are_kept(tmp_path: Path) -> None:
    finished = run("seq 100; echo", tmp_path)
    assert finished.status == 0
    assert finished.last_lines == tuple(str(number) for number in range(94, 101))
    assert len((tmp_path / "log").read_text().splitlines()) == 103


def test_the_log_grows_while_the_command_runs(tmp_path: Path) -> None:
    def look() -> None:
        eventually(lambda: "here\n" in (tmp_path / "log").read_text())
        (tmp_path / "seen").touch()

    (tmp_path / "log").touch()
    thread = threading.Thread(target=look)
    thread.start()
    assert run("echo here; while [ ! -e seen ]; do sleep 0.02; done", tmp_path).status == 0
    thread.join()


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    assert run("printf 'a\\377b'", tmp_path).last_lines == ("a\N{REPLACEMENT CHARACTER}b",)


def test_files_that_a_command_inherits(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        command = f"ls /proc/$$/fd/{file.fileno()}"
        assert run(command, tmp_path).status != 0
        assert run(command, tmp_path, Local([file.fileno()])).status == 0


def test_variables_of_a_command(tmp_path: Path) -> None:
    assert run('echo "$A"; [ "$HOME" ]', tmp_path).last_lines == ("a b",)


def test_what_a_command_used_with_its_children(tmp_path: Path) -> None:
    (tmp_path / "program").write_text(
        "import time; x = bytearray(300_000_000); x[::4096] = b'1' * len(x[::4096])\n"
        "while time.process_time() < 0.5: pass\n"
    )
    before = datetime.now().astimezone()
    used = run(f"sleep 0.3; sh -c '\"{sys.executable}\" -IS program; true'", tmp_path).usage
    assert used is not None
    assert before <= used.started <= used.ended <= datetime.now().astimezone()
    assert (used.ended - used.started).total_seconds() > 0.8
    assert 0.5 <= used.cpu_seconds < 2
    # What a long series of tests has needed before counts, too.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    assert 300 < used.peak_memory_mb < max(400, own + 50)


def test_a_signal_becomes_a_status(tmp_path: Path) -> None:
    assert run("kill -9 $$", tmp_path).status == 128 + signal.SIGKILL


def test_stopping_kills_grandchildren(tmp_path: Path) -> None:
    found: list[Finished] = []
    backend = Local()
    command = "sh -c 'sh -c \"echo \\$\\$ >pid; sleep 60\"; true'; true"
    thread = threading.Thread(target=lambda: found.append(run(command, tmp_path, backend)))
    thread.start()
    pid = pid_in(tmp_path / "pid")
    backend.stop()
    thread.join()
    assert found[0].status == 128 + signal.SIGKILL
    eventually(lambda: not alive(pid))


def test_nothing_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import os, pathlib
from madminer_workflow.engine.command import Command
from madminer_workflow.engine.process import Local
folder = pathlib.Path({str(tmp_path)!r})
text = "sh -c 'echo $$ >pid; while :; do sleep 0.05; done'; true"
command = Command("training", text, "image:1", folder, (), {{}}, folder / "log")
Local().run(command, ["sh", "-c", text])
"""
    parent = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    pid = pid_in(tmp_path / "pid")
    os.killpg(parent.pid, signal.SIGKILL)
    assert parent.wait() == -signal.SIGKILL
    eventually(lambda: not alive(pid))
