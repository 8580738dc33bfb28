"""What the kinds of containers share: what is chosen, what is mounted and handed over."""

from __future__ import annotations

import csv
import getpass
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.errors import InputError

__all__ = [
    "TMP",
    "Options",
    "asked",
    "found",
    "mounts",
    "names",
    "noted",
    "row",
    "tried",
    "user_name",
]

TMP = "/tmp"
"""The folder of a container for temporary files, and its home: what is there goes with it."""

_HANDED_OVER = re.compile(r"MADMINER_WORKFLOW_GATHERED|\w+_NUM_THREADS", re.ASCII)
_OF_A_SERVER = re.compile(r"MLFLOW_\w+", re.ASCII)  # its password among them
_TRIAL = """
touch made
command -v flock >/dev/null || { echo "it has no flock, of util-linux"; exit 1; }
exec python -c '
import json, platform
from importlib.metadata import distributions
packages = {found.name: found.version for found in distributions()}
print(json.dumps({"python": platform.python_version(), "packages": packages}))'
"""
_NO_MESSAGE = ("See '", "Run '")  # how Docker ends what it says


@dataclass(frozen=True)
class Options:
    """What is chosen for containers, and what the run asks of them.

    Attributes:
        image: The image of all commands; None for those that the specification names.
        memory: The largest memory of a command, as `4g`; None for no limit.
        gpu: Whether commands use graphics processors.
        network: Whether commands use the network.
        claim: A file that a command keeps locked, as a lock that is shared, as long as it runs.
    """

    image: str | None = None
    memory: str | None = None
    gpu: bool = False
    network: bool = False
    claim: Path | None = None


def mounts(command: Command, options: Options) -> Mapping[Path, bool]:
    """Returns what a command sees of this machine, folders before what is in them.

    Args:
        command: The command.
        options: What was chosen.

    Returns:
        Whether it may be written, by path.
    """
    read = [*command.read, *([options.claim] if options.claim else [])]
    table = {path: False for path in read if path.exists()}
    return dict(sorted({**table, command.folder: True}.items()))


def row(*fields: str) -> str:
    """Returns fields with commas between them, quoted as in a CSV file.

    Args:
        fields: The fields.

    >>> row("type=bind", "source=/a,b")
    'type=bind,"source=/a,b"'
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(fields)
    return stream.getvalue()


def names(command: Command, options: Options) -> list[str]:
    """Returns the names of the variables that a container is given.

    These are those of the command, and of this process numbers of threads and, with the network,
    those of MLflow.

    Args:
        command: The command.
        options: What was chosen.
    """
    of_server = filter(_OF_A_SERVER.fullmatch, os.environ if options.network else ())
    return sorted({*command.variables, *filter(_HANDED_OVER.fullmatch, os.environ), *of_server})


def user_name() -> str:
    """Returns the name of the user, whom containers do not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def found(program: str) -> None:
    """Makes sure that a program is installed.

    Args:
        program: Its name.

    Raises:
        InputError: It is not.
    """
    if shutil.which(program) is None:
        raise InputError(f"--runtime: {program} is not installed; `process` needs no containers")


def asked(argv: Sequence[str], problem: str, variables: Mapping[str, str] | None = None) -> str:
    """Returns the output of a program.

    Args:
        argv: Its words.
        problem: What it means that it fails.
        variables: Environment variables, besides those of this process.

    Raises:
        InputError: It failed; the last line that it said is in the message.
    """
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        said = [line.strip() for line in lines if not line.startswith(_NO_MESSAGE)]
        raise InputError(f"{problem} ({[f'status {done.returncode}', *said][-1]})")
    return done.stdout.strip()


def noted(command: Command, finished: Finished, line: str) -> Finished:
    """Adds a line to the log of a command that has failed, and to what is shown of it.

    Args:
        command: The command.
        finished: How it ended.
        line: The line.
    """
    with open(command.log, "a", encoding="utf-8") as log:
        log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
    return replace(finished, last_lines=(*finished.last_lines, line))


def tried(image: str, argv: Callable[[Command], Sequence[str]]) -> dict[str, Any]:
    """Runs a small command in an image, as the commands of a run will be.

    Args:
        image: The image.
        argv: Gives the words that run a command.

    Returns:
        Its versions of `python` and of all `packages`.

    Raises:
        InputError: It does not run, or not as the user of this process.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        command = Command("trial", _TRIAL, image, folder, (), {}, folder / "log")
        said = asked(argv(command), f"--runtime: the image {image} cannot be used")
        owner = (folder / "made").stat().st_uid
    if owner != os.getuid():
        raise InputError(f"--runtime: files from the image {image} would belong to user {owner}")
    software: dict[str, Any] = json.loads(said.splitlines()[-1])
    return software
