"""The whole workflow as a user starts it, on small files: events in, limits out."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from rocrate.rocrate import ROCrate

from madminer_workflow.assets import SOURCES, STEPS
from madminer_workflow.configuration import load, load_learner
from madminer_workflow.engine.verification import verify
from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.events import read_events, read_header
from madminer_workflow.steps.combine import combine_members
from madminer_workflow.steps.evaluate import evaluate_file
from madminer_workflow.steps.members import read_members
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import train
from madminer_workflow.storage import read_json, read_npz

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of MLflow and its many packages
]

ROOT = Path(__file__).parents[1]
OUTPUT = "the results"
SMALL: dict[str, Any] = {
    "samples": {"train": 1000, "validation": 300, "test": 100, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 2, "batch_size": 200},
}
KINDS = ("limits_{}", "limits_separate_{}", "p_values_{}")
FIGURES = {kind.format(which) for kind in KINDS for which in ("full", "kinematics")}
FIGURES |= {"correlations", "fisher", "training"}

Make = Callable[..., Path]


def start(folder: Path, *words: str | Path) -> subprocess.Popen[str]:
    """Starts a command of the package, or a script, in a folder."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    environment = {**kept, "PYTHONPATH": str(ROOT / "code"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        list(map(str, words)),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_run(folder: Path) -> subprocess.Popen[str]:
    files = ["--data_file", "my events.h5", "--input_file", "my input.yml"]
    command = [sys.executable, "-m", "madminer_workflow", "run", *files, "--output_dir", OUTPUT]
    return start(folder, *command, "--jobs", "2")


@dataclass(frozen=True)
class Flow:
    """A run that has ended: its folder, the shape of its grid, its methods, what it printed."""

    folder: Path
    shape: tuple[int, ...]
    methods: tuple[str, ...]
    output: str
    progress: str

    @property
    def products(self) -> Path:
        return self.folder / OUTPUT / "plotting"

    @property
    def results(self) -> Any:
        return read_json(self.products / "results.json")


def finished(folder: Path, shape: tuple[int, ...], *methods: str) -> Flow:
    """Runs the workflow to its end."""
    process = start_run(folder)
    output, progress = process.communicate()
    assert process.returncode == 0, progress
    return Flow(folder, shape, methods, output, progress)


@pytest.fixture
def run_toy(make_event_file: Make, tmp_path: Path) -> Callable[..., Flow]:
    """A function that runs a method for a toy with as many parameters as the grid has axes."""

    def run(
        shape: tuple[int, ...], method: str, keys: dict[str, Any] | None = None, **training: int
    ) -> Flow:
        make_event_file(tmp_path / "my events.h5", n_parameters=len(shape), n_events=3000)
        document = {
            **SMALL,
            "methods": [method],
            "training": SMALL["training"] | training,
            "asymptotic_limits": {"resolutions": list(shape)},
            **(keys or {}),
        }
        (tmp_path / "my input.yml").write_text(json.dumps(document))
        return finished(tmp_path, shape, method)

    return run


def check_limits(flow: Flow) -> None:
    names = [path.name for path in sorted((flow.products / "limits").glob("*.npz"))]
    assert names == sorted(f"{name}.npz" for name in (*flow.methods, "histogram", "rate"))
    n, k = int(np.prod(flow.shape)), len(flow.shape)
    for name in names:
        arrays = read_npz(flow.products / "limits" / name)
        assert arrays["theta_grid"].shape == (n, k)
        assert arrays["theta_true"].shape == arrays["parameters"].shape == (k,)
        assert arrays["luminosity_ipb"] == 10000
        for which in ("full", "kinematics"):
            q, p = arrays[f"q_{which}"], arrays[f"p_{which}"]
            assert q.shape == p.shape == (n,)
            assert np.isfinite(q).all()
            assert q.min() > -1e-9
            assert (p >= 0).all()
            assert (p <= 1).all()


def check_grid(flow: Flow) -> None:
    """The first parameter varies slowest, over the region of the input file."""
    header = read_header(flow.folder / "my events.h5")
    region = load(flow.folder / "my input.yml", header).limits.region
    axes = [np.linspace(*ends, n) for ends, n in zip(region, flow.shape, strict=True)]
    expected = list(itertools.product(*axes))
    for path in (flow.products / "limits").rglob("*.npz"):
        np.testing.assert_array_equal(read_npz(path)["theta_grid"], expected)


