"""Draws the steps of a run and what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.cli.options import what_to_run
from madminer_workflow.cli.preview import preview

if TYPE_CHECKING:
    from madminer_workflow.figures.diagram import Box

__all__ = ["dag"]

_MOST_PER_STAGE = 30


@click.command()
@what_to_run
@click.option("--planned", is_flag=True, help="What a run would do, also after a run.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write into, in place of that of the run.",
)
def dag(
    data_file: Path,
    input_file: list[Path],
    profile: str,
    output_dir: Path,
    force: tuple[list[str], ...],
    until: tuple[list[str], ...],
    planned: bool,
    output: Path | None,
) -> None:
    """Draw the steps of a run and what depends on what."""
    from madminer_workflow.engine.journal import has_run
    from madminer_workflow.figures.dag import dag as draw
    from madminer_workflow.figures.diagram import collapsed, mermaid, reduced
    from madminer_workflow.storage import write_svg, write_text

    if has_run(output_dir) and not planned:
        boxes, title = _of_run(output_dir)
    else:
        with preview(data_file, input_file, profile, output_dir, force, until) as rows:
            boxes = [_box(r.planned.facts, r.planned.judgement.verdict.value, "") for r in rows]
        title = "what a run would do"
    boxes = reduced(collapsed(boxes, _MOST_PER_STAGE))
    folder = output or output_dir
    write_svg(folder / "dag.svg", draw(boxes, f"{output_dir}: {title}"))
    write_text(folder / "dag.mmd", mermaid(boxes))
    click.echo(f"{folder / 'dag.svg'}\n{folder / 'dag.mmd'}")


def _of_run(output_dir: Path) -> tuple[list[Box], str]:
    """Returns what the last run has done, and how it is."""
    from madminer_workflow.cli.status import duration, headline
    from madminer_workflow.engine.journal import read

    report = read(output_dir)
    boxes = [_box(entry, entry.state, duration(entry) or "") for entry in report.steps]
    return boxes, headline(report)


def _box(step: Any, state: str, note: str) -> Box:
    """Returns a step in the terms of a figure; its parameters say what else is like it."""
    from madminer_workflow.figures.diagram import Box

    words: Mapping[str, Any] = step.words
    needs: Iterable[Path] = step.needs
    return Box(
        key=str(step.folder),
        title=step.stage,
        name=step.label.removeprefix(step.stage).strip(),
        state=state,
        note=note,
        needs=tuple(map(str, needs)),
        group=str(words.get("method", "")),
    )
