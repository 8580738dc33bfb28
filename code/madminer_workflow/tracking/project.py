"""Runs an entry point of MLproject, as `mlflow run` does, and then logs what it has left.

In a run of the whole workflow the record stays in the folder of the step, and the run gathers it:
then nothing here imports MLflow.

    python -m madminer_workflow.tracking.project FOLDER -e ENTRY -P KEY=VALUE ...
"""

from __future__ import annotations

import os
import runpy
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
import yaml

from madminer_workflow.errors import InputError
from madminer_workflow.tracking.names import GATHERED, RECORD, RECORD_FILE

__all__ = ["command_of", "main"]

_ENTRY = "entry.sh"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-e", "--entry-point", required=True, help="Name of the entry point.")
@click.option("-P", "parameters", multiple=True, help="KEY=VALUE; repeatable.")
def main(folder: Path, entry_point: str, parameters: tuple[str, ...]) -> None:
    """Run an entry point of the MLproject in FOLDER."""
    given = dict(pair.split("=", 1) for pair in parameters)
    try:
        command = command_of(folder, entry_point, given)
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    output_dir = Path(given["output_dir"])
    if os.environ.get(GATHERED):
        os.environ[RECORD_FILE] = str(output_dir / RECORD)
        _become(command)
    sys.exit(_tracked(command, entry_point, given, output_dir))


def command_of(folder: Path, entry_point: str, given: Mapping[str, str]) -> str:
    """Returns the shell command of an entry point, with all parameters filled in.

    Args:
        folder: The folder with the file MLproject.
        entry_point: The name of the entry point.
        given: Values of parameters; the others have their defaults.

    Raises:
        InputError: There is no such entry point, or a parameter is unknown or missing.
    """
    project = yaml.safe_load((folder / "MLproject").read_text(encoding="utf-8"))
    points: dict[str, Any] = project["entry_points"]
    if entry_point not in points:
        raise InputError(f"{entry_point}: no entry point, expected one of {', '.join(points)}")
    declared = points[entry_point]["parameters"]
    if unknown := [name for name in given if name not in declared]:
        raise InputError(f"{unknown[0]}: unknown, expected one of {', '.join(declared)}")
    defaults = {
        name: one["default"]
        for name, one in declared.items()
        if isinstance(one, Mapping) and "default" in one
    }
    values = {**defaults, **given}
    if missing := [name for name in declared if name not in values]:
        raise InputError(f"{entry_point}: no value for {', '.join(missing)}")
    quoted = {name: shlex.quote(str(value)) for name, value in values.items()}
    program, _, options = str(points[entry_point]["command"].format(**quoted)).partition(" ")
    if (path := folder / program).is_file():  # MLflow starts it in the folder of the project
        program = shlex.quote(str(path.absolute()))
    return f"{program} {options}"


def _become(command: str) -> NoReturn:
    """Goes on as a command; what `scripts/entry.sh` starts needs no other interpreter."""
    program, *words = shlex.split(command)
    if Path(program).name == _ENTRY:
        os.chdir(words[0])
        sys.argv = ["madminer_workflow", *words[1:]]
        runpy.run_module("madminer_workflow", run_name="__main__", alter_sys=True)
        sys.exit()
    os.execvp("sh", ["sh", "-c", command])


def _tracked(command: str, name: str, parameters: Mapping[str, str], output_dir: Path) -> int:
    """Runs a command, logs how it went, and returns its exit status."""
    import tempfile

    from madminer_workflow.tracking.single import log_single

    started = time.time()
    with tempfile.TemporaryDirectory(prefix="madminer-workflow-") as scratch:
        record = Path(scratch) / RECORD
        status = _status(command, {**os.environ, RECORD_FILE: str(record)})
        log_single(record, name, parameters, output_dir, started, status)
    return status


def _status(command: str, environment: Mapping[str, str]) -> int:
    """Returns the exit status of a command, which a signal to this process ends, too."""
    import subprocess

    process = subprocess.Popen(["sh", "-c", command], env=dict(environment))

    def stop(number: int, _: object) -> None:
        process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    status = process.wait()
    if status == -signal.SIGKILL:
        click.echo("error: the step was killed", err=True)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    main()
