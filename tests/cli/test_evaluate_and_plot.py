from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli
from madminer_workflow.storage import read_json, read_npz
from madminer_workflow.tracking.log import RECORD_FILE, Record

DOCUMENT = {
    "methods": ["alice"],
    "samples": {"train": 200, "validation": 50, "test": 20, "minimum_effective": 1},
    "training": {"hidden_layers": [4], "epochs": 1, "batch_size": 100},
    "asymptotic_limits": {"resolutions": 3},
    "luminosity": 1000,
    "plotting": dict.fromkeys(["all_methods", "all_methods_separate", "correlations"], False),
    "fisher_information": {"bool": False},
}


@dataclass(frozen=True)
class Trained:
    """An event file, an input file, and the folder of a run with one trained model."""

    data_file: Path
    input_file: Path
    folder: Path

    @property
    def files(self) -> list[str]:
        return ["--data_file", str(self.data_file), "--input_file", str(self.input_file)]

    def evaluate(self, output_dir: Path, *options: str) -> Result:
        model = ["--model_file", str(self.folder / "models" / "alice_0")]
        where = ["--output_dir", str(output_dir)]
        return CliRunner().invoke(cli, ["evaluate", *self.files, *model, *where, *options])

    def plot(self, output_dir: Path, result_files: str) -> Result:
        results = ["--result_files", result_files, "--output_dir", str(output_dir)]
        return CliRunner().invoke(cli, ["plot", *self.files, *results])


@pytest.fixture(scope="module")
def trained(
    make_event_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("a run")
    made = Trained(make_event_file(folder / "events.h5"), folder / "input.json", folder / "out")
    made.input_file.write_text(json.dumps(DOCUMENT))
    samples, out = str(made.folder / "samples" / "alice"), ["--output_dir", str(made.folder)]
    for words in (
        ["sample", *made.files],
        ["train", "--input_file", str(made.input_file), "--train_folder", samples],
    ):
        result = CliRunner().invoke(cli, [*words, *out])
        assert result.exit_code == 0, result.output
    return made


def test_the_result_and_its_folder(trained: Trained, tmp_path: Path) -> None:
    result = trained.evaluate(tmp_path)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "results" / "alice_0"
    first, last = result.stdout.splitlines()
    assert first == "alice: 200 held-out events"
    assert last == str(folder)
    assert read_npz(folder / "result.npz")["expected.plug_in"].shape == (9,)
    assert read_json(folder / "result.json")["limits"]["luminosity_ipb"] == 1000


def test_the_luminosity_can_be_overridden(trained: Trained, tmp_path: Path) -> None:
    expected = []
    for name, value in (("same", "input"), ("other", "3e3")):
        result = trained.evaluate(tmp_path / name, "--luminosity", value)
        assert result.exit_code == 0, result.output
        arrays = read_npz(tmp_path / name / "results/alice_0/result.npz")
        expected.append(arrays["expected.n_events"])
    assert expected[1] == pytest.approx(3 * expected[0])
    folder = tmp_path / "other" / "results" / "alice_0"
    plotted = trained.plot(tmp_path / "other", str(folder))
    assert plotted.exit_code == 0, plotted.output
    assert read_json(tmp_path / "other/plotting/results.json")["luminosity_ipb"] == 3000


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_bad_luminosity(trained: Trained, tmp_path: Path, value: str) -> None:
    result = trained.evaluate(tmp_path / "out", "--luminosity", value)
    assert result.exit_code != 0
    assert "luminosity" in result.output
    assert not (tmp_path / "out").exists()


def test_plotting_prints_the_table_and_the_folder(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(trained.evaluate(tmp_path).stdout.splitlines()[-1])
    monkeypatch.setenv(RECORD_FILE, str(tmp_path / "tracking.json"))
    result = trained.plot(tmp_path, f"\n  {folder}  \n\n")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Expected limits for c_u = 0, c_d = 0, 1000 /pb, ")
    assert lines[-1] == str(tmp_path / "plotting")
    logged = Record.read(tmp_path / "tracking.json")
    results = read_json(tmp_path / "plotting" / "results.json")
    size = results["limits"]["alice"]["full"]["regions"]["95"]["size"]
    assert logged.metrics["area_95/alice"] == size
    assert logged.metrics["cross_entropy/alice"] == results["best"]["values"]["alice"]["value"]
    for name in ("area_95_kinematics", "normalisation", "closure_chi2"):
        assert isinstance(logged.metrics[f"{name}/alice"], float)
    assert logged.artifacts == ["plotting/results.json", "plotting/figures"]
    assert logged.params["grid.resolutions"] == [3, 3]


def test_observed_events_have_a_table_of_their_own(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "my events.csv").write_text("energy,angle\n1,0.5\n99,-0.5\n")
    observed = {"observed": {"data": "my events.csv"}}
    (tmp_path / "input.json").write_text(json.dumps(DOCUMENT | observed))
    other = replace(trained, input_file=tmp_path / "input.json")
    folder = Path(other.evaluate(tmp_path).stdout.splitlines()[-1])
    result = other.plot(tmp_path, str(folder))
    assert result.exit_code == 0, result.output
    assert "\nObserved limits, 1000 /pb, 2 events\n" in result.stdout
    results = read_json(tmp_path / "plotting" / "results.json")
    assert list(results["data"]["observed"]["limits"]) == ["alice", "histogram", "rate"]
    refused = trained.plot(tmp_path / "out", str(folder))
    assert refused.exit_code == 2
    assert "observed.data: evaluated for 2 events, expected none" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_without_results_there_are_the_baselines(trained: Trained, tmp_path: Path) -> None:
    result = trained.plot(tmp_path, " \n")
    assert result.exit_code == 0, result.output
    results = read_json(tmp_path / "plotting" / "results.json")
    assert list(results["limits"]) == ["histogram", "rate"]
