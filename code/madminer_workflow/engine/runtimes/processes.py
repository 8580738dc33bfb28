"""The runtime without containers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from madminer_workflow.engine.command import Command, Finished
from madminer_workflow.engine.runtimes.containers import Options
from madminer_workflow.errors import InputError

__all__ = ["Processes"]


class Processes:
    """Commands run in the environment of this process."""

    def __init__(self, options: Options | None = None) -> None:
        """Refuses what only containers can do.

        Args:
            options: What was chosen.

        Raises:
            InputError: It says something of containers.
        """
        chosen = options or Options()
        named = {"--image": chosen.image, "--memory": chosen.memory, "--gpu": chosen.gpu}
        for option, value in named.items():
            if value:
                raise InputError(
                    f"{option}: only for steps in containers, as with --runtime docker"
                )

    def check(self, images: Collection[str]) -> Mapping[str, Any]:
        """Returns nothing: what this process can run, its steps can.

        Args:
            images: The images of the specification.
        """
        del images
        return {}

    def argv(self, command: Command) -> list[str]:
        """Returns the words that run a command.

        Args:
            command: The command.
        """
        return ["sh", "-c", command.text]

    def finished(self, command: Command, finished: Finished) -> Finished:
        """Returns how a command ended, as it is.

        Args:
            command: The command.
            finished: How it ended.
        """
        del command
        return finished
