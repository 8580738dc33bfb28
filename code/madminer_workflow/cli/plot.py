"""Gathers all results."""

from __future__ import annotations

from pathlib import Path

import click

from madminer_workflow.cli.entry import AUTO, entry_point, results

__all__ = ["plot"]


@click.command()
@entry_point("data_file", "input_file")
@click.option(
    "--result_files",
    default=AUTO,
    help=f"Folders of results, one a line; {AUTO}: the latest of each model in output_dir.",
)
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
    lines = (line.strip() for line in result_files.splitlines())
    named = [Path(line) for line in lines if line]
    folders = results(output_dir) if named == [Path(AUTO)] else named
    where = (read_events(header), folders, output_dir, input_file)
    if parts[0].name:
        found, products = plot_variants(parts, *where)
    else:
        found, products = plot_one(parts[0].configuration, *where)
    track_plotting(header, parts[0].configuration, found, products)
    click.echo(table(found))
    click.echo(products)
