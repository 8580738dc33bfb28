"""Packtivity plugin: runs `docker-encapsulated` steps where the user wants, not in Docker only.

Registers the implementation `local`. A run gives it the runtime and the backend that were chosen,
so that one specification serves all of them; by itself it starts processes of this machine. With
Yadage's own command line: `yadage-run --plugins madminer_workflow.engine.runtime
-k 'packconfig_spec={executor: {docker-encapsulated: local}}' …`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packtivity.handlers.execution_handlers import executor

from madminer_workflow.engine.command import Command, Finished, image_of
from madminer_workflow.engine.process import Local
from madminer_workflow.engine.runtimes.processes import Processes

__all__ = ["StepError", "local"]


class StepError(RuntimeError):
    """A step that ended with a status other than 0."""

    def __init__(self, finished: Finished, log: Path) -> None:
        """Keeps what a user wants to know.

        Args:
            finished: How the command of the step ended.
            log: The file with its output.
        """
        super().__init__(finished, log)
        self.finished, self.log = finished, log

    @property
    def reason(self) -> str:
        """What ended it, else the last line of the output, or the status if there was none."""
        lines = [f"status {self.finished.status}", *self.finished.last_lines]
        return self.finished.verdict or lines[-1].removeprefix("error: ")

    def __str__(self) -> str:
        """Returns what ended it, the last lines of the output and where the others are."""
        why = self.finished.verdict or f"status {self.finished.status}"
        lines = "".join(f"  {line}\n" for line in self.finished.last_lines)
        return f"{why}\n{lines}log: {self.log}"


def local(
    config: Any,
    environment: Mapping[str, Any],
    state: Any,
    job: Mapping[str, str],
    metadata: Mapping[str, Any],
) -> None:
    """Runs the command of a step in its folder.

    Args:
        config: Execution settings; `execute` among them, if it is there, runs a command and says
            how it ended, and `variables` are environment variables for every step.
        environment: The environment in the step's specification.
        state: The folders of the step.
        job: The command.
        metadata: The name of the step.

    Raises:
        StepError: The command ended with a status other than 0.
    """
    own = {name: str(value) for name, value in (environment.get("env") or {}).items()}
    command = Command(
        stage=metadata["wflow_stage"],
        text=job["command"],
        image=image_of(environment),
        folder=Path(state.readwrite[0]),
        read=tuple(map(Path, state.readonly)),
        variables={**config.config.get("variables", {}), **own},
        log=Path(state.metadir) / f"{metadata['name']}.run.log",
    )
    finished = config.config.get("execute", _as_process)(command)
    if finished.status:
        raise StepError(finished, command.log)


def _as_process(command: Command) -> Finished:
    """Runs a command as a process of this machine."""
    return Local().run(command, Processes().argv(command))


executor("docker-encapsulated", "local")(local)
