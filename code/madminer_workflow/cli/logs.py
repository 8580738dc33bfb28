"""Prints the logs of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from madminer_workflow.cli.options import words

if TYPE_CHECKING:
    from madminer_workflow.engine.journal import Entry

__all__ = ["logs"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--output_dir", type=_PATH, required=True, help="Folder of the run.")
@click.option(
    "--step",
    type=words,
    multiple=True,
    help="STAGE, STAGE:METHOD or the name of a step; with commas between, or repeated.",
)
def logs(output_dir: Path, step: tuple[list[str], ...]) -> None:
    """Print the logs of the steps."""
    from madminer_workflow.engine.journal import read
    from madminer_workflow.engine.logs import logs as logs_in
    from madminer_workflow.engine.selection import chosen

    known = read(output_dir).steps
    wanted = chosen("--step", list(chain(*step)), _by_word(known))
    for entry in known:
        for log in logs_in(entry.folder) if not step or str(entry.folder) in wanted else ():
            click.echo(f"==> {entry.label}, {entry.state}: {log}")
            click.echo(log.read_text(encoding="utf-8", errors="replace"))


def _by_word(known: Sequence[Entry]) -> dict[str, list[str]]:
    """Returns the folders of the steps that each word stands for."""
    found: dict[str, list[str]] = {}
    for entry in known:
        method = entry.words.get("method")
        of_method = [f"{entry.stage}:{method}"] if method else []
        for word in dict.fromkeys([entry.stage, *of_method, entry.label]):
            found.setdefault(word, []).append(str(entry.folder))
    return found
