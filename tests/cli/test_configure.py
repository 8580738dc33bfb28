from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import yaml

from madminer_workflow.cli import main
from madminer_workflow.configuration import load
from madminer_workflow.configuration.model import Sampling
from madminer_workflow.events import read_header
from madminer_workflow.storage import read_npz


@pytest.fixture
def configure(tmp_path):
    """A function that runs `configure` on an event file and the text of an input file."""
    input_file, output_dir = tmp_path / "input.yml", tmp_path / "a folder"

    def run(data_file, text):
        input_file.write_text(text)
        arguments = [
            "--data_file",
            data_file,
            "--input_file",
            input_file,
            "--output_dir",
            output_dir,
        ]
        with pytest.raises(SystemExit) as caught:
            main(["configure", *map(str, arguments)])
        return caught.value.code, output_dir

    return run


def test_publishes_one_file_a_step(configure, event_file):
    status, folder = configure(
        event_file, "methods: [alice, sally]\nsally: {training: {n_members: 2}}"
    )
    assert status == 0
    published = yaml.safe_load((folder / "publish.yml").read_text())
    names = ["alice_0", "sally_0", "sally_1"]
    assert [member["name"] for member in published["members"]] == names
    assert [member["member"] for member in published["members"]] == [0, 0, 1]
    files = [published["sampling"], published["plotting"]]
    files += [member["training"] for member in published["members"]]
    files += [path for one in published["members"] for path in one["evaluation"]["settings"]]
    assert sorted(files) == sorted(str(path.resolve()) for path in (folder / "settings").iterdir())
    sampling = load(published["sampling"], read_header(event_file)).methods[0].sampling
    assert isinstance(sampling, Sampling)
    assert (
        json.loads((folder / "settings" / "sally_1.training.json").read_text())["step"]
        == "training"
    )


@pytest.mark.parametrize("rows", ["0.5,rain,1\n-0.5,sun,2\n", ""])
def test_observed_events_go_with_the_settings(configure, event_file, tmp_path, rows):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "observed.csv").write_text("angle,weather,energy\n" + rows)
    text = "methods: [alice]\nluminosity: 1\nobserved: {data: data/observed.csv}\n"
    status, folder = configure(event_file, text)
    assert status == 0
    (tmp_path / "data" / "observed.csv").unlink()
    (copy,) = (folder / "settings").glob("observed-*.npz")
    copied = read_npz(copy)
    assert copied["observables"].tolist() == ["energy", "angle"]
    assert copied["x"].tolist() == ([[1.0, 0.5], [2.0, -0.5]] if rows else [])
    published = yaml.safe_load((folder / "publish.yml").read_text())
    header = read_header(event_file)
    for name in (published["plotting"], *published["members"][0]["evaluation"]["settings"]):
        observed = load(name, header).observed
        np.testing.assert_array_equal(observed.x, copied["x"])
    assert load(published["sampling"], header).observed is None


def test_without_observed_events_there_is_no_file_of_them(configure, event_file):
    _, folder = configure(event_file, "methods: [alice]")
    assert not list((folder / "settings").glob("observed*"))


def test_other_observed_events_change_the_settings_that_use_them(configure, event_file, tmp_path):
    seen = []
    for value in (1, 2):
        (tmp_path / "observed.csv").write_text(f"angle,energy\n0.5,{value}\n")
        text = "methods: [alice]\nluminosity: 1\nobserved: {data: observed.csv}\n"
        _, folder = configure(event_file, text)
        settings = folder / "settings"
        seen.append({path.name: path.read_text() for path in settings.glob("*.json")})
    changed = {name for name, text in seen[0].items() if seen[1][name] != text}
    assert changed == {"alice_0.evaluation.json", "plotting.json"}


