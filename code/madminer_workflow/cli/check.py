"""The command `check`: bad input is found before anything is computed or written."""

from __future__ import annotations

import math
from pathlib import Path

import click

from madminer_workflow.cli.options import inputs

__all__ = ["check"]


@click.command()
@click.option("-d", "--data_file", type=Path, required=True, help="MadMiner event file (HDF5).")
@inputs
def check(data_file: Path, input_file: list[Path], profile: str) -> None:
    """Check an event file and an input file against each other."""
    from madminer_workflow.configuration import load_variants, merge
    from madminer_workflow.configuration.restrict import plan
    from madminer_workflow.events import read_header

    header = read_header(data_file)
    variants = load_variants(merge(input_file, profile), header)
    members = plan(variants, Path())["members"]
    methods = {member["method"] for member in members}
    points = {math.prod(variant.configuration.limits.resolutions) for variant in variants}
    several = f"{len(variants)} combinations, " if len(variants) > 1 else ""
    click.echo(
        f"ok: {header.n_events} events, {several}{len(methods)} methods, {len(members)} members, "
        f"{' or '.join(map(str, sorted(points)))} grid points"
    )