def check_results(flow: Flow) -> None:
    results, header = flow.results, read_header(flow.folder / "my events.h5")
    assert list(results["limits"]) == [*flow.methods, "histogram", "rate"]
    assert tuple(results["parameters"]) == header.parameter_names
    assert results["events"]["total"] == header.n_events
    for name in flow.methods:
        method = results["limits"][name]
        assert method["kind"] == METHODS[name].kind
        assert method["samples"] == {"train": 1000, "validation": 300}
        for which in ("full", "kinematics"):
            assert None not in method[which]["best_fit"].values()
            assert method[which]["regions"]["95"]["size"] > 0
    learned = {"sally"} & set(flow.methods)
    information = {"full", "rate", "kinematics", "histogram", *learned}
    assert set(results["fisher_information"]) == information


def check_figures(flow: Flow) -> None:
    expected = FIGURES | {f"diagnostics_{name}" for name in flow.methods}
    expected |= {"overview"} if len(flow.shape) <= 2 else set()
    found = sorted(path.name for path in (flow.products / "figures").iterdir())
    assert found == sorted(f"{name}.{kind}" for name in expected for kind in ("pdf", "png"))
    assert all(path.stat().st_size > 5000 for path in (flow.products / "figures").iterdir())


def check_printed(flow: Flow) -> None:
    assert flow.output.startswith("Expected limits for ")
    for name in (*flow.methods, "histogram", "rate"):
        assert f"\n  {name} " in flow.output
    assert max(map(len, flow.output.splitlines())) <= 80
    for name in ("results.json", "limits", "figures"):
        assert f"{OUTPUT}/plotting/{name}\n" in flow.output


def check_tracking(flow: Flow) -> None:
    """MLflow has a run for the flow, and below it one for every step but the configuration."""
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{flow.folder / OUTPUT}/mlflow.db")
    found: list[Run] = client.search_runs(["1"])
    assert {run.info.status for run in found} == {"FINISHED"}
    assert f"{len(found)} steps in " in flow.progress
    (whole,) = (run for run in found if run.data.tags["stage"] == "flow")
    steps = {run.info.run_name: run for run in found if run is not whole}
    assert {run.data.tags["mlflow.parentRunId"] for run in steps.values()} == {whole.info.run_id}
    names = {f"{method}_0" for method in flow.methods}
    members = {f"{stage} {name}" for stage in ("training", "evaluation") for name in names}
    assert {"sampling", "plotting", *members} <= set(steps)
    for run in found:
        assert {"version", "data"} <= set(run.data.tags)
        assert [one.dataset.name for one in run.inputs.dataset_inputs] == ["my events.h5"]
    check_metrics(flow, whole, steps)
    files = client.list_artifacts(steps["plotting"].info.run_id)
    assert {file.path for file in files} == {"results.json", "figures"}


def check_metrics(flow: Flow, whole: Any, steps: dict[str, Any]) -> None:
    """The numbers are those of the results, and the curves those of the trainings."""
    metrics = whole.data.metrics
    assert steps["plotting"].data.metrics.items() >= metrics.items()
    for method in flow.methods:
        limit, training = flow.results["limits"][method], steps[f"training {method}_0"].data
        assert metrics[f"area_95/{method}"] == limit["full"]["regions"]["95"]["size"]
        assert metrics[f"normalisation/{method}"] == limit["normalisation"]["largest_offset"]
        assert training.params["training.epochs"] == "2"
        curves = {"train_loss", "validation_loss", "learning_rate", "gradient_norm"}
        assert curves | {"epoch_seconds", "system/cpu_seconds"} <= set(training.metrics)


def check_provenance(flow: Flow) -> None:
    """Every file is as it was recorded, and what the table of the steps declares."""
    found = verify(flow.folder / OUTPUT)
    assert (found.problems, found.n_steps) == ((), 3 + 2 * len(members(flow)))
    crate = ROCrate(flow.folder / OUTPUT)
    written = [entity for entity in crate.get_by_type("File") if "sha256" in entity]
    declared = {entity["exampleOfWork"]["name"] for entity in written}
    assets = [*SOURCES, *(asset for step in STEPS for asset in step.outputs)]
    assert {a.name for a in assets if not a.optional} <= declared <= {a.name for a in assets}
    record = read_json(flow.products / "run.json")
    assert record["parameters"]["settings"]["step"] == "plotting"
    assert record["provenance"]["version"] == flow.results["provenance"]["version"]
    assert {"commit", "dirty", "python", "host", "seed", "ended"} <= set(record["provenance"])
    assert 100 < record["provenance"]["peak_memory_mb"] < 4000


def members(flow: Flow) -> list[Path]:
    return list((flow.folder / OUTPUT).glob("members_*"))


def check(flow: Flow) -> None:
    check_limits(flow)
    check_grid(flow)
    check_results(flow)
    check_figures(flow)
    check_printed(flow)
    check_tracking(flow)
    check_provenance(flow)
    hidden = {path.name for path in (flow.folder / OUTPUT).rglob(".*")}
    assert hidden == {".madminer-workflow"}


