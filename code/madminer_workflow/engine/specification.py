"""Errors of a specification that Yadage's own validator does not see, each with its place.

Only what is certain is an error: what a step publishes from a file that it writes is taken for
granted unless an example is given, and so is what expressions select that are more than names.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yadageschemas
from jsonschema import ValidationError
from packtivity.handlers.process_handlers import handlers as processes
from packtivity.handlers.publisher_handlers import handlers as publishers
from yadageschemas.validator import validator

from madminer_workflow.engine.graph import NAME
from madminer_workflow.engine.places import Files, Place

__all__ = ["errors"]

_SCHEMA = "yadage/workflow-schema"
_INIT = "init"
_SCATTERS = ("zip", "cartesian")
_SCHEDULERS = ("singlestep-stage", "multistep-stage", "jq-stage")
_NAMES = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_STAGES = re.compile(r"([\w-]+)(\[[^\]]*\])?(?:\.([\w-]+))?(?:\[[^\]]*\])?")
_FOLDER_WORDS = re.compile(r"workdir|readdir\d+")

_ANY: Any = object()
"""Stands for a value that is known only in a run."""


def errors(
    workflow: str,
    toplevel: Path,
    *,
    given: Collection[str] | None = None,
    published: Mapping[str, Any] | None = None,
) -> list[str]:
    """Returns the errors of a specification, each on one line that begins with file and place.

    Args:
        workflow: The file of the specification, relative to `toplevel`.
        toplevel: The folder that references in this file start from.
        given: The parameters of the workflow; None if they are not known.
        published: Examples of what stages publish that write it into a file, by stage.
    """
    checker = _Checker(Path(workflow), toplevel, published or {})
    checker.workflow(checker.files.main(), _ANY if given is None else dict.fromkeys(given, _ANY))
    found = list(dict.fromkeys(checker.errors))  # a step that several stages use is seen often
    return found or list(_schema_errors(workflow, toplevel))


def _schema_errors(workflow: str, toplevel: Path) -> Iterator[str]:
    """Yields what violates Yadage's schema: the most telling error."""
    options = {"schema_name": _SCHEMA, "schemadir": yadageschemas.schemadir}
    loading = {**options, "toplevel": str(toplevel), "load_as_ref": False}
    content = yadageschemas.load(workflow, loading, validate=False, dialect="raw_with_defaults")
    leaves = list(_leaves(validator(**options).iter_errors(content)))
    # Alternatives that are not meant differ in a name; the error that is meant lies deepest.
    telling = [error for error in leaves if error.validator not in ("enum", "type")] or leaves
    if telling:
        error = max(telling, key=lambda error: len(error.absolute_path))
        place, message = ".".join(map(str, error.absolute_path)), " ".join(error.message.split())
        yield f"{workflow}: {place}: {message[:200]}"


