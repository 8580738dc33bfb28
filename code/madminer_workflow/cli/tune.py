"""Looks for better settings of the training of a method."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.cli.entry import AUTO, entry_point, input_files
from madminer_workflow.cli.options import paths, profile
from madminer_workflow.cli.values import Value

if TYPE_CHECKING:
    from madminer_workflow.tuning.search import Search
    from madminer_workflow.tuning.study import Attempt

__all__ = ["tune"]

_COUNT = Value(type="integer", minimum=1)


@click.command()
@entry_point("data_file")
@click.option(
    "-i",
    "--input_file",
    multiple=True,
    default=[AUTO],
    callback=lambda _context, _option, texts: paths(texts),
    help="Input files, with commas between them; "
    f"{AUTO}: that of the run in output_dir, else workflow/input.yml.",
)
@profile
@click.option("--method", default="quadratic", show_default=True, help="One of `methods`.")
@click.option("--trials", type=_COUNT, default=30, show_default=True, help="Trials in all.")
@click.option("--jobs", type=_COUNT, default=1, show_default=True, help="Processes.")
@click.option(
    "--seeds",
    type=Value(type="integer", minimum=2),
    default=3,
    show_default=True,
    help="Trainings with other seeds, for the error of the gain.",
)
def tune(
    data_file: Path,
    input_file: list[Path],
    profile: str,
    output_dir: Path,
    method: str,
    trials: int,
    jobs: int,
    seeds: int,
) -> None:
    """Look for better settings of the training of a method."""
    from madminer_workflow.tuning.gain import gain
    from madminer_workflow.tuning.products import conclusion, table, write

    what = (data_file, input_files(input_file, output_dir), profile, output_dir, method)
    search = _opened(*what)
    others = [
        get_context("spawn").Process(target=_help, args=(what, trials)) for _ in range(1, jobs)
    ]
    for other in others:
        other.start()
    search.run(trials, _show)
    for other in others:
        other.join()
    search.run(trials, _show)  # in place of those whose process was killed
    found = gain(search, seeds)
    path = write(search)
    if path is None:
        raise click.ClickException(conclusion(search, found))
    for text in (table(search.study.attempts()), conclusion(search, found), path):
        click.echo(text)


def _opened(
    data_file: Path, input_file: list[Path], profile: str, output_dir: Path, method: str
) -> Search:
    """Opens the search that input files declare, in the folder of the run."""
    from madminer_workflow.configuration import load, merge
    from madminer_workflow.configuration.tuning import tuning
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.tuning.search import open_search

    header, merged = read_header(data_file), merge(input_file, profile)
    configuration = load(merged, header)
    with merged.named():
        wanted = tuning(merged.document, method)
    folder = output_dir / "tuning" / method
    return open_search(wanted, merged.document, configuration, read_events(header), folder)


def _help(what: tuple[Any, ...], trials: int) -> None:
    """Takes trials of a search in another process."""
    _opened(*what).run(trials, _show)


def _show(attempt: Attempt) -> None:
    """Prints a line for a trial that has ended."""
    value = "" if attempt.objective is None else f" {attempt.objective:.6f}"
    click.echo(f"PROGRESS: trial {attempt.number} {attempt.state}{value}{_because(attempt)}")


def _because(attempt: Attempt) -> str:
    """Returns why a trial has failed, if it has."""
    return f" ({attempt.reason})" if attempt.reason else ""
