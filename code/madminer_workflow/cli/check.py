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
    from madminer_workflow.configuration import load, merge
    from madminer_workflow.events import read_header

    header = read_header(data_file)
    configuration = load(merge(input_file, profile), header)
    members = sum(method.n_networks for method in configuration.methods)
    click.echo(
        f"ok: {header.n_events} events, {len(configuration.methods)} methods, {members} members, "
        f"{math.prod(configuration.limits.resolutions)} grid points"
    )