def _leaves(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """Yields errors without those that only sum up others."""
    for error in errors:
        if error.context:
            yield from _leaves(error.context)
        else:
            yield error


@dataclass
class _Stage:
    """A stage as others see it.

    Attributes:
        place: Where it stands.
        needs: The stages that it waits for.
        outputs: What it publishes; with a workflow inside, the stages of that.
        is_workflow: Whether it has a workflow inside.
        is_spread: Whether it may have several steps.
        used: The outputs that others use.
    """

    place: Place
    needs: set[str] = field(default_factory=set)
    outputs: Any = _ANY
    is_workflow: bool = False
    is_spread: bool = False
    used: set[str] = field(default_factory=set)


_Scope = dict[str, _Stage]


class _Checker:
    """Walks through a specification and notes its errors."""

    def __init__(self, main: Path, toplevel: Path, published: Mapping[str, Any]) -> None:
        """Takes over what `errors` is given."""
        self.errors: list[str] = []
        self.files = Files(main, toplevel, self.errors.append)
        self._published = published

    def workflow(self, place: Place, given: Any) -> _Scope:
        """Checks the stages of a workflow.

        Args:
            place: The workflow.
            given: Its parameters and examples of their values.
        """
        if place.value is None:
            return {}
        stages = self.files.child(place, "stages")
        if not isinstance(stages.value, list):
            self._note(place, "has no list 'stages'")
            return {}
        scope: _Scope = {_INIT: _Stage(place, outputs=given)}
        for stage in self.files.children(stages):
            name = self.files.child(stage, "name").value
            if not isinstance(name, str):
                self._note(stage, "has no name")
            elif name in scope:
                self._note(stage, f"the name {name!r} is taken")
            else:
                scope[name] = _Stage(stage)
        for name in self._in_order(scope):
            self._stage(name, scope)
        self._check_uses(scope)
        return scope

    def _in_order(self, scope: _Scope) -> list[str]:
        """Returns the names of the stages, each after those that it waits for."""
        for name, stage in scope.items():
            if name != _INIT:
                stage.needs = set(self._dependencies(stage.place, scope))
        ordered = [_INIT]
        waiting = [name for name in scope if name != _INIT]
        while ready := [name for name in waiting if scope[name].needs <= set(ordered)]:
            ordered += ready
            waiting = [name for name in waiting if name not in ready]
        for name in waiting:
            others = ", ".join(sorted(scope[name].needs - set(ordered)))
            self._note(scope[name].place, f"waits for itself through {others}", "dependencies")
        return ordered[1:]

    def _dependencies(self, place: Place, scope: _Scope) -> Iterator[str]:
        """Yields the stages that a stage names as its dependencies."""
        value = self.files.child(place, "dependencies").value
        expressions = value.get("expressions") if isinstance(value, dict) else value
        for expression in expressions if isinstance(expressions, list) else []:
            found = isinstance(expression, str) and _STAGES.fullmatch(expression)
            if found and found[1] in scope:
                yield found[1]
            elif found:
                self._note(place, _unknown("stage", found[1], scope), "dependencies")

    def _stage(self, name: str, scope: _Scope) -> None:
        """Checks a stage and finds what it publishes."""
        stage = scope[name]
        scheduler = self.files.child(stage.place, "scheduler")
        kind = self.files.child(scheduler, "scheduler_type").value
        if kind not in _SCHEDULERS:
            self._note(scheduler, _unknown("scheduler_type", kind, _SCHEDULERS))
            return
        if kind == "jq-stage":  # its parameters are the outcome of a program
            return
        place = self.files.child(scheduler, "parameters")
        values = place.value if isinstance(place.value, dict) else _listed(place.value)
        parameters = {
            key: self._parameter(Place(value, place.file, (*place.keys, key)), name, scope)
            for key, value in values.items()
        }
        stage.is_spread = kind == "multistep-stage"
        self._scatter(scheduler, parameters, is_spread=stage.is_spread)
        bodies = [scheduler, *self.files.children(self.files.child(scheduler, "cases"))]
        bodies = [
            b for b in bodies if isinstance(b.value, dict) and {"step", "workflow"} & {*b.value}
        ]
        if not bodies:
            self._note(scheduler, "has neither step nor workflow nor cases")
        for body in bodies:
            self._body(body, name, stage, parameters)
        if len(bodies) > 1:
            stage.outputs = _ANY

    def _body(self, place: Place, name: str, stage: _Stage, parameters: dict[str, Any]) -> None:
        """Checks the step or the workflow of a stage."""
        if "workflow" in place.value:
            stage.is_workflow = True
            stage.outputs = self.workflow(self.files.child(place, "workflow"), parameters)
            return
        step = self.files.child(place, "step")
        if not isinstance(step.value, dict):
            return
        publisher = self.files.child(step, "publisher")
        used = self._used_by_process(self.files.child(step, "process"), set(parameters))
        used |= self._used_by_publisher(publisher, set(parameters))
        environment = self.files.child(step, "environment").value
        has_programs = isinstance(environment, dict) and environment.get("par_mounts")
        if not has_programs and "if" not in place.value and _ANY not in used:
            for parameter in sorted(parameters.keys() - used - {NAME}):
                message = f"parameter {parameter!r} is not used by {step}"
                self._note(place, message, "parameters")
        stage.outputs = self._outputs(publisher, name)

    def _used_by_process(self, place: Place, parameters: set[str]) -> set[Any]:
        """Returns the parameters that a process uses; it may be missing."""
        if not isinstance(place.value, dict):
            return set()
        kind = place.value.get("process_type")
        if kind not in processes:
            self._note(place, _unknown("process_type", kind, processes))
            return {_ANY}
        texts = [self.files.child(place, key) for key in ("cmd", "script")]
        return set().union(*(self._placeholders(text, parameters) for text in texts))

    def _used_by_publisher(self, place: Place, parameters: set[str]) -> set[Any]:
        """Returns the parameters that a publisher uses."""
        kind = place.value.get("publisher_type") if isinstance(place.value, dict) else None
        if kind not in publishers:
            self._note(place, _unknown("publisher_type", kind, publishers))
            return {_ANY}
        if kind == "fromparjq-pub":
            return {_ANY}
        if kind == "frompar-pub":
            names = set(_strings(place.value.get("outputmap")))
            for name in sorted(names - parameters):
                self._note(place, _unknown("parameter", name, parameters), "outputmap")
            return names
        if kind != "interpolated-pub":
            return set()
        return set().union(
            *(
                self._placeholders(text, parameters | {"workdir"})
                for text in self._texts(self.files.child(place, "publish"))
            )
        )

    def _texts(self, place: Place) -> Iterator[Place]:
        """Yields all strings below a place."""
        if isinstance(place.value, dict):
            for key in place.value:
                yield from self._texts(self.files.child(place, key))
        elif isinstance(place.value, list):
            for item in self.files.children(place):
                yield from self._texts(item)
        elif isinstance(place.value, str):
            yield place

    def _placeholders(self, place: Place, known: Collection[str]) -> set[str]:
        """Returns the names of the placeholders in a text, all of which must be known."""
        if not isinstance(place.value, str):
            return set()
        try:
            fields = [name for _, name, _, _ in string.Formatter().parse(place.value)]
        except ValueError as error:
            self._note(place, f"{error}; braces that are meant as such are doubled")
            return set()
        names = {re.split(r"[.\[]", name)[0] for name in fields if name is not None}
        for name in sorted(names - set(known)):
            self._note(place, f"{{{name}}} is no parameter, expected one of {_listing(known)}")
        return names

    def _outputs(self, place: Place, stage: str) -> Any:
        """Returns an example of what a publisher publishes."""
        publisher = place.value if isinstance(place.value, dict) else {}
        match publisher.get("publisher_type"):
            case "interpolated-pub" | "constant-pub":
                return publisher.get("publish")
            case "frompar-pub":
                names = publisher.get("outputmap")
                return dict.fromkeys(names, _ANY) if isinstance(names, dict) else _ANY
            case "fromglob-pub":
                return {publisher.get("outputkey"): _ANY}
            case _:
                return self._published.get(stage, _ANY)

    def _scatter(self, place: Place, parameters: dict[str, Any], *, is_spread: bool) -> None:
        """Checks what a stage is spread over, and replaces these parameters by single values."""
        scatter = self.files.child(place, "scatter")
        if not is_spread:
            return
        if not isinstance(scatter.value, dict):
            self._note(place, "has no scatter, which a multistep-stage needs")
            return
        method, names = scatter.value.get("method"), scatter.value.get("parameters")
        if method not in _SCATTERS:
            self._note(scatter, _unknown("method", method, _SCATTERS))
        if not isinstance(names, list) or not names:
            self._note(scatter, "names no parameters")
            return
        for name in names:
            if name not in parameters:
                self._note(scatter, _unknown("parameter", name, parameters), "parameters")
                continue
            value = parameters[name]
            if isinstance(value, str | Mapping):
                self._note(scatter, f"{name!r} is no list that could be spread", "parameters")
            parameters[name] = value[0] if isinstance(value, list) and value else _ANY

    def _parameter(self, place: Place, name: str, scope: _Scope) -> Any:
        """Returns an example of the value of a parameter."""
        value = place.value
        if isinstance(value, str):
            names = self._placeholders_of_folders(place)
            return _ANY if names else value
        if not isinstance(value, dict):
            return value
        if "step" in value:
            return self._selected(place, str(value["step"]), name, scope, one=True)
        if several := value.get("stages") or value.get("steps"):
            return [self._selected(place, str(several), name, scope, one=False)]
        return _ANY if "expression_type" in value else value

    def _placeholders_of_folders(self, place: Place) -> bool:
        """Returns whether a text has placeholders, which must be those of folders."""
        try:
            fields = [name for _, name, _, _ in string.Formatter().parse(place.value) if name]
        except ValueError as error:
            self._note(place, f"{error}; braces that are meant as such are doubled")
            return False
        for name in fields:
            if not _FOLDER_WORDS.fullmatch(name):
                self._note(place, f"{{{name}}} is unknown, expected {{workdir}}")
        return bool(fields)

    def _selected(self, place: Place, query: str, name: str, scope: _Scope, *, one: bool) -> Any:
        """Returns an example of what a reference selects."""
        found = _STAGES.fullmatch(query)
        if not found:
            return _ANY
        if found[1] not in scope:
            self._note(place, _unknown("stage", found[1], scope))
            return _ANY
        if found[1] not in {_INIT, *_upstream(name, scope)}:
            self._note(place, f"uses {found[1]!r}, which is not among the dependencies")
        stage = scope[found[1]]
        if one and stage.is_spread and not found[2]:
            self._note(place, f"{found[1]!r} has several steps, use 'stages' in place of 'step'")
        if stage.is_workflow:
            inside = found[3]
            if inside not in stage.outputs:
                self._note(place, _unknown(f"stage of {found[1]!r}", inside, stage.outputs))
                return _ANY
            stage = stage.outputs[inside]
        return self._output(place, stage)

    def _output(self, place: Place, stage: _Stage) -> Any:
        """Returns an example of an output of a stage."""
        output, value = place.value.get("output"), stage.outputs
        if not isinstance(output, str) or not _NAMES.fullmatch(output):
            stage.used.add("")
            return value if output is None else _ANY
        stage.used.add(output.split(".")[0])
        for name in output.split("."):
            if value is _ANY:
                return _ANY
            if not isinstance(value, Mapping) or name not in value:
                known = value if isinstance(value, Mapping) else ()
                self._note(place, _unknown("output", name, known))
                return _ANY
            value = value[name]
        return value

    def _check_uses(self, scope: _Scope) -> None:
        """Notes what is handed over and used by nobody."""
        for name, stage in scope.items():
            if stage.is_workflow or not isinstance(stage.outputs, Mapping) or "" in stage.used:
                continue
            kind = "parameter" if name == _INIT else "output"
            # The outputs of a stage that nothing follows are the products.
            unused = stage.outputs.keys() - stage.used if stage.used or name == _INIT else ()
            for output in sorted(unused):
                self._note(stage.place, f"{kind} {output!r} is used by no stage")

    def _note(self, place: Place, message: str, *keys: str) -> None:
        """Notes an error."""
        where = Place(None, place.file, (*place.keys, *keys))
        self.errors.append(f"{where}: {message}")


def _upstream(name: str, scope: _Scope) -> set[str]:
    """Returns all stages that a stage waits for."""
    found: set[str] = set()
    waiting = {name}
    while waiting:
        waiting = {need for other in waiting for need in scope[other].needs} - found
        found |= waiting
    return found


def _listed(parameters: Any) -> dict[str, Any]:
    """Returns parameters that are written as a list of keys and values."""
    items = parameters if isinstance(parameters, list) else []
    return {
        item["key"]: item.get("value") for item in items if isinstance(item, dict) and "key" in item
    }


def _strings(value: Any) -> Iterator[str]:
    """Yields all strings in nested data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(item)


def _unknown(what: str, name: object, known: Collection[str]) -> str:
    """Returns a message on a name that is not known."""
    return f"unknown {what} {name!r}, expected one of {_listing(known)}"


def _listing(names: Collection[str]) -> str:
    """Returns names with commas between them."""
    return ", ".join(sorted(map(str, names))) or "none"
