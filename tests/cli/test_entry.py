from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli.entry import AUTO, entry_point, model, results, samples
from madminer_workflow.errors import InputError
from madminer_workflow.storage import write_json
from madminer_workflow.tracking.log import Dataset, Record

ROOT = Path(__file__).parents[2]
FLOW = {
    "samples": "sampling/samples/{}/samples.json",
    "models": "members_0/training/models/{}/model.json",
    "results": "members_0/evaluation_0/results/{}/result.json",
}
ALONE = {
    "samples": "samples/{}/samples.json",
    "models": "models/{}/model.json",
    "results": "results/{}/result.json",
}


def leave(path: Path, when: int, content: object = None) -> Path:
    """Writes the description of a folder at some time, and gives the folder."""
    write_json(path, content or {})
    os.utime(path, (when, when))
    return path.parent


@pytest.mark.parametrize("alone", [1, 3])
def test_the_latest_is_taken(tmp_path: Path, alone: int) -> None:
    flow = {key: leave(tmp_path / path.format("alices_0"), 2) for key, path in FLOW.items()}
    other = {key: leave(tmp_path / path.format("alices_0"), alone) for key, path in ALONE.items()}
    wanted = other if alone > 2 else flow
    assert samples(tmp_path, "alices_0") == samples(tmp_path, AUTO) == wanted["samples"]
    assert model(tmp_path, "alices", 0) == model(tmp_path, AUTO, None) == wanted["models"]
    assert results(tmp_path) == [wanted["results"]]


def test_what_is_missing_or_several(tmp_path: Path) -> None:
    for call in (lambda: samples(tmp_path, AUTO), lambda: model(tmp_path, AUTO, None)):
        with pytest.raises(InputError, match=r"output_dir: .* has no .*, expected those of"):
            call()
    with pytest.raises(InputError, match="has no results"):
        results(tmp_path)
    for name in ("alices_0", "alices_1", "sally_0"):
        leave(tmp_path / ALONE["models"].format(name), 1)
    with pytest.raises(InputError, match="several: alices_0, alices_1, sally_0"):
        model(tmp_path, AUTO, None)
    with pytest.raises(InputError, match="nothing there for carl_0, expected one of alices_0, "):
        model(tmp_path, "carl", None)
    assert model(tmp_path, AUTO, 1).name == "alices_1"
    for member in (0, 1):  # of a sweep
        leave(tmp_path / f"members_{member}/training/models/sally_0/model.json", 2)
    with pytest.raises(InputError, match=r"sally_0 stands for several, .*members_0.*members_1"):
        model(tmp_path, "sally", None)


def test_what_is_named_must_be_what_is_meant(tmp_path: Path) -> None:
    folder = leave(tmp_path / "m" / "model.json", 1, {"method": "alices", "member": 1})
    assert model(tmp_path, AUTO, None, str(folder)) == folder
    assert model(tmp_path, "alices", 1, str(folder)) == folder
    with pytest.raises(InputError, match=r"member: 0, but .* is of 1"):
        model(tmp_path, AUTO, 0, str(folder))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    @click.command()
    @entry_point("data_file", "input_file")
    def command(output_dir: Path, **files: Path) -> None:
        output_dir.mkdir(exist_ok=True)
        for path in (output_dir, *files.values()):
            click.echo(path)

    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(command, [*words])


def test_files_are_those_of_the_run_or_the_default_ones(
    tmp_path: Path, call: Callable[..., Result]
) -> None:
    events = tmp_path / "mine.h5"
    events.touch()
    assert call("--data_file", "mine.h5").output.splitlines() == [
        *(".workdir", "mine.h5", str(ROOT / "workflow/input.yml")),
    ]
    assert (tmp_path / ".workdir" / ".madminer-workflow").exists()
    dataset = Dataset("mine.h5", "", str(events))
    write_json(".workdir/sampling/tracking.json", vars(Record("", "")) | {"dataset": vars(dataset)})
    write_json(".workdir/_input/merged.yml", {})
    assert call().output.splitlines() == [".workdir", str(events), ".workdir/_input/merged.yml"]