def test_paths_are_absolute(event_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input.yml").write_text("methods: [alice]")
    with pytest.raises(SystemExit):
        main(["configure", "-d", str(event_file), "-i", "input.yml", "-o", "out"])
    published = yaml.safe_load((tmp_path / "out" / "publish.yml").read_text())
    assert published["sampling"] == str(tmp_path / "out" / "settings" / "sampling.json")


def test_settings_of_an_earlier_input_vanish(configure, event_file):
    configure(event_file, "methods: [alice, carl]")
    _, folder = configure(event_file, "methods: [carl]")
    names = {path.name for path in (folder / "settings").iterdir()}
    assert names == {
        "carl_0.evaluation.json",
        "carl_0.training.json",
        "plotting.json",
        "sampling.json",
    }


def test_same_input_gives_the_same_files(configure, event_file):
    contents = []
    for _ in range(2):
        _, folder = configure(event_file, "methods: [alice, carl]")
        contents.append({p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert contents[0] == contents[1]


BAD = {
    "not YAML": ("methods: [alice", "line 1, column 16: expected ',' or ']'"),
    "unknown key": ("metods: [alice]", "metods: unknown key, did you mean 'methods'?"),
    "wrong type": ("methods: alice", 'methods: "alice", expected a list'),
    "method": ("methods: [alise]", "methods[0]: \"alise\", did you mean 'alice'?"),
    "benchmark": (
        "{methods: [alice], alice: {theta_1: {sampling_method: benchmark, sampling_arg: SM}}}",
        'alice.theta_1.sampling_arg: "SM", allowed: sm, b1',
    ),
    "observable": (
        "{methods: [alice], histogram_vars: [energi]}",
        "histogram_vars: \"energi\", did you mean 'energy'?",
    ),
    "parameter": (
        "{methods: [alice], asymptotic_limits: {region: {c_x: {min: 0, max: 1}}}}",
        "asymptotic_limits.region.c_x: no such parameter",
    ),
    "length of theta": (
        "{methods: [alice], asymptotic_limits: {theta_true: [0]}}",
        "asymptotic_limits.theta_true: [0], expected 2 coordinate(s)",
    ),
    "length of one theta of several": (
        "{methods: [alice], asymptotic_limits: {theta_true: [[0, 0], [0, 0, 0]]}}",
        "asymptotic_limits.theta_true[1]: [0, 0, 0], expected 2 coordinate(s)",
    ),
    "theta twice": (
        "{methods: [alice], asymptotic_limits: {theta_true: [[0, 0], [0, 0]]}}",
        "asymptotic_limits.theta_true[1]: [0.0, 0.0] is given twice, expected once",
    ),
    "no observed events": (
        "{methods: [alice], observed: {data: /nowhere/data.npz}}",
        "observed.data: /nowhere/data.npz: no such file, expected an npz file",
    ),
    "format of observed events": (
        "{methods: [alice], observed: {data: data.txt}}",
        "observed.data: ",
    ),
    "min above max": (
        "{methods: [alice], asymptotic_limits: {region: {c_u: {min: 1, max: 0}}}}",
        "asymptotic_limits.region.c_u: min 1 and max 0, expected min < max",
    ),
    "resolution": (
        "{methods: [alice], asymptotic_limits: {resolutions: [25, 1]}}",
        "asymptotic_limits.resolutions[1]: 1, expected an integer >= 2",
    ),
    "splits": (
        "{methods: [alice], splits: {train: 0.9, validation: 0.0999, test: 0.0001}}",
        "splits.test: 0.0001 of 1000 events, expected one or more",
    ),
    "negative count": (
        "{methods: [alice], samples: {train: -5}}",
        "samples.train: -5, expected an integer >= 1",
    ),
    "bool as number": (
        "{methods: [alice], fisher_information: {bool: 1}}",
        "fisher_information.bool: 1, expected true or false",
    ),
    "bool as text": (
        '{methods: [alice], plotting: {rates: "0"}}',
        'plotting.rates: "0", expected true or false',
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_status_2_and_no_file(configure, event_file, capsys, case):
    text, message = BAD[case]
    status, folder = configure(event_file, text)
    _, error = capsys.readouterr()
    assert status == 2
    assert error.startswith(f"error: {folder.parent / 'input.yml'}: {message}")
    assert error.count("\n") == 1
    assert not folder.exists()


def truncated(path):
    path.write_bytes(path.read_bytes()[:-1000])


def not_hdf5(path):
    path.write_text("methods: [alice]")


def not_madminer(path):
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]


def no_events(path):
    with h5py.File(path, "a") as file:
        del file["samples"]


@pytest.mark.parametrize("damage", [truncated, not_hdf5, not_madminer, no_events])
def test_bad_event_file_gives_one_line_status_2_and_no_file(configure, event_file, capsys, damage):
    damage(event_file)
    status, folder = configure(event_file, "methods: [alice]")
    _, error = capsys.readouterr()
    assert status == 2
    assert error.startswith(f"error: {event_file}: ")
    assert error.count("\n") == 1
    assert not folder.exists()
