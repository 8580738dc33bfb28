"""The steps of a running workflow, in the terms of a user."""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adage import nodestate

__all__ = ["NAME", "Facts", "State", "Step", "facts", "identifiers", "label", "ordered", "steps"]

NAME = "name"
"""The parameter that tells steps of a stage apart, for people."""

Word = str | int | float


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
        started: When its command was started, in seconds since the epoch.
        ended: When it had ended.
    """

    label: str
    state: State
    folder: Path
    error: BaseException | None = None
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a step before it runs.

    Attributes:
        label: What a user calls it.
        stage: Its stage.
        folder: Where it writes.
        words: Its parameters, and those of the workflow inside which it stands, but for paths.
        needs: The folders of the steps whose outputs it uses.
    """

    label: str
    stage: str
    folder: Path
    words: Mapping[str, Word]
    needs: tuple[Path, ...]


def steps(workflow: Any) -> list[Step]:
    """Returns the steps that are known so far, in the order in which they were added.

    Args:
        workflow: A Yadage workflow object.
    """
    return [_step(workflow.dag.getNode(identifier)) for identifier in identifiers(workflow)]


def identifiers(workflow: Any) -> list[str]:
    """Returns the identifiers of the nodes that are steps, in the order in which they were added.

    Args:
        workflow: A Yadage workflow object.
    """
    dag = workflow.dag
    return [name for name in dag.nodes() if not dag.getNode(name).task.pubOnlyTask()]


def facts(workflow: Any, identifier: str) -> Facts:
    """Returns what is known of a step before it runs.

    Args:
        workflow: A Yadage workflow object.
        identifier: The identifier of its node.
    """
    dag, node = workflow.dag, workflow.dag.getNode(identifier)
    own = node.task.parameters.json()
    above = [dag.getNode(name) for name in dag.predecessors(identifier)]
    given = [above.task.parameters.json() for above in above if above.task.pubOnlyTask()]
    stage = node.task.metadata["wflow_stage"]
    return Facts(
        label=label(stage, own),
        stage=stage,
        folder=Path(node.task.state.readwrite[0]),
        words={name: word for values in (*given, own) for name, word in _words(values)},
        needs=tuple(sorted(set(_needed(dag, identifier)))),
    )


def ordered(known: Iterable[Facts]) -> list[Facts]:
    """Returns steps stage by stage, those of a stage in the order in which they were spread.

    Args:
        known: The steps in the order in which they were added.
    """
    steps = list(known)
    stages = list(dict.fromkeys(step.stage for step in steps))
    return sorted(steps, key=lambda step: (stages.index(step.stage), _numbers(step.folder)))


def label(stage: str, parameters: Mapping[str, Any]) -> str:
    """Returns what a user calls a step.

    Args:
        stage: Its stage.
        parameters: Its parameters.

    >>> label("training", {"name": "alices_0"}), label("sampling", {})
    ('training alices_0', 'sampling')
    """
    return f"{stage} {parameters[NAME]}" if NAME in parameters else stage


def _words(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Word]]:
    """Yields parameters that are single words or numbers, also those inside of others."""
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _words(value)
        elif isinstance(value, Word) and not (isinstance(value, str) and {*"/{"} & {*value}):
            yield name, value


def _needed(dag: Any, identifier: str) -> Iterator[Path]:
    """Yields the folders of what a node depends on, through nodes that only hand parameters on."""
    for name in dag.predecessors(identifier):
        task = dag.getNode(name).task
        if task.pubOnlyTask():
            yield from _needed(dag, name)
        else:
            yield Path(task.state.readwrite[0])


def _numbers(folder: Path) -> list[tuple[str, int]]:
    """Returns a key that sorts folders by the numbers in their names.

    >>> _numbers(Path("a_2")) < _numbers(Path("a_10"))
    True
    """
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D+)(\d*)", str(folder))]


def _step(node: Any) -> Step:
    """Returns the step of a node."""
    job, state = node.resultproxy, _state(node)
    name, folder = _identity(node.task)
    return Step(
        label=name,
        state=state,
        folder=folder,
        error=job.error if state is State.FAILED else None,
        started=job and job.started,
        ended=job and job.ended,
    )


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
