"""Runs the whole workflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from madminer_workflow.cli.options import inputs

__all__ = ["run"]

_PATH = click.Path(path_type=Path)
_PROJECT = Path(__file__).resolve().parents[3]
_FROZEN = "_input"


@click.command()
@click.option("--data_file", type=_PATH, required=True, help="MadMiner event file.")
@inputs
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Steps that run at the same time; by default one per core.",
)
@click.pass_context
def run(
    context: click.Context,
    data_file: Path,
    input_file: list[Path],
    profile: str,
    output_dir: Path,
    jobs: int | None,
) -> None:
    """Run the whole workflow, from an event file to limits."""
    from madminer_workflow.configuration import load, merge
    from madminer_workflow.configuration.frozen import MERGED_FILE, freeze
    from madminer_workflow.engine import launch
    from madminer_workflow.engine.folder import check_path
    from madminer_workflow.events import read_header
    from madminer_workflow.steps.report import table
    from madminer_workflow.storage import read_json
    from madminer_workflow.tracking import store

    check_path("output_dir", str(output_dir.absolute()))
    header, merged = read_header(data_file), merge(input_file, profile)
    configuration = load(merged, header)

    def claimed(folder: Path) -> Mapping[str, str]:
        freeze(merged, configuration, header, folder / _FROZEN)
        return store.environment(folder)

    jobs = jobs or launch.n_cores()
    click.echo(f"running in {output_dir}, {jobs} steps at a time", err=True)
    frozen = output_dir / _FROZEN / MERGED_FILE
    paths = {"project_path": _PROJECT, "data_file": data_file, "input_file": frozen}
    outcome = launch.run(
        "workflow/workflow.yml",
        {name: str(path.absolute()) for name, path in paths.items()},
        output_dir,
        jobs,
        toplevel=_PROJECT,
        environment=claimed,
    )
    if outcome.failed:
        click.echo(f"error: {outcome.report()}", err=True)
        context.exit(1)
    click.echo(f"{len(outcome.steps)} steps in {outcome.seconds:.0f} s\n", err=True)
    products = output_dir / "plotting"
    click.echo(table(read_json(products / "results.json")) + "\n")
    for name in ("results.json", "limits", "figures"):
        click.echo(f"{name:14}{products / name}")
    click.echo(f"{'tracking':14}make ui OUTPUT_DIR='{output_dir}'")
