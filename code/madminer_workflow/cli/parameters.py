"""The tables of parameters in docs/MLFLOW.md, made from MLproject and the commands behind it.

`python -m madminer_workflow.cli.parameters` prints them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from madminer_workflow.cli import cli
from madminer_workflow.cli.values import Value

__all__ = ["text"]

_FOLDER = "Folder where relative paths start; by default that of the call."


def text(project: Path) -> str:
    """Returns a section for each entry point, as Markdown.

    Args:
        project: The folder with the file MLproject.
    """
    content = yaml.safe_load((project / "MLproject").read_text(encoding="utf-8"))
    return "\n".join(_section(name, point) for name, point in content["entry_points"].items())


def _section(name: str, point: Mapping[str, Any]) -> str:
    """Returns the section on one entry point."""
    command = cli.get_command(click.Context(cli), point["command"].split()[2])
    assert command is not None
    options = {option.name: option for option in command.params if isinstance(option, click.Option)}
    rows = [_row(key, value, options.get(key)) for key, value in point["parameters"].items()]
    head = ["| parameter | value | default | meaning |", "|--|--|--|--|"]
    return "\n".join([f"### `{name}`\n", f"{command.help}\n", *head, *rows, ""])


def _row(name: str, declared: Mapping[str, str], option: click.Option | None) -> str:
    """Returns the line on one parameter; none of the options is that of MLflow itself."""
    value = _allowed(option) if option else "a path"
    meaning = option.help if option else _FOLDER
    default = f"`{declared['default']}`" if declared["default"] else "none"
    return f"| `{name}` | {value} | {default} | {meaning} |"


def _allowed(option: click.Option) -> str:
    """Returns in words what an option takes."""
    if isinstance(option.type, Value):
        return option.type.allowed
    if isinstance(option.type, click.Choice):
        return f"one of {', '.join(option.type.choices)}"
    return "a name" if option.name == "method" else "a path"


if __name__ == "__main__":
    sys.stdout.write(text(Path(__file__).parents[3]))
