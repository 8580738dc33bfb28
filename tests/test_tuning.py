"""A search for better settings as a user starts it, kills it and starts it again."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from madminer_workflow.tracking.store import URI

pytestmark = pytest.mark.slow

INPUT = """
methods: [alices]
luminosity: 1000
observed: {data: "my events.csv"}
samples: {train: 10000, validation: 1000, test: 100, minimum_effective: 0}
training: {hidden_layers: [8], epochs: 6, batch_size: 500}
asymptotic_limits: {resolutions: [5, 4]}
tuning:
  pruning: false
  space:
    training.learning_rate: {min: 0.001, max: 0.03, log: true}
    training.hidden_layers: {choices: [[8], [16, 16]]}
"""


class Tune:
    """A study in a folder of its own."""

    def __init__(self, folder: Path, make_event_file: Callable[..., Path]) -> None:
        self.folder = folder
        self.study = folder / "the results" / "tuning" / "alices"
        make_event_file(folder / "events.h5", n_events=3000)
        (folder / "my events.csv").write_text("energy,angle\n1.5,0.1\n0.3,-0.2\n")
        (folder / "input.yml").write_text(INPUT)

    def start(self, command: str, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        files = ["--data_file", str(self.folder / "events.h5"), "--output_dir", "the results"]
        return subprocess.Popen(
            [sys.executable, "-m", "madminer_workflow", command, *files, *words],
            cwd=cwd or self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", URI: ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def search(self, *words: str) -> subprocess.Popen[str]:
        own = ["--input_file", "input.yml", "--method", "alices", "--trials", "8", "--seeds", "2"]
        return self.start("tune", *own, *words)

    def trials(self) -> list[dict[str, str]]:
        with open(self.study / "trials.csv", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def runs(self) -> dict[str, str]:
        """Gives the states of the runs in the store; that of the study is called by its method."""
        store = self.folder / "the results" / "mlflow.db"
        if not store.exists():
            return {}
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT name, status FROM runs").fetchall()
        names = Counter(name for name, _ in rows)
        assert set(names.values()) <= {1}, "nothing is logged twice"
        return {"study" if "tuning" in name else name: status for name, status in rows}


@pytest.fixture
def tune(tmp_path: Path, make_event_file: Callable[..., Path]) -> Tune:
    return Tune(tmp_path, make_event_file)


def test_a_study_that_is_killed_twice_is_completed_and_its_settings_run(tune: Tune) -> None:
    for kill in (os.kill, os.killpg):  # the process, and all of its group
        process = tune.search("--jobs", "2")
        assert process.stdout is not None
        for _ in range(2):
            assert "complete" in process.stdout.readline()
        kill(process.pid, signal.SIGKILL)
        process.communicate()  # ends when the helper has ended as well, which has the pipe open too
        deadline = time.monotonic() + 60
        while tune.runs().get("study") != "KILLED" and time.monotonic() < deadline:
            time.sleep(0.2)
        assert tune.runs()["study"] == "KILLED"
        assert "RUNNING" not in tune.runs().values()
    output, errors = tune.search("--jobs", "2").communicate()
    states = Counter(row["state"] for row in tune.trials())
    assert (states["complete"], set(states)) == (8, {"complete", "killed"}), errors
    expected = {"complete": "FINISHED", "killed": "KILLED"}
    expected_runs = {f"trial {row['trial']}": expected[row["state"]] for row in tune.trials()}
    assert tune.runs() == {**expected_runs, "study": "FINISHED"}, errors
    assert f"{sum(states.values())} trials" in output
    best = yaml.safe_load((tune.study / "best.yml").read_text())
    assert (tune.study / best["observed"]["data"]).samefile(tune.folder / "my events.csv")
    elsewhere = tune.folder / "elsewhere"
    elsewhere.mkdir()
    words = ["--input_file", str(tune.study / "best.yml"), "--until", "sampling"]
    run = tune.start("run", *words, cwd=elsewhere)
    _, errors = run.communicate()
    assert run.returncode == 0, errors


def test_two_processes_share_a_study(tune: Tune) -> None:
    processes = [tune.search() for _ in range(2)]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [row["state"] for row in tune.trials()] == ["complete"] * 8
    assert outputs[0][0].partition("\n\n")[2] == outputs[1][0].partition("\n\n")[2]
    shares = [output.partition("\n\n")[0].splitlines() for output, _ in outputs]
    assert sorted(line.split()[1] for share in shares for line in share) == list("01234567")
    assert tune.runs() == {**{f"trial {n}": "FINISHED" for n in range(8)}, "study": "FINISHED"}
