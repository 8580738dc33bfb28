"""Evaluates one trained model."""

from __future__ import annotations

from pathlib import Path

import click

from madminer_workflow.cli.entry import AUTO, entry_point, model
from madminer_workflow.cli.values import INPUT, Setting, Value

__all__ = ["evaluate"]


@click.command()
@entry_point("data_file", "input_file")
@click.option("--method", default=AUTO, help="Method, if models of several are there.")
@click.option(
    "--member",
    type=Value(AUTO, type="integer", minimum=0),
    default=AUTO,
    help=f"Number of the model in the ensemble; {AUTO}: 0, or that of the model.",
)
@click.option(
    "--model_file", default=AUTO, help=f"Model; {AUTO}: the latest of the method in output_dir."
)
@click.option("--luminosity", type=Setting("luminosity"), default=INPUT, help="Luminosity in 1/pb.")
def evaluate(
    data_file: Path,
    input_file: Path,
    output_dir: Path,
    method: str,
    member: int | None,
    model_file: str,
    luminosity: float | None,
) -> None:
    """Evaluate one estimator on the grid of theory parameters."""
    from madminer_workflow.cli.tracked import track_evaluation
    from madminer_workflow.configuration import load
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.steps.evaluate import evaluate_file

    trained = model(output_dir, method, member, model_file)
    header = read_header(data_file)
    overrides = {} if luminosity is None else {"luminosity": luminosity}
    configuration, events = load(input_file, header, overrides), read_events(header)
    result, folder = evaluate_file(configuration, trained, events, output_dir)
    click.echo(f"{result.method}: {result.n_events} held-out events")
    click.echo(folder)
    track_evaluation(header, configuration, result, folder)
