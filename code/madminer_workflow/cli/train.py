"""Trains one network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.cli.entry import AUTO, entry_point, samples
from madminer_workflow.cli.values import INPUT, Setting, Value

if TYPE_CHECKING:
    from madminer_workflow.estimators import EpochRecord

__all__ = ["train"]


def _setting(name: str, text: str) -> Callable[[Any], Any]:
    """Returns an option for a key of `training`."""
    return click.option(f"--{name}", type=Setting("training", name), default=INPUT, help=text)


@click.command()
@entry_point("input_file")
@click.option("--method", default=AUTO, help="Method, if samples of several are there.")
@click.option(
    "--train_folder", default=AUTO, help=f"Samples; {AUTO}: the latest of the method in output_dir."
)
@click.option(
    "--member",
    type=Value(type="integer", minimum=0),
    default=0,
    help="Number in the ensemble, each of which starts from other weights.",
)
@_setting("hidden_layers", "Units of each hidden layer.")
@_setting("activation", "Activation function of the hidden layers.")
@_setting("epochs", "Largest number of passes over the samples.")
@_setting("batch_size", "Samples in one step of the optimiser.")
@_setting("learning_rate", "Learning rate of the first epoch.")
@_setting("alpha", "Weight of the score in the loss, if the method has one.")
@click.option("--seed", type=Setting("seed"), default=INPUT, help="Base seed.")
def train(
    input_file: Path,
    method: str,
    train_folder: str,
    output_dir: Path,
    member: int,
    seed: int | None,
    **settings: object,
) -> None:
    """Train one estimator."""
    from madminer_workflow.cli.tracked import track_training
    from madminer_workflow.configuration import load_learner
    from madminer_workflow.steps import train as step
    from madminer_workflow.storage import read_json

    overrides = {name: value for name, value in settings.items() if value is not None}
    if method != AUTO:
        load_learner(input_file, method)  # tells which methods there are
    folder = samples(output_dir, method, train_folder)
    learner = load_learner(input_file, step.method_of(folder), overrides)
    learner = learner if seed is None else learner.seeded(seed)
    fitted, model = step.train(learner, folder, member, output_dir, _show)
    track_training(fitted, read_json(folder / "samples.json"), model)
    click.echo(model)


def _show(epoch: EpochRecord) -> None:
    """Prints a line for an epoch, of which a run shows what stands before the semicolon."""
    click.echo(
        f"PROGRESS: epoch {epoch.epoch}/{epoch.epochs} loss {epoch.validation_loss:.4g}; "
        f"training loss {epoch.train_loss:.5f}, validation loss {epoch.validation_loss:.5f}, "
        f"{epoch.seconds:.1f} s"
    )
