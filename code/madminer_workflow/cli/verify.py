"""Checks what a run has recorded."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["verify"]


@click.command()
@click.option(
    "--output_dir", type=click.Path(path_type=Path), required=True, help="Folder of a run."
)
@click.pass_context
def verify(context: click.Context, output_dir: Path) -> None:
    """Compare all files of a run with the checksums in its records."""
    from madminer_workflow.engine import verification

    found = verification.verify(output_dir)
    for problem in found.problems:
        click.echo(problem)
    missing = f", {found.n_elsewhere} inputs are not here any more" if found.n_elsewhere else ""
    click.echo(
        f"{found.n_steps} steps, {found.n_outputs} files written, {found.n_inputs} inputs: "
        f"{len(found.problems) or 'no'} problem{'s' * (len(found.problems) != 1)}{missing}"
    )
    context.exit(1 if found.problems else 0)
