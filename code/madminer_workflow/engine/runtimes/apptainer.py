"""The runtime that gives each command an Apptainer container of its own."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.runtimes import containers
from madminer_workflow.engine.runtimes.containers import Options
from madminer_workflow.errors import InputError
from madminer_workflow.storage import sha256
from madminer_workflow.storage.provenance import IMAGE

__all__ = ["Apptainer"]

# Variables of the container have a prefix outside; those of this process stay outside.
_CLIENT = """
while [ "$1" != -- ]; do
    eval "export APPTAINERENV_$1=\\"\\${$1-}\\""
    shift
done
shift
exec "$@"
"""
_KILLED = 137
_ENGINE = "docker-daemon:"


class Apptainer:
    """Each command runs in a container that sees what it reads and can write its folder only.

    A container is a child of the process that starts it, and uses its resources.
    """

    def __init__(self, options: Options) -> None:
        """Uses the command `apptainer`.

        Args:
            options: What was chosen; an image is the file of one, a source of Apptainer
                (docker://name:tag, docker-daemon://name:tag), or a name in a registry.
        """
        self._options = options
        self._files: dict[str, Path] = {}
        self._digests: dict[Path, str] = {}

    def check(self, images: Collection[str]) -> Mapping[str, Any]:
        """Makes sure that the images are there and run; an image from elsewhere becomes a file.

        The file is kept for later runs in the user's cache: all steps and all machines use it.

        Args:
            images: The images of the specification.

        Returns:
            `image`, the checksums, and the versions of `python` and `packages` in the last one.

        Raises:
            InputError: Apptainer or an image cannot be used.
        """
        containers.found("apptainer")
        software: dict[str, Any] = {}
        for image in sorted({self._options.image} if self._options.image else set(images)):
            file = self._files[image] = _file(image)
            self._digests[file] = f"sha256:{sha256(file)}" if file.is_file() else str(file)
            software = containers.tried(image, self.argv)
        return {"image": " ".join(self._digests.values()), **software}

    def argv(self, command: Command) -> list[str]:
        """Returns the words that run a command.

        Args:
            command: The command.
        """
        return [*self._client(command), "sh", "-c", command.text]

    def shell(self, command: Command) -> list[str]:
        """Returns the words that give a user a shell in a container.

        Args:
            command: What it sees; its text does not matter.
        """
        return [*self._client(command), "bash"]

    def finished(self, command: Command, finished: Finished) -> Finished:
        """Returns how a command ended, with the limit that may be why it was killed.

        Args:
            command: The command.
            finished: How it ended.
        """
        if finished.status == _KILLED and self._options.memory:
            line = f"error: it was killed; its memory limit is {self._options.memory}"
            return containers.noted(command, finished, line)
        return finished

    def _client(self, command: Command) -> list[str]:
        """Returns the words up to those of the command."""
        image = self._options.image or command.image
        file = self._files.get(image, Path(image))
        binds = containers.mounts(command, self._options).items()
        limit = self._options.memory
        return [
            *("sh", "-c", _CLIENT, "apptainer", *containers.names(command, self._options), "--"),
            *("apptainer", "exec", "--cleanenv", "--contain", "--no-home", "--no-privs"),
            *([] if self._options.network else ["--net", "--network", "none"]),
            *(["--nv"] if self._options.gpu else []),
            *(["--memory", limit] if limit else []),
            *(word for path, writable in binds for word in ("--mount", _bind(path, writable))),
            *("--pwd", str(command.folder), str(file)),
            *("env", f"HOME={containers.TMP}", f"USER={containers.user_name()}"),
            f"{IMAGE}={self._digests.get(file, file)}",
        ]


def _bind(path: Path, writable: bool) -> str:
    """Returns the description of a mount."""
    mode = () if writable else ("ro",)
    return containers.row("type=bind", f"source={path}", f"destination={path}", *mode)


def _file(image: str) -> Path:
    """Returns the file of an image, which is made if the image comes from elsewhere."""
    if "://" in image or image.startswith(_ENGINE):
        return _kept(image)
    if not image.endswith(".sif") and not Path(image).exists():
        return _kept(f"docker://{image}")
    if not Path(image).exists():
        raise InputError(f"--image: {image} does not exist")
    return Path(image).resolve()


def _kept(source: str) -> Path:
    """Returns the file made from a registry or an engine; one that is there is used again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "madminer-workflow"
    file = cache / f"{quote(source + _digest(source), safe='')}.sif"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = cache / f".partial-{os.getpid()}.sif"
        problem = f"--runtime: no image can be made from {source}"
        try:
            containers.asked(["apptainer", "build", str(partial), source], problem)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    return file


def _digest(source: str) -> str:
    """Returns what tells images of an engine apart that have had the same name."""
    if not source.startswith(_ENGINE):
        return ""
    name = source.removeprefix(_ENGINE).removeprefix("//")
    problem = f"--image: the Docker engine has no {name}"
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    return "@" + containers.asked(inspect, problem)
