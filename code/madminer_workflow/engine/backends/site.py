"""The profile of a site: how many jobs, and how much of the machine each stage gets."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from madminer_workflow.errors import InputError

__all__ = ["Resources", "Retries", "Site", "limited", "read"]

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_Record = TypeVar("_Record")


def limited(minimum: float | None, allowed: tuple[str, ...] = (), **options: Any) -> Any:
    """Returns the field of a record that does not take all values of its type.

    Args:
        minimum: The smallest value; None if there is none.
        allowed: All values; none stands for any.
        options: Those of `dataclasses.field`.
    """
    return field(metadata={"minimum": minimum, "allowed": allowed}, **options)


@dataclass(frozen=True)
class Resources:
    """What a job gets of a machine; None leaves it to the site.

    Attributes:
        cpus: Processors; a step computes with as many threads.
        memory_mb: Memory, in the units that the batch system calls MB.
        minutes: Wall time.
        gpus: Graphics processors.
        partition: Partition or queue.
        account: What the time is charged to.
        options: Further words of the command that submits.
    """

    cpus: int = limited(1, default=1)
    memory_mb: int | None = limited(1, default=None)
    minutes: int | None = limited(1, default=None)
    gpus: int = limited(0, default=0)
    partition: str | None = None
    account: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retries:
    """How often a job is submitted again.

    Attributes:
        out_of_memory: After it needed more memory; each time it gets `factor` times as much.
        time_out: After it needed more time; each time it gets `factor` times as much.
        node_lost: After its node was lost, or the job preempted.
        factor: How much more it gets.
    """

    out_of_memory: int = limited(0, default=0)
    time_out: int = limited(0, default=0)
    node_lost: int = limited(0, default=3)
    factor: float = limited(1, default=2.0)


@dataclass(frozen=True)
class Site:
    """How a batch system is used.

    Attributes:
        jobs: Jobs in the queue at the same time, at most.
        array_size: Jobs that are submitted with one command, at most.
        poll_seconds: Time between two questions about all jobs.
        grace_seconds: How long files may take to be seen on another machine.
        retries: How often jobs are submitted again.
        default: What a job gets.
        stages: What jobs of single stages get.
    """

    jobs: int = limited(1, default=100)
    array_size: int = limited(1, default=500)
    poll_seconds: float = limited(0.1, default=10.0)
    grace_seconds: float = limited(0, default=60.0)
    retries: Retries = Retries()
    default: Resources = Resources()
    stages: Mapping[str, Resources] = field(default_factory=dict)

    def resources(self, stage: str) -> Resources:
        """Returns what a job of a stage gets.

        Args:
            stage: The stage.
        """
        return self.stages.get(stage, self.default)


def read(kind: type[_Record], path: Path, stages: Collection[str]) -> _Record:
    """Returns a profile; what it does not say of a stage is as in its `default`.

    Args:
        kind: The record of the profile.
        path: The file, in YAML.
        stages: The names that stages can have.

    Raises:
        InputError: The file cannot be read, or has a key or a value that is not allowed.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    try:
        return _record(kind, {} if document is None else document, "", stages)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _record(
    kind: type[_Record], document: Any, where: str, stages: Collection[str] = (), base: Any = None
) -> _Record:
    """Returns a record with the values of a document, and those of another one for the rest."""
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in _block(document, where, fields).items():
        if key == "stages":
            default = values.get("default") or _default(document, where)
            values[key] = {
                stage: _record(Resources, below, f"{where}{key}.{stage}.", base=default)
                for stage, below in _block(value, f"{where}{key}.", stages).items()
            }
        elif dataclasses.is_dataclass(hints[key]):
            values[key] = _record(typing.cast(type, hints[key]), value, f"{where}{key}.")
        else:
            values[key] = _value(value, hints[key], fields[key].metadata, where + key)
    return dataclasses.replace(base, **values) if base else kind(**values)


def _default(document: Mapping[str, Any], where: str) -> Resources:
    """Returns what a profile says of all stages."""
    return _record(Resources, document.get("default", {}), f"{where}default.")


def _block(value: Any, where: str, known: Collection[str]) -> Mapping[str, Any]:
    """Returns a value that is a mapping from known keys.

    Raises:
        InputError: It is not.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{where.rstrip('.') or 'profile'}: {value!r}, expected keys and values")
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(known)}"
            raise InputError(f"{where}{key}: unknown key, {hint}")
    return value


def _value(value: Any, hint: Any, rule: Mapping[str, Any], where: str) -> Any:
    """Returns a value of a type, within its limit.

    Raises:
        InputError: It is none.
    """
    if hint == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise InputError(f"{where}: {value!r}, expected a list of texts")
    optional = isinstance(hint, types.UnionType)
    if value is None and optional:
        return None
    kind = typing.get_args(hint)[0] if optional else hint
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{where}: {value!r}, expected {_WORDS[kind]}")
    minimum, allowed = rule.get("minimum"), rule.get("allowed")
    if minimum is not None and not minimum <= value < float("inf"):
        raise InputError(f"{where}: {value!r}, expected a finite number >= {minimum}")
    if allowed and value not in allowed:
        raise InputError(f"{where}: {value!r}, allowed are {', '.join(allowed)}")
    return value
