"""Every command that reads events refuses bad files on one line, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from madminer_workflow.cli import main

COMMANDS = ("check", "configure", "sample", "evaluate", "plot", "run")
READING_EVENTS = ("sample", "evaluate", "plot")
EXPECTED = "expected a MadMiner event file (HDF5)"


def missing(path: Path) -> str:
    path.unlink()
    return f"no such file, {EXPECTED}"


def a_folder(path: Path) -> str:
    path.unlink()
    path.mkdir()
    return f"no such file, {EXPECTED}"


def text(path: Path) -> str:
    path.write_text("methods: [alice]\n")
    return f"not an HDF5 file, {EXPECTED}"


def truncated(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:-1000])
    return f"truncated, {EXPECTED}"


def somebody_elses(path: Path) -> str:
    path.unlink()
    with h5py.File(path, "w") as file:
        file["x"] = [1.0, 2.0]
    return "HDF5, but not a MadMiner event file ("


def without_events(path: Path) -> str:
    with h5py.File(path, "a") as file:
        del file["samples"]
    return "a MadMiner file without events"


def damaged(path: Path) -> str:
    with h5py.File(path, "a") as file:
        file["benchmarks/names"][1] = b"b\xff1"
    return "damaged or not a MadMiner event file ('utf-8' codec"


def nan_weights(path: Path) -> str:
    with h5py.File(path, "a") as file:
        file["samples/weights"][3, 2] = np.nan
    return "1 events with weights that are not finite numbers"


@pytest.fixture
def refused(
    event_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[object, str]]:
    """A function that runs a command; it returns the status and the only line that was printed."""
    input_file = tmp_path / "input.yml"
    input_file.write_text(json.dumps({"methods": ["alice"], "luminosity": 1000}))
    more = {
        "evaluate": ["--model_file", str(tmp_path / "no model")],
        "plot": ["--result_files", ""],
    }

    def run(command: str) -> tuple[object, str]:
        files = ["--data_file", str(event_file), "--input_file", str(input_file)]
        out = [] if command == "check" else ["--output_dir", str(tmp_path / "out")]
        with pytest.raises(SystemExit) as ended:
            main([command, *files, *more.get(command, []), *out])
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.count("\n") == 1
        assert not (tmp_path / "out").exists()
        return ended.value.code, errors

    return run


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "spoil", [missing, a_folder, text, truncated, somebody_elses, without_events, damaged]
)
def test_bad_files(
    refused: Callable[[str], tuple[object, str]],
    event_file: Path,
    spoil: Callable[[Path], str],
    command: str,
) -> None:
    message = spoil(event_file)
    status, line = refused(command)
    assert status == 2
    assert line.startswith(f"error: {event_file}: {message}")


@pytest.mark.parametrize("command", READING_EVENTS)
def test_weights_that_are_not_numbers(
    refused: Callable[[str], tuple[object, str]], event_file: Path, command: str
) -> None:
    message = nan_weights(event_file)
    assert refused(command) == (2, f"error: {event_file}: {message}\n")
