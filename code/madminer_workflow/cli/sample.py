"""Draws the samples of every method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.cli.entry import entry_point
from madminer_workflow.cli.values import INPUT, Setting

if TYPE_CHECKING:
    from madminer_workflow.configuration.model import Configuration

__all__ = ["sample"]


def _number(name: str, text: str) -> Callable[[Any], Any]:
    """Returns an option for a number of samples."""
    return click.option(f"--n_{name}", type=Setting("samples", name), default=INPUT, help=text)


@click.command()
@entry_point("data_file", "input_file")
@_number("train", "Number of training samples of each method.")
@_number("validation", "Number of validation samples.")
@_number("test", "Number of test samples.")
@click.option("--seed", type=Setting("seed"), default=INPUT, help="Base seed of the samples.")
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
