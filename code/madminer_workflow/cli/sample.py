"""Draws the samples of every method."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from madminer_workflow.configuration.model import Configuration

__all__ = ["sample"]

_INPUT = click.Path(path_type=Path)


def _whole(_: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """Returns a whole number, which MLflow may hand over as 1e5; None for "input"."""
    if value == "input":
        return None
    minimum = 0 if parameter.name == "seed" else 1
    with contextlib.suppress(ArithmeticError, ValueError):
        number = Decimal(value)
        if number >= minimum and number == int(number):
            return int(number)
    raise click.BadParameter(f"{value}, expected a whole number >= {minimum} or input")


@click.command()
@click.option("--data_file", type=_INPUT, required=True, help="MadMiner event file.")
@click.option("--input_file", type=_INPUT, required=True, help="Input file.")
@click.option("--output_dir", type=_INPUT, required=True, help="Folder of the run.")
@click.option("--n_train", callback=_whole, default="input", help="Training samples.")
@click.option("--n_validation", callback=_whole, default="input", help="Validation samples.")
@click.option("--n_test", callback=_whole, default="input", help="Test samples.")
@click.option("--seed", callback=_whole, default="input", help="Base seed of the samples.")
def sample(
    data_file: Path,
    input_file: Path,
    output_dir: Path,
    seed: int | None,
    **numbers: int | None,
) -> None:
    """Draw training, validation and test samples of every method."""
    from madminer_workflow.cli.tracked import track_sampling
    from madminer_workflow.configuration import load_parts
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.steps.sample import sample as draw

    header = read_header(data_file)
    parts, events = load_parts(input_file, header), read_events(header)
    records = []
    for one in parts:
        configuration = _overridden(one.configuration, numbers)
        for record in draw(configuration, events, output_dir, seed, one.name):
            records.append(record)
            drawn = ", ".join(f"{part.n_samples} {name}" for name, part in record.parts.items())
            effective = min(part.effective_samples for part in record.parts.values())
            what = one.name or record.method
            click.echo(f"{what}: {drawn} samples, from {effective:.4g} effective events at least")
    track_sampling(header, parts[0].configuration, records)


def _overridden(configuration: Configuration, numbers: dict[str, int | None]) -> Configuration:
    """Returns the configuration with the numbers of samples that are given."""
    given: dict[str, Any] = {name: number for name, number in numbers.items() if number}
    methods = tuple(
        replace(method, sampling=replace(method.sampling, **given))
        for method in configuration.methods
    )
    return replace(configuration, methods=methods)
