"""Sweeps, initialisations and experiments as a user grows them, through the real engine."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.storage import read_json, read_npz

pytestmark = [pytest.mark.slow, pytest.mark.long]

SMALL: dict[str, Any] = {
    "methods": ["sally"],
    "samples": {"train": 500, "validation": 100, "test": 100, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 1, "batch_size": 200},
    "asymptotic_limits": {"resolutions": [5, 4]},
    "plotting": dict.fromkeys(["all_methods", "all_methods_separate", "correlations"], False),
    "fisher_information": {"bool": False},
}
FIRST = {"configuration", "sampling", "plotting"}


class Runs:
    """Runs of small input files on one event file."""

    def __init__(self, folder: Path, make_event_file: Callable[..., Path]) -> None:
        self.folder = folder
        make_event_file(folder / "my events.h5", n_events=2000)

    def again(self, output: str, **keys: object) -> set[str]:
        """Runs, and gives the steps that were not kept."""
        (self.folder / "my input.yml").write_text(json.dumps(SMALL | keys))
        files = ["--data_file", "my events.h5", "--input_file", "my input.yml"]
        command = [sys.executable, "-m", "madminer_workflow", "run", *files, "--jobs", "2"]
        done = subprocess.run(
            [*command, "--output_dir", output],
            cwd=self.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80
        return {*re.findall(r"\| (\S+|\S+ \S+) done after", done.stderr)}

    def numbers(self, *folder: str) -> tuple[Any, dict[str, Any]]:
        """Gives all numbers of products but those that tell of time."""
        products = self.folder.joinpath(*folder)
        record = read_json(products / "results.json")
        del record["provenance"]
        for member in record["limits"]["sally"]["members"]:
            del member["training_seconds"]
        paths = (products / "limits").rglob("*.npz")
        return record, {str(path.relative_to(products)): read_npz(path) for path in paths}


@pytest.fixture
def runs(tmp_path: Path, make_event_file: Callable[..., Path]) -> Runs:
    return Runs(tmp_path, make_event_file)


def nodes(*names: str) -> set[str]:
    return {f"{step} {name}" for step in ("training", "evaluation") for name in names}


def test_a_sweep_that_grows(runs: Runs) -> None:
    grid: dict[str, Any] = {"samples.train": [400, 500], "sally.training.epochs": [1, 2]}
    sets = [f"sally_0__train-{n}__epochs-{epochs}" for n in (400, 500) for epochs in (1, 2)]
    assert runs.again("out", sweep={"grid": grid}) == FIRST | nodes(*sets)
    samples = {path.name for path in (runs.folder / "out/sampling/samples").iterdir()}
    assert samples == {"sally__train-400", "sally__train-500"}
    assert runs.again("out", sweep={"grid": grid}) == set()

    grid["sally.training.epochs"].append(3)
    new = nodes("sally_0__train-400__epochs-3", "sally_0__train-500__epochs-3")
    assert runs.again("out", sweep={"grid": grid}) == {"configuration", "plotting"} | new

    keys = {"samples": SMALL["samples"] | {"train": 400}}
    keys |= {"sally": {"training": {"epochs": 3}}}
    assert runs.again("alone", **keys) == FIRST | nodes("sally_0")
    together, alone = (
        runs.numbers("out", "plotting", "train-400__epochs-3"),
        runs.numbers("alone", "plotting"),
    )
    assert together[0] == alone[0]
    np.testing.assert_equal(together[1], alone[1])

    with open(runs.folder / "out/plotting/sweep.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "sally"]
    assert [(row["samples.train"], row["sally.training.epochs"]) for row in rows] == [
        (str(n), str(epochs)) for n in (400, 500) for epochs in (1, 2, 3)
    ]
    region = alone[0]["limits"]["sally"]["full"]["regions"]["95"]
    assert float(rows[2]["size_95_full"]) == region["size"]
    # Points that are taken away, or come in another order, train nothing.
    grid["sally.training.epochs"] = [3, 1]
    assert runs.again("out", sweep={"grid": grid}) == {"configuration", "plotting"}
    assert not (runs.folder / "out/plotting/train-400__epochs-2").exists()


def test_initialisations_of_a_run_that_is_there(runs: Runs) -> None:
    assert runs.again("out") == FIRST | nodes("sally_0")
    before = runs.numbers("out", "plotting")
    new = nodes("sally_0__initialisation-2", "sally_0__initialisation-3")
    assert runs.again("out", initialisations=3) - {"sampling"} == FIRST - {"sampling"} | new
    first = runs.numbers("out", "plotting", "initialisation-1")
    assert first[0] == before[0]
    np.testing.assert_equal(first[1], before[1])
    products = runs.folder / "out" / "plotting"
    limits = [read_npz(products / f"initialisation-{seed}/limits/sally.npz") for seed in (1, 2, 3)]
    mean = read_npz(products / "limits" / "sally.npz")
    q = [limit["q_full"] for limit in limits]
    np.testing.assert_allclose(mean["q_full"], np.mean(q, axis=0))
    np.testing.assert_allclose(mean["q_full_std"], np.std(q, axis=0, ddof=1))
    assert mean["q_full_std"].max() > 0
    assert {path.stem for path in (products / "figures").iterdir()} == {"sweep"}


def test_a_table_of_experiments_that_grows(runs: Runs) -> None:
    high, bsm = {"name": "high", "luminosity": 3e4}, {"name": "bsm", "theta_true": [0.5, 0.2]}
    assert runs.again("out", experiments=[high]) == FIRST | nodes("sally_0")
    evaluated = {"configuration", "evaluation sally_0", "plotting"}
    assert runs.again("out", experiments=[high, bsm]) == evaluated
    events = "energy,angle\n1,0.5\n2,-0.5\n"
    (runs.folder / "run.csv").write_text(events)
    observed = {"name": "run", "observed": "run.csv", "include_xsec": False}
    assert runs.again("out", experiments=[high, bsm, observed]) == evaluated
    dear = bsm | {"name": "high-bsm", "luminosity": 3e4}
    table = [high, bsm, observed, dear]
    assert runs.again("out", experiments=table) == {"configuration", "plotting"}
    data = read_json(runs.folder / "out/plotting/results.json")["data"]
    assert list(data) == ["high", "bsm", "run", "high-bsm"]
    assert [one["luminosity_ipb"] for one in data.values()] == [3e4, 1e4, 1e4, 3e4]
    assert (data["run"]["n_observed"], data["run"]["shown"]) == (2, ["kinematics"])
    limits = runs.folder / "out" / "plotting" / "limits"
    low = read_npz(limits / "bsm/sally.npz")["q_kinematics"]
    np.testing.assert_allclose(read_npz(limits / "high-bsm/sally.npz")["q_kinematics"], 3 * low)
    assert runs.again("other", luminosity=3e4) == FIRST | nodes("sally_0")
    alone = read_npz(runs.folder / "other/plotting/limits/sally.npz")
    there = read_npz(limits / "high/sally.npz")
    for name in ("q_full", "q_kinematics"):
        np.testing.assert_allclose(there[name], alone[name], rtol=1e-9, atol=1e-9)
