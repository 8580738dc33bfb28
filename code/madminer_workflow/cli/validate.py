"""Validates limits on the example process, whose likelihood is known exactly."""

from __future__ import annotations

from pathlib import Path

import click

from madminer_workflow.cli.options import words
from madminer_workflow.cli.values import Value

__all__ = ["validate"]

_PATH = click.Path(path_type=Path)
_NUMBERS = Value(type="array", items={"type": "integer", "minimum": 0})


@click.command()
@click.option("--input_file", type=_PATH, required=True, help="Settings of the methods.")
@click.option("--output_dir", type=_PATH, required=True, help="Folder to write into.")
@click.option("--presets", default="dy2,dy2b,dy1,dy3", show_default=True, help="Names.")
@click.option(
    "--events", type=_NUMBERS, default="500000", show_default=True, help="Numbers of events."
)
@click.option(
    "--seeds", type=_NUMBERS, default="1,2,3,4,5", show_default=True, help="Seeds of event files."
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
def validate(
    input_file: Path,
    output_dir: Path,
    presets: str,
    events: list[int],
    seeds: list[int],
    jobs: int,
) -> None:
    """Compare learned limits with those of the exact likelihood."""
    from madminer_workflow.steps import validate as step

    cases = step.cases(words(presets), events, seeds)
    rows = []
    for number, found in enumerate(step.validate(cases, input_file, output_dir, jobs), start=1):
        rows += found
        click.echo(f"{number} of {len(cases)} done | {cases[number - 1].name}")
    step.write(rows, output_dir)
    click.echo(step.table(rows))
    click.echo(output_dir)
