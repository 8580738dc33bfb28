from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli
from madminer_workflow.storage import read_json, read_npz

DOCUMENT = {
    "methods": ["quadratic", "alice", "sally"],
    "samples": {"train": 500, "validation": 100, "test": 100, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 1, "batch_size": 100},
    "asymptotic_limits": {"resolutions": 7},
    "luminosity": 30_000,
}
WIDTH = 80


@dataclass(frozen=True)
class Finished:
    """A run of networks that have learned next to nothing."""

    data_file: Path
    input_file: Path
    folder: Path

    def call(self, *options: str) -> Result:
        files = ["--data_file", str(self.data_file), "--input_file", str(self.input_file)]
        where = ["--output_dir", str(self.folder)]
        return CliRunner().invoke(cli, ["coverage", *files, *where, *options])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    from madminer_workflow.configuration import load, load_learner
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.processes import PRESETS
    from madminer_workflow.processes.drell_yan import event_file, generator
    from madminer_workflow.steps.evaluate import evaluate_file
    from madminer_workflow.steps.sample import sample
    from madminer_workflow.steps.train import train

    folder = tmp_path_factory.mktemp("a run")
    made = Finished(folder / "events.h5", folder / "input.json", folder / "out")
    made.input_file.write_text(json.dumps(DOCUMENT))
    event_file.write_event_file(generator.generate(PRESETS["dy2"], 4000, 1), made.data_file)
    header = read_header(made.data_file)
    configuration, events = load(made.input_file, header), read_events(header)
    sample(configuration, events, made.folder)
    for method in configuration.methods:
        learner = load_learner(made.input_file, method.name)
        for network in range(method.n_networks):
            samples = made.folder / "samples" / method.name
            _, model = train(learner, samples, network, made.folder, lambda _: None)
            # as Yadage does, each evaluation in a folder of its own
            place = made.folder / f"members_{method.name}_{network}" / "evaluation"
            evaluate_file(configuration, model, events, place)
    return made


def test_a_finished_run_is_tried_out(finished: Finished) -> None:
    result = finished.call("--toys", "40")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Coverage in 40 toys at each point, 30000 /pb"
    assert lines[-1] == str(finished.folder / "coverage")
    assert max(map(len, lines[:-1])) <= WIDTH
    record = read_json(finished.folder / "coverage" / "coverage.json")
    assert list(record["methods"]) == ["quadratic", "exact", "alice", "exact_2"]
    assert [one["n_held_out_events"] for one in record["methods"].values()] == [
        4000,
        4000,
        800,
        800,
    ]
    assert record["points"][0]["theta"] == {"c_eu": 0.0, "c_ed": 0.0}
    assert len(record["points"]) == 6
    q = read_npz(finished.folder / "coverage" / "coverage.npz")["q_kinematics_exact_2"]
    assert q.shape == (6, 40)


def test_options(finished: Finished) -> None:
    points = ["--theta", "0,0", "--theta", "-0.5 1e0"]
    result = finished.call(*points, "--toys", "30", "--methods", "quadratic", "--neyman")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines()[:-1])) <= WIDTH
    record = read_json(finished.folder / "coverage" / "coverage.json")
    assert list(record["methods"]) == ["quadratic", "exact"]
    thetas = [point["theta"] for point in record["points"]]
    assert thetas == [{"c_eu": 0.0, "c_ed": 0.0}, {"c_eu": -0.5, "c_ed": 1.0}]
    at_sm = record["methods"]["quadratic"]["coverage"]["full"][0]["95"]
    assert at_sm["neyman"]["threshold"] > 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--theta", "1"], "theta: 1, expected one number for each of c_eu, c_ed"),
        (["--theta", "0,9"], "theta: c_ed = 9, allowed: -4 to 3.5, the scanned region"),
        (["--theta", "a,b"], "a,b, expected a list (each a number)"),
        (["--methods", "carl"], "methods: carl, allowed: quadratic, alice"),
        (["--toys", "0"], "0 is not in the range"),
        (["--output_dir", "/nowhere"], "output_dir: /nowhere has no results of a run"),
    ],
)
def test_bad_options(finished: Finished, options: list[str], message: str) -> None:
    result = finished.call(*options)
    assert result.exit_code == 2
    assert message in result.output


def test_another_input_file_than_that_of_the_run(
    finished: Finished, tmp_path: Path, make_event_file: Callable[..., Path]
) -> None:
    (tmp_path / "input.json").write_text(json.dumps(DOCUMENT | {"seed": 3}))
    other = Finished(finished.data_file, tmp_path / "input.json", finished.folder)
    result = other.call()
    assert result.exit_code == 2
    assert "trained with the seed 1, expected 3 as in the input file" in result.output
    foreign = Finished(make_event_file(tmp_path / "e.h5"), finished.input_file, finished.folder)
    assert foreign.call().exit_code == 2
