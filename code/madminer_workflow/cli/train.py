"""Trains one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from madminer_workflow.cli.options import number, numbers, whole, word

if TYPE_CHECKING:
    from madminer_workflow.estimators import EpochRecord

__all__ = ["train"]

_INPUT = click.Path(path_type=Path)


@click.command()
@click.option("--input_file", type=_INPUT, required=True, help="Input file.")
@click.option("--train_folder", type=_INPUT, required=True, help="Samples of the method.")
@click.option("--output_dir", type=_INPUT, required=True, help="Folder of the run.")
@click.option("--member", type=click.IntRange(min=0), default=0, help="Number in the ensemble.")
@click.option("--epochs", type=number, default="input", help="Largest number of epochs.")
@click.option("--batch_size", type=number, default="input", help="Samples a step.")
@click.option("--learning_rate", type=number, default="input", help="Learning rate at first.")
@click.option("--alpha", type=number, default="input", help="Weight of the score.")
@click.option("--hidden_layers", type=numbers, default="input", help="Units of each layer.")
@click.option("--activation", type=word, default="input", help="Activation function.")
@click.option("--seed", type=whole, default="input", help="Base seed.")
def train(
    input_file: Path,
    train_folder: Path,
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
    learner = load_learner(input_file, step.method_of(train_folder), overrides)
    learner = learner if seed is None else learner.seeded(seed)
    fitted, folder = step.train(learner, train_folder, member, output_dir, _show)
    track_training(fitted, read_json(train_folder / "samples.json"), folder)
    click.echo(folder)


def _show(epoch: EpochRecord) -> None:
    """Prints a line for an epoch, of which a run shows what stands before the semicolon."""
    click.echo(
        f"PROGRESS: epoch {epoch.epoch}/{epoch.epochs} loss {epoch.validation_loss:.4g}; "
        f"training loss {epoch.train_loss:.5f}, validation loss {epoch.validation_loss:.5f}, "
        f"{epoch.seconds:.1f} s"
    )
