"""Writes a trained network as ONNX."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["export"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--model_file", type=_PATH, required=True, help="Folder of the model.")
@click.option("--output", type=_PATH, required=True, help="File to write.")
def export(model_file: Path, output: Path) -> None:
    """Write a trained network as an ONNX file."""
    from madminer_workflow.estimators import load
    from madminer_workflow.estimators.export import export as write

    difference = write(load(model_file), output)
    click.echo(f"{output} (differs from PyTorch by {difference:.1g})")
