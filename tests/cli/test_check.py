from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from madminer_workflow.cli import main

TESTS = Path(__file__).parents[1]


@pytest.fixture
def ended(capsys):
    """A function that runs `check` and returns its status and what it printed."""

    def run(data_file, input_file, *options):
        files = ["--data_file", str(data_file), "--input_file", str(input_file)]
        with pytest.raises(SystemExit) as caught:
            main(["check", *files, *options])
        return caught.value.code, *capsys.readouterr()

    return run


def test_good_input_gives_one_line(ended, event_file, tmp_path):
    input_file = tmp_path / "input.yml"
    input_file.write_text("methods: [alice, sally]\nalice: {training: {n_members: 3}}\n")
    status, output, _ = ended(event_file, input_file)
    assert status == 0
    assert output == "ok: 1000 events, 2 methods, 4 members, 625 grid points\n"


def test_several_files_and_a_profile(ended, event_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.yml", "methods: [alice]"), ("b,c.yml", "methods: [alice, sally]")):
        (tmp_path / name).write_text(text)
    assert (
        ended(event_file, "a.yml")[1] == "ok: 1000 events, 1 methods, 1 members, 625 grid points\n"
    )
    several = "ok: 1000 events, 2 methods, 10 members, 1681 grid points\n"
    full = ("--profile", "full")
    assert ended(event_file, "a.yml,b,c.yml", *full)[1] == several
    assert ended(event_file, "a.yml", *full, "-i", "b,c.yml")[1] == several
    _, _, error = ended(event_file, "a.yml,b.yml")
    assert (
        error == "error: b.yml: cannot be read (No such file or directory), expected a YAML file\n"
    )
    _, _, error = ended(event_file, "a.yml", "--profile", "ful")
    assert error == (
        "error: Invalid value for '--profile': 'ful' is not one of 'smoke', 'default', 'full'.\n"
    )


def test_networks_of_all_folds_are_counted(ended, event_file, tmp_path):
    input_file = tmp_path / "input.yml"
    input_file.write_text(
        "methods: [alice, quadratic]\nquadratic: {training: {n_folds: 3, n_members: 2}}\n"
    )
    _, output, _ = ended(event_file, input_file)
    assert output == "ok: 1000 events, 2 methods, 7 members, 625 grid points\n"


def test_observed_events_are_read(ended, event_file, tmp_path):
    input_file, observed = tmp_path / "input.yml", tmp_path / "data.csv"
    input_file.write_text("methods: [alice]\nobserved: {data: data.csv}\n")
    observed.write_text("angle,energy\n0.5,1\n0.5\n")
    status, _, error = ended(event_file, input_file)
    assert status == 2
    assert error == (
        f"error: {input_file}: observed.data: {observed}: line 3 has 1 values, expected 2 as in "
        "the header\n"
    )
    observed.write_text("angle,energy\n0.5,1\n")
    assert ended(event_file, input_file)[0] == 0


def test_doubts_are_warnings(ended, dummy_events, caplog):
    status, output, _ = ended(dummy_events, TESTS / "data" / "older_input.yml")
    assert status == 0
    assert output == "ok: 5821 events, 3 methods, 3 members, 625 grid points\n"
    messages = [record.getMessage() for record in caplog.records]
    assert any("goes beyond its range" in message for message in messages)
    assert any("goes beyond the gaussian prior" in message for message in messages)
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_only_the_header_is_read(ended, event_file):
    with h5py.File(event_file, "a") as file:
        file["samples/weights"][:] = float("nan")
    assert ended(event_file, TESTS.parent / "workflow" / "input.yml")[0] == 0


def test_bad_files_give_one_line_and_status_2(ended, event_file, tmp_path):
    input_file = tmp_path / "input.yml"
    input_file.write_text("methods: [alice]\ntraining: {epochs: -1}\n")
    line = f"error: {input_file}: training.epochs: -1, expected an integer >= 1\n"
    assert ended(event_file, input_file) == (2, "", line)
    missing = tmp_path / "none.h5"
    line = f"error: {missing}: no such file, expected a MadMiner event file (HDF5)\n"
    assert ended(missing, input_file) == (2, "", line)