def single_steps(flow: Flow, n_members: int) -> Path:
    """Runs the scripts one after the other on the input of a run; returns their products."""
    files = ["-d", "my events.h5", "-i", "my input.yml"]
    (method,) = flow.methods

    def step(script: str, *words: str) -> None:
        process = start(flow.folder, ROOT / "scripts" / script, *words, "-o", "single steps")
        output, errors = process.communicate()
        assert process.returncode == 0, output + errors

    step("1_sampling.sh", *files)
    for member in range(n_members):
        samples, model = f"single steps/samples/{method}", f"single steps/models/{method}_{member}"
        step("2_training.sh", *files[2:], "-t", samples, "-a", f"member={member}")
        step("3_evaluation.sh", *files, "-m", model)
    results = [f"single steps/results/{method}_{member}" for member in range(n_members)]
    step("4_plotting.sh", *files, "-r", "\n".join(reversed(results)))
    return flow.folder / "single steps" / "plotting"


def test_one_parameter(run_toy: Callable[..., Flow]) -> None:
    check(run_toy((21,), "scandal"))


def test_two_parameters_and_the_same_numbers_from_single_steps(
    run_toy: Callable[..., Flow],
) -> None:
    flow = run_toy((9, 6), "alices", n_members=2)
    check(flow)
    folder = single_steps(flow, n_members=2)
    for path in (flow.products / "limits").iterdir():
        first, second = read_npz(path), read_npz(folder / "limits" / path.name)
        np.testing.assert_equal(second, first)
    together, alone = flow.results, read_json(folder / "results.json")
    for record in (together, alone):
        del record["provenance"]
        for member in record["limits"]["alices"]["members"]:
            del member["training_seconds"]
    assert alone == together


def test_observed_events_and_several_true_points_with_folds(
    run_toy: Callable[..., Flow], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.uniform(-1.0, 1.0, 400), rng.exponential(2.0, 400)])
    text = "\n".join(["angle,energy", *(f"{angle},{energy}" for angle, energy in rows), ""])
    (tmp_path / "my data.csv").write_text(text)
    limits = {"resolutions": [6, 5], "theta_true": [[0.0, 0.0], [0.5, -0.5]]}
    drawing = dict.fromkeys(["all_methods", "all_methods_separate", "correlations"], False)
    keys = {"observed": {"data": "my data.csv"}, "asymptotic_limits": limits, "plotting": drawing}
    flow = run_toy((6, 5), "quadratic", keys, n_folds=2)
    check_limits(flow)
    check_grid(flow)
    names = {f"{name}.npz" for name in ("quadratic", "histogram", "rate")}
    for data in ("expected_2", "observed"):
        assert {path.name for path in (flow.products / "limits" / data).iterdir()} == names
    assert flow.results["data"]["observed"]["n_observed"] == 400
    members = flow.results["limits"]["quadratic"]["members"]
    assert [(one["member"], one["weight"]) for one in members] == [(0, 1.0), (1, 1.0)]
    assert flow.results["limits"]["quadratic"]["n_held_out_events"] == 3000
    assert "\nExpected limits for c_u = 0.5, c_d = -0.5, 10000 /pb, " in flow.output
    assert "\nObserved limits, 10000 /pb, 400 events\n" in flow.output
    assert max(map(len, flow.output.splitlines())) <= 80


def test_three_parameters(run_toy: Callable[..., Flow]) -> None:
    check(run_toy((4, 3, 5), "sally"))


def test_the_older_input_form(dummy_events: Path, tmp_path: Path) -> None:
    (tmp_path / "my events.h5").symlink_to(dummy_events)
    text = (ROOT / "tests" / "data" / "older_input.yml").read_text()
    text = text.replace("resolutions: [25, 25]", "resolutions: [7, 5]")
    small = [f"{key}: {json.dumps(value)}\n" for key, value in SMALL.items()]
    (tmp_path / "my input.yml").write_text(text + "".join(small))
    flow = finished(tmp_path, (7, 5), "carl", "rolr", "sally")
    check(flow)
    assert "luminosity: neither given nor in the event file, 10000 /pb is used" in flow.progress
    assert "goes beyond its range" in flow.progress
    grid = read_npz(flow.products / "limits" / "rate.npz")["theta_grid"]
    assert (grid.min(), grid.max()) == (-20, 20)


