"""Options that several commands share, and texts that stand for several values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

__all__ = [
    "inputs",
    "paths",
    "profile",
    "what_to_run",
    "where_to_run",
    "words",
]

_PATH = click.Path(path_type=Path)
_RUNTIMES = ("process", "docker", "apptainer")  # as in the engine, which is not loaded for --help
_BACKENDS = ("local", "slurm", "htcondor", "dask")  # as in the engine, which is not either
_PROFILES = ("smoke", "default", "full")  # as in the configuration, which is not loaded for --help


def inputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--input_file` and `--profile` to a command.

    Args:
        command: The function of the command; it is given `input_file`, a list of paths, and
            `profile`.
    """
    files = click.option(
        "-i",
        "--input_file",
        required=True,
        multiple=True,
        callback=lambda _context, _option, texts: paths(texts),
        help="Input file (YAML); repeatable, or with commas: later ones win.",
    )
    return files(profile(command))


def profile(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--profile` to a command.

    Args:
        command: The function of the command; it is given `profile`.
    """
    option = click.option(
        "--profile",
        type=click.Choice(_PROFILES),
        default="default",
        show_default=True,
        help="Settings that come before all input files.",
    )
    return option(command)


def what_to_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of a run to a command, but for those that say how.

    Args:
        command: The function of the command; it is given `data_file`, what `inputs` gives,
            `output_dir`, and `force` and `until`, lists of words.
    """
    options = (
        click.option("--data_file", type=_PATH, required=True, help="MadMiner event file."),
        inputs,
        click.option("--output_dir", type=_PATH, required=True, help="Folder of the run."),
        click.option(
            "--force",
            type=words,
            multiple=True,
            help="Steps to run again: all, STAGE or STAGE:METHOD; "
            "with commas between, or repeated.",
        ),
        click.option(
            "--until",
            type=words,
            multiple=True,
            help="Stages to stop after; with commas between, or repeated.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def where_to_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command that say in which environment steps run, and where.

    Args:
        command: The function of the command; it is given `where`, these options by name.
    """
    names = ("runtime", "image", "memory", "gpu", "backend", "site", "keep")

    @functools.wraps(command)
    def gathered(*arguments: Any, **given: Any) -> Any:
        where = {name: given.pop(name) for name in names}
        return command(*arguments, where=where, **given)

    options = (
        click.option(
            "--runtime",
            type=click.Choice(_RUNTIMES),
            default="process",
            show_default=True,
            help="What steps run in.",
        ),
        click.option("--image", help="Container image; by default that of the specification."),
        click.option("--memory", help="Largest memory of a step in a container, as 4g."),
        click.option("--gpu", is_flag=True, help="Steps in containers use graphics processors."),
        click.option(
            "--backend",
            type=click.Choice(_BACKENDS),
            default="local",
            show_default=True,
            help="Where steps run: this machine, a batch system, or a pool of workers.",
        ),
        click.option(
            "--site",
            type=_PATH,
            help="Profile of the site: resources of jobs (YAML); by default profiles/BACKEND.yml.",
        ),
        click.option("--keep", is_flag=True, help="Leave jobs running after Ctrl-C."),
    )
    decorated: Callable[..., Any] = gathered
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def paths(texts: Sequence[str]) -> list[Path]:
    """Returns the paths in texts with commas between them; a file may have commas in its name.

    Args:
        texts: The values of a repeatable option.

    Raises:
        click.BadParameter: There is no path in them.

    >>> paths(["a.yml,b.yml", "c.yml"])
    [PosixPath('a.yml'), PosixPath('b.yml'), PosixPath('c.yml')]
    """
    found = []
    for text in texts:
        parts = text.split(",")
        while parts:
            # The longest name that there is; without one, the first part is the one to report.
            names = (number for number in range(len(parts), 1, -1) if _exists(parts[:number]))
            length = next(names, 1)
            name = ",".join(parts[:length]).strip()
            found += [Path(name)] if name else []
            parts = parts[length:]
    if not found:
        raise click.BadParameter("no file is named")
    return found


def _exists(parts: Sequence[str]) -> bool:
    """Returns whether there is a file whose name has commas between these parts."""
    return Path(",".join(parts).strip()).is_file()


def words(text: str) -> list[str]:
    """Returns words with commas between them.

    Args:
        text: The value of the option.

    >>> words("dy1, dy2")
    ['dy1', 'dy2']
    """
    return [part.strip() for part in text.split(",") if part.strip()]
