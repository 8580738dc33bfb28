"""The whole workflow as a user repeats it, on a small file: what is kept, what a kill costs."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from madminer_workflow.cli import cli
from madminer_workflow.storage import read_json, read_npz

pytestmark = [
    pytest.mark.slow,
    # Packtivity leaves the file that a step publishes from to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning"),
]

SMALL: dict[str, Any] = {
    "methods": ["alices", "sally"],
    "samples": {"train": 1000, "validation": 300, "test": 100, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 2, "batch_size": 200},
    "asymptotic_limits": {"resolutions": [5, 4]},
    "plotting": dict.fromkeys(["all_methods", "all_methods_separate", "correlations"], False),
}
ALICES = {"training alices_0", "evaluation alices_0"}
SALLY = {"training sally_0", "evaluation sally_0"}
ALL = {"configuration", "sampling", *ALICES, *SALLY, "plotting"}


class Run:
    """A run in a folder of its own, which can be repeated."""

    def __init__(self, folder: Path, make_event_file: Callable[..., Path]) -> None:
        self.folder = folder
        self.output = folder / "the results"
        make_event_file(folder / "my events.h5", n_events=3000)
        self.configure()

    def configure(self, **keys: object) -> None:
        (self.folder / "my input.yml").write_text(json.dumps(SMALL | keys))

    def start(self, *words: str) -> subprocess.Popen[str]:
        files = ["--data_file", "my events.h5", "--input_file", "my input.yml"]
        command = [sys.executable, "-m", "madminer_workflow", "run", *files, "--jobs", "2"]
        return subprocess.Popen(
            [*command, "--output_dir", self.output.name, *words],
            cwd=self.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        output, progress = process.communicate()
        return process.returncode, output, progress

    def again(self, *words: str) -> set[str]:
        """Runs, and gives the steps that were not kept, as the plan has said."""
        planned = self.planned(*words)
        status, _, progress = self.ended(*words)
        assert status == 0, progress
        done = {*re.findall(r"\| (\S+|\S+ \S+) done after", progress)}
        assert planned["would run"] <= done <= planned["would run"] | planned["may run"]
        return done

    def planned(self, *words: str) -> dict[str, set[str]]:
        """Gives the steps by what a run would do with them."""
        files = ["--data_file", self.folder / "my events.h5", "--output_dir", self.output]
        inputs = ["--input_file", self.folder / "my input.yml", "--json", *words]
        result = CliRunner().invoke(cli, ["plan", *map(str, [*files, *inputs])])
        assert result.exit_code == 0, result.output
        found: dict[str, set[str]] = {"done": set(), "would run": set(), "may run": set()}
        for step in json.loads(result.stdout)["steps"]:
            found[step["state"]].add(step["step"])
        return found

    def numbers(self) -> Any:
        """Gives all numbers but those that tell of time."""
        record = read_json(self.output / "plotting" / "results.json")
        del record["provenance"]
        for method in ("alices", "sally"):
            for member in record["limits"][method]["members"]:
                del member["training_seconds"]
        return record

    def arrays(self) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
        paths = (self.output / "plotting" / "limits").rglob("*.npz")
        return {path.name: read_npz(path) for path in paths}

    def processes(self) -> list[str]:
        """Gives the commands that run for this run, but for what logs that it was killed."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_text().replace("\0", " ")
            except OSError:  # has ended
                continue
            if str(self.output) in words and " --follow " not in words:
                found.append(words)
        return found


@pytest.fixture
def run(tmp_path: Path, make_event_file: Callable[..., Path]) -> Run:
    return Run(tmp_path, make_event_file)


def test_only_what_changes_runs_again(run: Run) -> None:
    assert run.again() == ALL
    first = run.numbers()
    start = time.monotonic()
    status, output, progress = run.ended()
    assert time.monotonic() - start < 20
    assert (status, output.count("Expected limits")) == (0, 1)
    assert "\nnothing to do: all 7 steps were finished\n" in progress
    run.configure(plotting=SMALL["plotting"] | {"rates": False})
    assert run.planned()["may run"] == set()
    assert run.again() == {"configuration", "plotting"}
    run.configure(alices={"training": {"epochs": 1}})
    assert run.planned()["may run"] == set()
    assert run.again() == {"configuration", "plotting", *ALICES}
    run.configure(methods=["alices", "carl", "sally"], alices={"training": {"n_members": 2}})
    new = {"training carl_0", "training alices_1", "evaluation carl_0", "evaluation alices_1"}
    assert run.again() == {"configuration", "sampling", "plotting", *ALICES, *new}
    run.configure()
    assert run.again("--until", "sampling") == {"configuration", "sampling"}
    assert run.again() == {"plotting"}
    assert run.numbers() == first
    assert run.planned("--force", "training:sally")["may run"] == set()
    assert run.again("--force", "training:sally") == {*SALLY, "plotting"}
    assert run.numbers() == first


def test_unknown_names_are_refused_before_anything_is_written(run: Run) -> None:
    status, output, errors = run.ended("--force", "training:carl")
    assert (status, output) == (2, "")
    assert errors.endswith(
        "error: --force: 'training:carl', expected one of all, configuration, sampling, training, "
        "evaluation, plotting, training:alices, training:sally, evaluation:alices, "
        "evaluation:sally\n"
    )
    status, output, errors = run.ended("--until", "sampling,train")
    assert (status, output) == (2, "")
    assert errors.endswith(
        "error: --until: 'train', expected one of configuration, sampling, training, evaluation, "
        "plotting\n"
    )
    assert not run.output.exists()


@pytest.mark.long
def test_a_run_that_is_killed_twenty_times_has_the_same_numbers(run: Run) -> None:
    assert run.again() == ALL
    numbers, arrays = run.numbers(), run.arrays()
    moments = random.Random(1)
    n_killed, words = 0, ["--force", "all"]
    while n_killed < 20:
        with run.start(*words) as process:
            try:
                process.communicate(timeout=moments.uniform(1, 8))
            except subprocess.TimeoutExpired:
                process.kill()
                n_killed += 1
                deadline = time.monotonic() + 5
                while run.processes():
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
        words = ["--force", "all"] if process.returncode == 0 else []
    run.again()
    assert run.numbers() == numbers
    np.testing.assert_equal(run.arrays(), arrays)
    with closing(sqlite3.connect(run.output / "mlflow.db")) as store:
        states = {status for (status,) in store.execute("SELECT status FROM runs")}
    assert states <= {"FINISHED", "KILLED"}
