"""Finds errors of the workflow specification that Yadage does not see before it runs."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import click

__all__ = ["validate_spec"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--workflow", type=_PATH, help="A workflow file in place of that of the project.")
@click.option(
    "--toplevel",
    type=_PATH,
    help="Folder that references in it start from; by default that where most lead to files.",
)
@click.pass_context
def validate_spec(context: click.Context, workflow: Path | None, toplevel: Path | None) -> None:
    """Find errors of the workflow specification."""
    from madminer_workflow.cli.run import PROJECT, WORKFLOW, initdata
    from madminer_workflow.engine.specification import errors

    if workflow is None:
        names = initdata(Path(), Path())
        published = {"configuration": _published()}
        found = errors(WORKFLOW, PROJECT, given=names, published=published)
    else:
        start = toplevel or _start(workflow)
        found = errors(os.path.relpath(workflow, start), start.absolute())
    for line in found:
        click.echo(f"error: {line}", err=True)
    if found:
        context.exit(2)
    click.echo(f"ok: {workflow or WORKFLOW}")


def _start(workflow: Path) -> Path:
    """Returns the folder from which most references of a workflow lead to files."""
    text = workflow.read_text(encoding="utf-8", errors="replace") if workflow.is_file() else ""
    names = set(re.findall(r"""\$ref['"]?:\s*['"]?([^'"#\s}]+)""", text))
    folder = workflow.absolute().parent
    return max((folder.parent, folder, Path()), key=lambda f: sum((f / n).is_file() for n in names))


def _published() -> Any:
    """Returns what the configuration publishes for an example."""
    import yaml

    from madminer_workflow.cli.configure import configure
    from madminer_workflow.processes import PRESETS
    from madminer_workflow.processes.drell_yan import event_file, generator

    with tempfile.TemporaryDirectory() as folder:
        events, inputs = Path(folder) / "events.h5", Path(folder) / "input.yml"
        event_file.write_event_file(generator.generate(PRESETS["dy1"], 10, 1), events)
        inputs.write_text("methods: [sally]\n", encoding="utf-8")
        files = ["-d", str(events), "-i", str(inputs), "-o", folder]
        configure.main(files, standalone_mode=False)
        return yaml.safe_load((Path(folder) / "publish.yml").read_text(encoding="utf-8"))
