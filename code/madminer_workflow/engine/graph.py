"""The steps of a running workflow, in the terms of a user."""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adage import nodestate

__all__ = ["State", "Step", "label", "steps"]


class State(enum.Enum):
    """What a step is doing."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    KEPT = "kept"
    FAILED = "failed"


@dataclass(frozen=True)
class Step:
    """A step.

    Attributes:
        label: Its stage, followed by its parameter `name` if it has one.
        state: What it is doing.
        folder: Where it writes.
        error: Why it failed.
    """

    label: str
    state: State
    folder: Path
    error: BaseException | None = None


def steps(workflow: Any) -> list[Step]:
    """Returns the steps that are known so far, in the order in which they were added.

    Args:
        workflow: A Yadage workflow object.
    """
    nodes = map(workflow.dag.getNode, workflow.dag.nodes())
    return [_step(node) for node in nodes if not node.task.pubOnlyTask()]


def label(stage: str, parameters: Mapping[str, Any]) -> str:
    """Returns what a user calls a step.

    Args:
        stage: Its stage.
        parameters: Its parameters.

    >>> label("training", {"name": "alices_0"}), label("sampling", {})
    ('training alices_0', 'sampling')
    """
    return f"{stage} {parameters['name']}" if "name" in parameters else stage


def _step(node: Any) -> Step:
    """Returns the step of a node."""
    state = _state(node)
    name, folder = _identity(node.task)
    error = node.resultproxy.error if state is State.FAILED else None
    return Step(name, state, folder, error)


@functools.cache  # a run asks at every poll
def _identity(task: Any) -> tuple[str, Path]:
    """Returns the label and the folder of a step, which do not change."""
    name = label(task.metadata["wflow_stage"], task.parameters.json())
    return name, Path(task.state.readwrite[0])


def _state(node: Any) -> State:
    """Returns the state of a node, which adage calls running as soon as it is submitted."""
    if node.state == nodestate.SUCCESS:
        return State.KEPT if node.resultproxy.kept else State.DONE
    if node.state == nodestate.FAILED:
        return State.FAILED
    if node.state == nodestate.RUNNING and node.resultproxy.started:
        return State.RUNNING
    return State.WAITING
