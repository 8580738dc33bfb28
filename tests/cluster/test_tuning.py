"""A study that jobs of Slurm share."""

from __future__ import annotations

import csv
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

N_TRIALS = 10
INPUT = """
methods: [alices]
samples: {train: 10000, validation: 1000, test: 100, minimum_effective: 0}
training: {hidden_layers: [16, 16], epochs: 20, batch_size: 100}
tuning:
  pruning: false
  space: {training.learning_rate: {min: 0.001, max: 0.03, log: true}}
"""


def test_two_jobs_share_the_trials(
    slurm: Any, tmp_path: Path, make_event_file: Callable[..., Path]
) -> None:
    events = make_event_file(tmp_path / "events.h5", n_events=3000)
    (tmp_path / "input.yml").write_text(INPUT)
    words = [sys.executable, "-m", "madminer_workflow", "tune", "--data_file", str(events)]
    words += ["--input_file", "input.yml", "--output_dir", "results", "--method", "alices"]
    words += ["--trials", str(N_TRIALS)]
    options = ["--parsable", f"--chdir={tmp_path}", "--mem=1500", "--wrap", shlex.join(words)]
    jobs = [slurm.call("sbatch", *options) for _ in range(2)]
    slurm.wait(lambda: not slurm.call("squeue", "--noheader"), seconds=300)
    logs = [(tmp_path / f"slurm-{job}.out").read_text() for job in jobs]
    taken = [set(re.findall(r"^trial (\d+) complete", log, re.MULTILINE)) for log in logs]
    assert all(taken), logs
    assert not taken[0] & taken[1]
    with open(tmp_path / "results" / "tuning" / "alices" / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["trial"] for row in rows} == taken[0] | taken[1]
    assert [row["state"] for row in rows] == ["complete"] * N_TRIALS
    assert all("best settings" in log for log in logs)
