"""Tries out with toys how often the limits of a run contain the truth."""

from __future__ import annotations

from pathlib import Path

import click

from madminer_workflow.cli.options import words
from madminer_workflow.cli.values import Value

__all__ = ["coverage"]

_PATH = click.Path(path_type=Path)
_POINT = Value(type="array", items={"type": "number"})


@click.command()
@click.option("--data_file", type=_PATH, required=True, help="MadMiner event file.")
@click.option("--input_file", type=_PATH, required=True, help="Input file.")
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
@click.option(
    "--toys", type=click.IntRange(min=10), default=1000, show_default=True, help="At each point."
)
@click.option("--theta", type=_POINT, multiple=True, help="A true point, such as 0,0; repeatable.")
@click.option("--methods", default="", help="Names with commas between them; default: all.")
@click.option("--neyman", is_flag=True, help="Find the thresholds of the Neyman construction.")
def coverage(
    data_file: Path,
    input_file: Path,
    output_dir: Path,
    toys: int,
    theta: tuple[list[float], ...],
    methods: str,
    neyman: bool,
) -> None:
    """Try out with toys how often the regions contain the truth."""
    from madminer_workflow.configuration import load
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.steps import coverage as step
    from madminer_workflow.steps.members import read_members

    header = read_header(data_file)
    configuration = load(input_file, header)
    thetas = [tuple(point) for point in theta]
    wanted = step.Wanted(n_toys=toys, thetas=thetas, methods=words(methods), construct=neyman)
    members = read_members(step.find_results(output_dir))
    study = step.study(configuration, read_events(header), members, wanted)
    folder = step.write(study, output_dir, data_file, input_file)
    click.echo(step.table(study))
    click.echo(folder)