def test_an_input_file_that_changes_while_it_runs(make_event_file: Make, tmp_path: Path) -> None:
    make_event_file(tmp_path / "my events.h5")
    document = SMALL | {
        "methods": ["carl"],
        "luminosity": 1,
        "asymptotic_limits": {"resolutions": 3},
    }
    (tmp_path / "my input.yml").write_text(json.dumps(document))
    process = start_run(tmp_path)
    frozen = tmp_path / OUTPUT / "_input" / "merged.yml"
    while process.poll() is None and not frozen.exists():
        time.sleep(0.01)
    (tmp_path / "my input.yml").write_text("changed")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    limit = read_npz(tmp_path / OUTPUT / "plotting" / "limits" / "carl.npz")
    assert (len(limit["theta_grid"]), limit["luminosity_ipb"]) == (9, 1.0)
    header = read_header(tmp_path / "my events.h5")
    assert load(frozen, header).methods[0].training.epochs == 2


def training_process(folder: Path) -> int | None:
    """Returns the number of the process that trains for a run in a folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\0")
        except OSError:  # has ended
            continue
        if words[1:3] == ["-m", "madminer_workflow.tracking.project"] and any(
            word.startswith(f"train_folder={folder}") for word in words
        ):
            return int(path.parent.name)
    return None


def test_a_training_that_is_killed_leaves_no_model(make_event_file: Make, tmp_path: Path) -> None:
    make_event_file(tmp_path / "my events.h5")
    document = SMALL | {"methods": ["carl"], "asymptotic_limits": {"resolutions": 3}}
    document["training"] = SMALL["training"] | {"epochs": 1_000_000, "early_stopping": 0}
    (tmp_path / "my input.yml").write_text(json.dumps(document))
    process = start_run(tmp_path)
    step = tmp_path / OUTPUT / "members_0" / "training"
    log = step / "_packtivity" / "training.run.log"
    while process.poll() is None and not (log.exists() and "epoch 3/" in log.read_text()):
        time.sleep(0.1)
    number = training_process(tmp_path)
    assert number is not None
    os.kill(number, signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "error: training carl_0 failed: status 137\n" in errors
    assert f"log: {log}" in errors
    assert "Traceback" not in errors
    assert [path.name for path in step.iterdir()] == ["_packtivity"]
    assert not list((tmp_path / OUTPUT).rglob("results.json"))


def test_events_that_cannot_be_used_end_the_run(make_event_file: Make, tmp_path: Path) -> None:
    path = make_event_file(tmp_path / "my events.h5")
    with h5py.File(path, "a") as file:
        file["samples/weights"][3:5, 1] = np.nan
    (tmp_path / "my input.yml").write_text(json.dumps({"methods": ["carl"]}))
    process = start_run(tmp_path)
    output, errors = process.communicate()
    assert (process.returncode, output) == (1, "")
    assert "error: sampling failed: status 2\n" in errors
    assert f"{path}: 2 events with weights that are not finite numbers\n" in errors
    assert f"log: {tmp_path / OUTPUT}/sampling/_packtivity/sampling.run.log" in errors
    assert "Traceback" not in errors
    assert [path.name for path in (tmp_path / OUTPUT / "sampling").iterdir()] == ["_packtivity"]


def small_drell_yan(folder: Path) -> Path:
    from madminer_workflow.processes import PRESETS
    from madminer_workflow.processes.drell_yan import event_file, generator

    event_file.write_event_file(generator.generate(PRESETS["dy2"], 30_000, 1), folder / "dy2.h5")
    return folder / "dy2.h5"


@pytest.mark.parametrize("name", ["dy2", "dummy"])
def test_every_method_has_a_finite_limit(name: str, dummy_events: Path, tmp_path: Path) -> None:
    header = read_header(small_drell_yan(tmp_path) if name == "dy2" else dummy_events)
    document = SMALL | {"methods": list(METHODS), "asymptotic_limits": {"resolutions": [6, 5]}}
    (tmp_path / "input.yml").write_text(json.dumps(document))
    configuration = load(tmp_path / "input.yml", header)
    events = read_events(header)
    sample(configuration, events, tmp_path)
    results = []
    for method in configuration.methods:
        learner = load_learner(tmp_path / "input.yml", method.name)
        for member in range(method.n_networks):
            samples = tmp_path / "samples" / method.name
            _, model = train(learner, samples, member, tmp_path, lambda _: None)
            results.append(evaluate_file(configuration, model, events, tmp_path)[1])
    combination = combine_members(configuration, events, read_members(results))
    limits = combination.data["expected"].limits
    assert list(limits) == [*METHODS, "histogram", "rate"]
    for limit in limits.values():
        assert np.isfinite([limit.q_full, limit.q_kinematics]).all(), limit.name
        assert np.isfinite(limit.best_fit_full).all(), limit.name
    assert all(np.ptp(limits[method].q_kinematics) > 0 for method in METHODS)
