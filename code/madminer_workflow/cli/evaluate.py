"""Evaluates one trained model."""

from __future__ import annotations

from pathlib import Path

import click

from madminer_workflow.cli.options import number

__all__ = ["evaluate"]

_INPUT = click.Path(path_type=Path)


@click.command()
@click.option("--data_file", type=_INPUT, required=True, help="MadMiner event file.")
@click.option("--input_file", type=_INPUT, required=True, help="Input file.")
@click.option("--model_file", type=_INPUT, required=True, help="Folder of the trained model.")
@click.option("--output_dir", type=_INPUT, required=True, help="Folder of the run.")
@click.option("--luminosity", type=number, default="input", help="Luminosity in 1/pb.")
def evaluate(
    data_file: Path, input_file: Path, model_file: Path, output_dir: Path, luminosity: float | None
) -> None:
    """Evaluate one estimator on the grid of theory parameters."""
    from madminer_workflow.cli.tracked import track_evaluation
    from madminer_workflow.configuration import load
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.steps.evaluate import evaluate_file

    header = read_header(data_file)
    overrides = {} if luminosity is None else {"luminosity": luminosity}
    configuration, events = load(input_file, header, overrides), read_events(header)
    result, folder = evaluate_file(configuration, model_file, events, output_dir)
    click.echo(f"{result.method}: {result.n_events} held-out events")
    click.echo(folder)
    track_evaluation(header, configuration, result, folder)
