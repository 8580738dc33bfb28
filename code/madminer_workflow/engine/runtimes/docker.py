"""The runtime that gives each command a Docker container of its own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.runtimes import containers
from madminer_workflow.engine.runtimes.containers import Options
from madminer_workflow.storage.provenance import IMAGE

__all__ = ["Docker"]

# A container belongs to the engine, not to the process that started it, and would outlive it. So
# it is told of its death: its standard input ends when the client is gone, however it died. That
# of the client itself must never end, which a pipe does not that somebody has open for writing.
_CLIENT = """
pipe=$(mktemp -u) && mkfifo -m 600 "$pipe" || exit
exec 3<>"$pipe"
rm "$pipe"
exec "$@" <&3 3>&-
"""

# The first process of a container: the kernel ends all others with it. What they use is counted
# until then. All of them have the file open that keeps other runs out of the folder.
_INSIDE = """
exec 3<&0 </dev/null
umask "$4"
if [ "$1" ]; then exec 4<"$1" && flock --shared 4 || exit; fi
trap 'exit 137' TERM INT
{ cat <&3; kill -TERM "$$"; } >/dev/null &
sh -c "$3" 3<&- &
wait "$!"
status=$?
cd /sys/fs/cgroup && grep -s . cpuacct/cpuacct.usage memory/memory.max_usage_in_bytes \
    memory/memory.oom_control cpu.stat memory.peak memory.events >"$2"
exit "$status"
"""
_COUNTERS = {  # in both versions of control groups, with the size of their units
    "cpu_seconds": ((r"cpuacct.usage:(\d+)", 1e-9), (r"cpu.stat:usage_usec (\d+)", 1e-6)),
    "peak_memory_mb": ((r"max_usage_in_bytes:(\d+)", 1e-6), (r"memory.peak:(\d+)", 1e-6)),
    "kills": ((r"oom_control:oom_kill (\d+)", 1.0), (r"memory.events:oom_kill (\d+)", 1.0)),
}


class Docker:
    """Each command runs in a container that sees what it reads and can write its folder only."""

    def __init__(self, options: Options) -> None:
        """Uses the engine of the `docker` command.

        Args:
            options: What was chosen.
        """
        self._options = options
        self._digests: dict[str, str] = {}
        self._user = f"{os.getuid()}:{os.getgid()}"
        self._umask = os.umask(0o077)  # which cannot be read without being changed
        os.umask(self._umask)

    def check(self, images: Collection[str]) -> Mapping[str, Any]:
        """Makes sure that the engine answers and that the images are there and run.

        Args:
            images: The images of the specification.

        Returns:
            `image`, the digests, and the versions of `python` and `packages` in the last one.

        Raises:
            InputError: The engine or an image cannot be used.
        """
        containers.found("docker")
        problem = "--runtime: the Docker engine cannot be used"
        security = containers.asked(["docker", "info", "--format", "{{.SecurityOptions}}"], problem)
        if "name=rootless" in security:  # where our own number is that of root
            self._user = "0:0"
        software: dict[str, Any] = {}
        for image in sorted({self._options.image} if self._options.image else set(images)):
            problem = f"--runtime: no image {image} here; `make build` makes that of this version"
            inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
            self._digests[image] = containers.asked(inspect, problem)
            software = containers.tried(image, self.argv)
        return {"image": " ".join(self._digests.values()), **software}

    def argv(self, command: Command) -> list[str]:
        """Returns the words that run a command and end when its container has ended.

        Args:
            command: The command.
        """
        claim, usage = self._options.claim, str(_usage_file(command))
        locked = str(claim) if claim and claim.exists() else ""  # not in a trial before the run
        return [
            *("sh", "-c", _CLIENT, "docker"),
            *self._client(command, "--interactive"),
            *("sh", "-c", _INSIDE, "step", locked, usage, command.text, f"{self._umask:04o}"),
        ]

    def shell(self, command: Command) -> list[str]:
        """Returns the words that give a user a shell in a container.

        Args:
            command: What it sees; its text does not matter.
        """
        terminal = ["--tty"] if sys.stdin.isatty() else []
        return [*self._client(command, "--interactive", *terminal), "bash"]

    def finished(self, command: Command, finished: Finished) -> Finished:
        """Returns how a command ended, with what its container used and why it was killed.

        Args:
            command: The command.
            finished: How it ended for the backend, which sees the client only.
        """
        used = _used(_usage_file(command))
        if finished.usage:
            usage = replace(
                finished.usage,
                cpu_seconds=used["cpu_seconds"],
                peak_memory_mb=used["peak_memory_mb"],
            )
            finished = replace(finished, usage=usage)
        if finished.status and used["kills"] and self._options.memory:
            line = f"error: it was killed for more memory than its limit of {self._options.memory}"
            return containers.noted(command, finished, line)
        return finished

    def _client(self, command: Command, *flags: str) -> list[str]:
        """Returns the words of the client up to the image."""
        image = self._options.image or command.image
        digest = self._digests.get(image, image)
        own = {"HOME": containers.TMP, "USER": containers.user_name(), IMAGE: digest}
        variables = [
            *containers.names(command, self._options),
            *(f"{name}={own[name]}" for name in own),
        ]
        binds = containers.mounts(command, self._options).items()
        groups = {str(group) for group in os.getgroups()} - {self._user.partition(":")[2]}
        limit = self._options.memory
        return [
            *("docker", "run", "--rm", "--pull", "never", "--entrypoint", "", "--no-healthcheck"),
            *flags,
            *("--user", self._user, *(f"--group-add={group}" for group in sorted(groups))),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--network", "host" if self._options.network else "none"),
            *("--read-only", "--tmpfs", containers.TMP, "--workdir", str(command.folder)),
            *(["--memory", limit, "--memory-swap", limit] if limit else []),
            *(["--gpus", "all"] if self._options.gpu else []),
            *(word for path, writable in binds for word in ("--mount", _bind(path, writable))),
            *(word for variable in variables for word in ("--env", variable)),
            *("--label", f"madminer-workflow={command.folder}"),
            digest,
        ]


def _bind(path: Path, writable: bool) -> str:
    """Returns the description of a mount."""
    mode = () if writable else ("readonly",)
    return containers.row("type=bind", f"source={path}", f"target={path}", *mode)


def _usage_file(command: Command) -> Path:
    """Returns the file in which a container leaves what it used."""
    return command.log.with_suffix(".usage")


def _used(file: Path) -> dict[str, float | None]:
    """Returns what a container has used, and removes the file that says so."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    file.unlink(missing_ok=True)
    used: dict[str, float | None] = {}
    for name, patterns in _COUNTERS.items():
        matches = ((re.search(pattern, text), unit) for pattern, unit in patterns)
        used[name] = next((int(match[1]) * unit for match, unit in matches if match), None)
    return used
