"""Runs one command in a container without a run around it, or opens a shell in one.

python -m madminer_workflow.engine.runtimes.alone --runtime docker --write FOLDER [-- WORD ...]
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import yaml

from madminer_workflow.engine.command import Command, Finished, image_of
from madminer_workflow.engine.runtimes.apptainer import Apptainer
from madminer_workflow.engine.runtimes.containers import Options
from madminer_workflow.engine.runtimes.docker import Docker
from madminer_workflow.errors import InputError

__all__ = ["main"]

_RUNTIMES: dict[str, type[Apptainer] | type[Docker]] = {"apptainer": Apptainer, "docker": Docker}
_STEPS = Path(__file__).resolve().parents[4] / "workflow" / "steps.yml"
_SETTINGS = (".json", ".yml")
_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--runtime", type=click.Choice(sorted(_RUNTIMES)), required=True)
@click.option("--image", help="Container image; by default that of the specification.")
@click.option("--memory", help="Largest memory, as 4g.")
@click.option("--gpu", is_flag=True, help="Use graphics processors.")
@click.option("--network", is_flag=True, help="Use the network.")
@click.option("--write", type=_PATH, required=True, help="The folder that is written.")
@click.argument("words", nargs=-1)
def main(
    runtime: str,
    image: str | None,
    memory: str | None,
    gpu: bool,
    network: bool,
    write: Path,
    words: tuple[str, ...],
) -> None:
    """Run a command, or a shell without one, that sees the paths among its words."""
    image = image or image_of(yaml.safe_load(_STEPS.read_text(encoding="utf-8"))["environment"])
    container = _RUNTIMES[runtime](Options(image, memory, gpu, network))
    try:
        container.check([image])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory(prefix=".run.", dir=write) as scratch:
        log = Path(scratch) / "log"
        variables = {"PYTHONPATH": ""} if "PYTHONPATH" in os.environ else {}
        command = Command("alone", shlex.join(words), image, write, _read(words), variables, log)
        argv = container.argv(command) if words else container.shell(command)
        try:
            finished = container.finished(command, Finished(subprocess.call(argv), ()))
        except KeyboardInterrupt:
            sys.exit(130)
    print("".join(f"{line}\n" for line in finished.last_lines), end="", file=sys.stderr)
    sys.exit(finished.status)


def _read(words: tuple[str, ...]) -> tuple[Path, ...]:
    """Returns the paths among words; settings bring their folder along, whose files they name."""
    lines = [line.strip() for word in words for line in word.split("\n")]
    paths = [Path(line) for line in lines if line.startswith("/")]
    return tuple(path.parent if path.suffix in _SETTINGS else path for path in paths)


if __name__ == "__main__":
    main()
