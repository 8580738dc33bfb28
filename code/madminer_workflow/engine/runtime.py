"""Packtivity plugin: run `docker-encapsulated` steps as processes of this machine.

Registers the implementation `local`; which implementation runs is chosen at launch, so that one
specification serves every runtime. With Yadage's own command line:
`yadage-run --plugins madminer_workflow.engine.runtime
-k 'packconfig_spec={executor: {docker-encapsulated: local}}' …`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packtivity.handlers.execution_handlers import executor

from madminer_workflow.engine import process

__all__ = ["StepError", "local"]


class StepError(RuntimeError):
    """A step that ended with a status other than 0."""

    def __init__(self, finished: process.Finished, log: Path) -> None:
        """Keeps what a user wants to know.

        Args:
            finished: How the command of the step ended.
            log: The file with its output.
        """
        super().__init__(finished, log)
        self.finished, self.log = finished, log

    @property
    def reason(self) -> str:
        """The last line of the output, or the status if there was none."""
        return [f"status {self.finished.status}", *self.finished.last_lines][-1]

    def __str__(self) -> str:
        """Returns the status, the last lines of the output and where the others are."""
        lines = "".join(f"  {line}\n" for line in self.finished.last_lines)
        return f"status {self.finished.status}\n{lines}log: {self.log}"


def local(
    config: Any,
    environment: Mapping[str, Any],
    state: Any,
    job: Mapping[str, str],
    metadata: Mapping[str, Any],
) -> None:
    """Runs the command of a step in its folder.

    Args:
        config: Execution settings; `environment` among them are variables for every step,
            `inherited` the descriptors of files that stay open in it, and `ended` is called with
            how the command ended.
        environment: The `environment` of the step's specification; its image is not used.
        state: The folders of the step.
        job: The command.
        metadata: The name of the step.

    Raises:
        StepError: The command ended with a status other than 0.
    """
    log = Path(state.metadir) / f"{metadata['name']}.run.log"
    own = {name: str(value) for name, value in (environment.get("env") or {}).items()}
    finished = process.run(
        job["command"],
        folder=Path(state.readwrite[0]),
        environment={**os.environ, **config.config.get("environment", {}), **own},
        log=log,
        inherited=config.config.get("inherited", ()),
    )
    if ended := config.config.get("ended"):
        ended(finished)
    if finished.status:
        raise StepError(finished, log)


executor("docker-encapsulated", "local")(local)
