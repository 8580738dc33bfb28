"""Makes an event file of the example process."""

from __future__ import annotations

from pathlib import Path

import click

from madminer_workflow.processes import PRESETS

__all__ = ["generate"]


@click.command()
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="dy2",
    help="What is measured.",
    show_default=True,
)
@click.option(
    "--events",
    type=click.IntRange(min=1),
    default=500_000,
    show_default=True,
    help="Number of accepted events.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Base seed.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write.",
)
def generate(preset: str, events: int, seed: int, output: Path) -> None:
    """Generate the event file of the example process."""
    from madminer_workflow.processes.drell_yan import event_file, generator

    generated = generator.generate(PRESETS[preset], events, seed)
    event_file.write_event_file(generated, output)
    value, error = generated.cross_sections[0], generated.cross_section_errors[0]
    click.echo(f"{output}: {events} events, SM cross section {value:.7f} +- {error:.7f} pb")
