"""Gathers all results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    from madminer_workflow.configuration import load_parts
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.steps.plot import plot as plot_one
    from madminer_workflow.steps.report import table
    from madminer_workflow.steps.sweep import plot_variants
    from madminer_workflow.tracking.log import log_step

    header = read_header(data_file)
    parts = load_parts(input_file, header)
    folders = [Path(line.strip()) for line in result_files.splitlines() if line.strip()]
    where = (read_events(header), folders, output_dir, input_file)
    if parts[0].name:
        results, products = plot_variants(parts, *where)
    else:
        results, products = plot_one(parts[0].configuration, *where)
    artifacts = [products / name for name in ("results.json", "sweep.csv", "figures")]
    log_step(
        name="plot",
        metrics=_sizes(results),
        artifacts=[path for path in artifacts if path.exists()],
    )
    click.echo(table(results))
    click.echo(products)


def _sizes(results: Mapping[str, Any]) -> dict[str, float]:
    """Returns the sizes of all regions; none of a sweep, whose table has them."""
    return {
        f"{name}_{which}_{level}_size": limit[which]["regions"][level]["size"]
        for name, limit in results.get("limits", {}).items()
        for which in ("full", "kinematics")
        for level in ("68", "95")
    }
