"""Validates limits on the example process, whose likelihood is known exactly."""

from __future__ import annotations

from pathlib import Path

import click

from madminer_workflow.cli.options import wholes, words

__all__ = ["validate"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--input_file", type=_PATH, required=True, help="Settings of the methods.")
@click.option("--output_dir", type=_PATH, required=True, help="Folder to write into.")
@click.option("--presets", default="dy2,dy2b,dy1,dy3", show_default=True, help="Names.")
@click.option("--events", default="500000", show_default=True, help="Numbers of events.")
@click.option("--seeds", default="1,2,3,4,5", show_default=True, help="Seeds of event files.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
def validate(
    input_file: Path, output_dir: Path, presets: str, events: str, seeds: str, jobs: int
) -> None:
    """Compare learned limits with those of the exact likelihood."""
    from madminer_workflow.figures import agreement
    from madminer_workflow.statistics.agreement import Agreement, Case
    from madminer_workflow.steps import validate as step
    from madminer_workflow.storage import write_figure, write_json, write_text

    cases = [
        Case(preset, n_events, seed)
        for n_events in wholes(events)
        for seed in wholes(seeds)
        for preset in words(presets)
    ]
    rows: list[Agreement] = []
    for number, found in enumerate(step.validate(cases, input_file, output_dir, jobs), start=1):
        rows += found
        click.echo(f"{number} of {len(cases)} done | {cases[number - 1].name}")
    write_json(output_dir / "validation.json", rows)
    write_text(output_dir / "validation.md", step.table(rows))
    write_figure(output_dir, "validation", agreement(rows))
    click.echo(step.table(rows))
    click.echo(output_dir)
