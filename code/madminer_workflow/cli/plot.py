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
    from madminer_workflow.configuration import load
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.steps import plot as step
    from madminer_workflow.steps.report import table
    from madminer_workflow.tracking.log import log_step

    header = read_header(data_file)
    configuration = load(input_file, header)
    folders = [Path(line.strip()) for line in result_files.splitlines() if line.strip()]
    events = read_events(header)
    results, products = step.plot(configuration, events, folders, output_dir, input_file)
    sizes = {
        f"{name}_{which}_{level}_size": limit[which]["regions"][level]["size"]
        for name, limit in results["limits"].items()
        for which in ("full", "kinematics")
        for level in ("68", "95")
    }
    log_step(
        name="plot", metrics=sizes, artifacts=[products / "results.json", products / "figures"]
    )
    click.echo(table(results))
    click.echo(products)
