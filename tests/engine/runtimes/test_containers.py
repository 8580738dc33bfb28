from pathlib import Path

import pytest

from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.runtimes import RUNTIMES, Options
from madminer_workflow.engine.runtimes.containers import mounts, names, noted, row
from madminer_workflow.errors import InputError


def command(folder: Path, *read: Path, **variables: str) -> Command:
    return Command("training", "true", "image:1", folder, read, variables, folder / "log")


def test_only_the_folder_of_a_step_can_be_written(tmp_path: Path) -> None:
    run, events = tmp_path / "a run", tmp_path / "z.h5"
    step, marker = run / "training", run / "marker"
    step.mkdir(parents=True)
    for file in (events, marker):
        file.touch()
    reads = (run, events, tmp_path / "not there", step)
    table = mounts(command(step, *reads), Options(claim=marker))
    assert list(table.items()) == [
        (run, False),  # folders before what is in them
        (marker, False),
        (step, True),
        (events, False),
    ]


def test_a_description_of_a_mount_may_have_any_characters() -> None:
    assert row("type=bind", 'source=/a "b", c:d', "ro") == 'type=bind,"source=/a ""b"", c:d",ro'


def test_variables_of_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    monkeypatch.setenv("MKL_NUM_THREADS", "2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    asked = command(tmp_path, COLOUR="blue", OMP_NUM_THREADS="1")
    found = set(names(asked, Options()))
    assert {"COLOUR", "MKL_NUM_THREADS", "OMP_NUM_THREADS"} <= found
    assert not {"AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD"} & found
    assert {"MLFLOW_TRACKING_PASSWORD"} <= set(names(asked, Options(network=True))) - found


def test_a_line_for_what_only_the_runtime_knows(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a\n")
    finished = noted(command(tmp_path), Finished(137, ("a",)), "it was killed")
    assert finished == Finished(137, ("a", "it was killed"))
    lines = (tmp_path / "log").read_text().splitlines()
    assert (lines[0], lines[1].endswith(" it was killed")) == ("a", True)


@pytest.mark.parametrize("name", ["image", "memory", "gpu"])
def test_processes_refuse_what_only_containers_can_do(name: str) -> None:
    with pytest.raises(InputError, match=f"^--{name}: only for steps in containers"):
        RUNTIMES["process"](Options(**{name: "1"}))


@pytest.mark.parametrize("name", ["docker", "apptainer"])
def test_a_program_that_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=f"^--runtime: {name} is not installed"):
        RUNTIMES[name](Options()).check(["image:1"])
