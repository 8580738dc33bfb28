from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from madminer_workflow.cli import cli
from madminer_workflow.cli.sample import sample
from madminer_workflow.tracking.log import RECORD_FILE, Record

SETTINGS = {
    "methods": ["alices", "sally"],
    "samples": {"train": 400, "validation": 100, "test": 10, "minimum_effective": 1},
    "training": {"hidden_layers": [8], "epochs": 2, "batch_size": 100},
}


@pytest.fixture(scope="module")
def run(make_event_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    events = make_event_file(folder / "events.h5")
    (folder / "input.yml").write_text(json.dumps(SETTINGS))
    arguments = ["--data_file", events, "--input_file", folder / "input.yml"]
    CliRunner().invoke(
        sample, [*map(str, arguments), "--output_dir", str(folder)], catch_exceptions=False
    )
    return folder


def train(run: Path, output_dir: Path, *options: str, method: str = "alices") -> Result:
    arguments = {
        "--input_file": run / "input.yml",
        "--train_folder": run / "samples" / method,
        "--output_dir": output_dir,
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    return CliRunner().invoke(cli, ["train", *words, *options])


def record(output_dir: Path, name: str = "alices_0") -> Any:
    return json.loads((output_dir / "models" / name / "model.json").read_text())


def test_epochs_and_the_folder_are_printed(run: Path, tmp_path: Path) -> None:
    result = train(run, tmp_path, "--member", "3", method="sally")
    assert result.exit_code == 0, result.output
    *epochs, folder = result.stdout.splitlines()
    assert [line.partition(" loss ")[0] for line in epochs] == [
        f"PROGRESS: epoch {number}/2" for number in (1, 2)
    ]
    assert all("; training loss " in line for line in epochs)
    assert folder == str(tmp_path / "models" / "sally_3")
    assert record(tmp_path, "sally_3")["member"] == 3


def test_options_override_the_input_file(run: Path, tmp_path: Path) -> None:
    options = {
        "--epochs": "1e0",
        "--batch_size": "2e2",
        "--learning_rate": "0.002",
        "--alpha": "input",
        "--hidden_layers": "6,4",
        "--activation": "relu",
        "--seed": "8",
    }
    result = train(run, tmp_path, *(word for pair in options.items() for word in pair))
    assert result.exit_code == 0, result.output
    written = record(tmp_path)
    assert written["seed"] == 8
    settings = written["training"]
    assert (settings["epochs"], settings["batch_size"]) == (1, 200)
    assert (settings["learning_rate"], settings["activation"]) == (0.002, "relu")
    assert settings["hidden_layers"] == [6, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", "0"), "0, expected an integer >= 1, or input"),
        (("--activation", "tanh2"), "did you mean 'tanh'? allowed: elu, "),
        (("--member", "-1"), "-1, expected an integer >= 0"),
        (
            ("--method", "alise"),
            "methods: \"alise\", did you mean 'alices'? allowed: alices, sally",
        ),
        (("--method", "sally"), "method: sally, but "),
    ],
)
def test_bad_values_are_refused(
    run: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = train(run, tmp_path, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_setting_without_effect_is_a_warning(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(run, tmp_path, "--alpha", "2", "--epochs", "1", method="sally")
    assert caplog.messages == ["alpha: not used by sally"]


def test_settings_and_losses_are_tracked(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RECORD_FILE, str(tmp_path / "tracking.json"))
    train(run, tmp_path)
    history = json.loads((tmp_path / "models/alices_0/history.json").read_text())
    logged = Record.read(tmp_path / "tracking.json")
    assert (logged.name, logged.stage) == ("alices_0", "training")
    assert {"method": "alices", "member": 0}.items() <= logged.tags.items()
    assert logged.params["method"] == "alices"
    assert logged.params["training.batch_size"] == 100
    assert logged.metrics["best_validation_loss"] == history["best_validation_loss"]
    curves = {"train_loss", "validation_loss", "learning_rate", "gradient_norm"}
    assert set(logged.history) == curves | {"epoch_seconds"}
    assert logged.history["validation_loss"] == history["validation_loss"]
    assert logged.dataset is not None
    assert logged.dataset.name == "events.h5"


def test_the_same_seed_gives_the_same_weights(run: Path, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        train(run, tmp_path / folder)
    first, second = (
        json.loads((tmp_path / folder / "models/alices_0/history.json").read_text())
        for folder in ("first", "second")
    )
    assert first["train_loss"] == second["train_loss"]
    assert first["validation_loss"] == second["validation_loss"]
