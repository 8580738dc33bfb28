"""Shows what a run would do."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.cli.options import what_to_run
from madminer_workflow.cli.preview import preview

if TYPE_CHECKING:
    from madminer_workflow.cli.preview import Row

__all__ = ["plan"]

_HEAD = ("step", "method", "member", "seed", "state", "why")


@click.command()
@what_to_run
@click.option("--details", is_flag=True, help="Also command, inputs and outputs of each step.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def plan(
    data_file: Path,
    input_file: list[Path],
    profile: str,
    output_dir: Path,
    force: tuple[list[str], ...],
    until: tuple[list[str], ...],
    details: bool,
    as_json: bool,
) -> None:
    """Show what a run would do, without running anything."""
    with preview(data_file, input_file, profile, output_dir, force, until) as rows:
        if as_json:
            click.echo(json.dumps(_document(rows), indent=1))
        else:
            click.echo(_table(rows, details=details))
            click.echo("\n" + "\n".join(_summary(rows)))


def _table(rows: list[Row], *, details: bool) -> str:
    """Returns the steps as a table, followed by the details of each step if they are asked for."""
    from madminer_workflow.tables import table

    lines = table(_HEAD, [_entries(row) for row in rows]).splitlines()
    below = [_details(row) if details else [] for row in rows]
    pairs = zip(lines[1:], below, strict=True)
    return "\n".join([lines[0], *(line for pair in pairs for line in (pair[0], *pair[1]))])


def _entries(row: Row) -> list[object]:
    """Returns what stands in the row of a step."""
    known, judgement = row.planned.facts, row.planned.judgement
    words = [known.words.get("method"), known.words.get("member")]
    return [known.label, *words, row.seed, judgement.verdict.value, ", ".join(judgement.reasons)]


def _details(row: Row) -> list[str]:
    """Returns command, inputs and outputs of a step."""
    step = row.planned
    lines = [f"{'command':10}{' '.join(step.command.split())}"]
    lines += [f"{'input':10}{given.path} ({given.name})" for given in step.inputs]
    lines += [f"{'output':10}{path}" for path in step.outputs]
    return textwrap.indent("\n".join([*lines, ""]), "    ").split("\n")


def _summary(rows: list[Row]) -> list[str]:
    """Returns how many steps there are in each state, and what they cost."""
    totals = _totals(rows)
    counts = ", ".join(f"{number} {state}" for state, number in totals["counts"].items() if number)
    lines = [f"{len(rows)} steps: {counts}"]
    surely, perhaps = totals["cpu_seconds"]["would run"], totals["cpu_seconds"]["may run"]
    if surely or perhaps:
        more = f", and {perhaps:.0f} for those that may run" if perhaps else ""
        source = "measured" if totals["is_measured"] else "by a rough model"
        lines.append(f"about {surely:.0f} CPU seconds{more} ({source})")
    return lines


def _totals(rows: list[Row]) -> dict[str, Any]:
    """Returns numbers of steps and CPU seconds by state."""
    in_state: dict[str, list[Row]] = {"done": [], "would run": [], "may run": []}
    for row in rows:
        in_state[row.planned.judgement.verdict.value].append(row)
    to_run = {state: in_state[state] for state in ("would run", "may run")}
    return {
        "counts": {state: len(some) for state, some in in_state.items()},
        "cpu_seconds": {
            state: round(sum(row.cpu_seconds for row in some), 1) for state, some in to_run.items()
        },
        "is_measured": all(row.is_measured for some in to_run.values() for row in some),
    }


def _document(rows: list[Row]) -> dict[str, Any]:
    """Returns everything in terms of JSON."""
    labels = {row.planned.facts.folder: row.planned.facts.label for row in rows}
    steps = [
        {
            **dict(zip(_HEAD[:-1], _entries(row)[:-1], strict=True)),
            "why": row.planned.judgement.reasons,
            "needs": [labels[folder] for folder in row.planned.facts.needs],
            "command": row.planned.command,
            "inputs": [{"name": i.name, "path": str(i.path)} for i in row.planned.inputs],
            "outputs": [str(path) for path in row.planned.outputs],
            "cpu_seconds": round(row.cpu_seconds, 1),
        }
        for row in rows
    ]
    return {"steps": steps, **_totals(rows)}
