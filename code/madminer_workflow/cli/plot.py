"""Gathers all results."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["plot"]

_INPUT = click.Path(path_type=Path)


@click.command()
@click.option("--data_file", type=_INPUT, required=True, help="MadMiner event file.")
@click.option("--input_file", type=_INPUT, required=True, help="Input file.")
@click.option("--result_files", required=True, help="Folders of results, one a line.")
@click.option("--output_dir", type=_INPUT, required=True, help="Folder of the run.")
def plot(data_file: Path, input_file: Path, result_files: str, output_dir: Path) -> None:
    """Gather the results, compute the limits and draw the figures."""
    from madminer_workflow.cli.tracked import track_plotting
    from madminer_workflow.configuration import load_parts
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.steps.plot import plot as plot_one
    from madminer_workflow.steps.report import table
    from madminer_workflow.steps.sweep import plot_variants

    header = read_header(data_file)
    parts = load_parts(input_file, header)
    folders = [Path(line.strip()) for line in result_files.splitlines() if line.strip()]
    where = (read_events(header), folders, output_dir, input_file)
    if parts[0].name:
        results, products = plot_variants(parts, *where)
    else:
        results, products = plot_one(parts[0].configuration, *where)
    track_plotting(header, parts[0].configuration, results, products)
    click.echo(table(results))
    click.echo(products)
