"""The environments that steps run in, by name; another one is a class and a line in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from madminer_workflow.engine.command import Runtime
from madminer_workflow.engine.runtimes.apptainer import Apptainer
from madminer_workflow.engine.runtimes.containers import Options
from madminer_workflow.engine.runtimes.docker import Docker
from madminer_workflow.engine.runtimes.processes import Processes

__all__ = ["RUNTIMES", "Options"]

RUNTIMES: Mapping[str, Callable[[Options], Runtime]] = {
    "process": Processes,
    "docker": Docker,
    "apptainer": Apptainer,
}
"""What makes a runtime from what was chosen for it."""
