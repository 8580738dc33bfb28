"""Looks for better settings of the training of a method."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import textwrap
from collections.abc import Mapping
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.cli.entry import AUTO, entry_point, input_files
from madminer_workflow.cli.options import paths, profile
from madminer_workflow.cli.values import Value

if TYPE_CHECKING:
    from madminer_workflow.tuning.gain import Gain
    from madminer_workflow.tuning.search import Search
    from madminer_workflow.tuning.study import Attempt, Values

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
@click.option(
    "--compare",
    multiple=True,
    default=[""],
    callback=lambda _context, _option, texts: paths(texts) if any(texts) else [],
    help="Input files whose settings are compared with these; repeatable, or with commas.",
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
    compare: list[Path],
) -> None:
    """Look for better settings of the training of a method."""
    from madminer_workflow.tracking.follow import Follower
    from madminer_workflow.tuning.gain import gains
    from madminer_workflow.tuning.products import announce, counts, write

    what = (data_file, input_files(input_file, output_dir), profile, output_dir, method)
    search = _opened(*what)
    others = {str(file): _settings(search, file, profile) for file in compare}
    with Follower() as follower, _in_use(search):
        announce(search, trials)
        follower.start(output_dir, method)
        _search(search, what, trials, jobs)
        found = gains(search, seeds, others)
        path = write(search, found)
    if path is None:
        total = counts(search.study.attempts())
        raise click.ClickException(f"{total}; none has reached its end")
    _show_products(search, found, path, output_dir)


def _opened(
    data_file: Path, input_file: list[Path], profile: str, output_dir: Path, method: str
) -> Search:
    """Opens the search that input files declare, in the folder of the run."""
    from madminer_workflow.configuration import load, merge
    from madminer_workflow.configuration.tuning import tuning
    from madminer_workflow.engine.folder import check_path
    from madminer_workflow.events import read_events, read_header
    from madminer_workflow.tuning.follow import FOLDER
    from madminer_workflow.tuning.search import open_search

    check_path("output_dir", str(output_dir.absolute()))
    header, merged = read_header(data_file), merge(input_file, profile)
    configuration = load(merged, header)
    with merged.named():
        wanted = tuning(merged.document, method)
    folder = output_dir / FOLDER / method
    return open_search(wanted, merged.document, configuration, read_events(header), folder)


def _settings(search: Search, file: Path, profile: str) -> Values:
    """Returns what another input file says about the keys that are tried."""
    from madminer_workflow.configuration import load, merge
    from madminer_workflow.tuning.search import settings_of

    merged = merge([file], profile)
    configuration = load(merged, search.judge.events.header)
    with merged.named():
        return settings_of(search, configuration)


def _in_use(search: Search) -> contextlib.AbstractContextManager[None]:
    """Lets others know that a process works on a study, as long as it does."""
    from madminer_workflow.tuning.locks import locked
    from madminer_workflow.tuning.records import IN_USE

    return locked(search.study.folder / IN_USE, shared=True)


def _search(search: Search, what: tuple[Any, ...], trials: int, jobs: int) -> None:
    """Takes trials until there are as many as wanted, with the help of other processes."""
    context = get_context("spawn")
    helpers = [
        context.Process(target=_help, args=(what, trials), daemon=True) for _ in range(1, jobs)
    ]
    try:
        for helper in helpers:
            helper.start()
        search.run(trials, _show)
        for helper in helpers:
            helper.join()
    finally:
        for helper in helpers:
            helper.kill()


def _help(what: tuple[Any, ...], trials: int) -> None:
    """Takes trials of a search in another process, which ends with the one that has started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    search = _opened(*what)
    with _in_use(search):
        search.run(trials, _show)


def _end_with_parent() -> None:
    """Ends this process when the one has ended that has started it, however it did."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _show(attempt: Attempt) -> None:
    """Prints a line for a trial that has ended."""
    from madminer_workflow.tables import WIDTH

    value = "" if attempt.objective is None else f" {attempt.objective:#.8g}"
    reason = f" ({attempt.reason})" if attempt.reason else ""
    line = f"trial {attempt.number} {attempt.state}{value}{reason}, {attempt.seconds:.1f} s"
    click.echo(textwrap.shorten(line, WIDTH, placeholder=" ..."))


def _show_products(search: Search, gains: Mapping[str, Gain], path: Path, output_dir: Path) -> None:
    """Prints what a search has found, and where it is."""
    from madminer_workflow.tuning.products import counts, gain_table, trial_table

    attempts = search.study.attempts()
    click.echo(f"\n{trial_table(search)}\n\n{counts(attempts)}\n")
    click.echo(f"{gain_table(search, gains)}\n")
    for name, place in {
        "best settings": path,
        "all trials": path.with_name("trials.csv"),
        "figures": path.with_name("figures"),
        "tracking": f"make ui OUTPUT_DIR={shlex.quote(str(output_dir))}",
    }.items():
        click.echo(f"{name:15}{place}")
