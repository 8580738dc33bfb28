"""What a run would do: Yadage's own graph with a backend that runs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packtivity import datamodel
from packtivity.statecontexts.posixfs_context import LocalFSState
from packtivity.syncbackends import (
    ExecutionConfig,
    finalize_inputs,
    prepublish,
    run_packtivity,
)

from madminer_workflow.engine.checksums import Checksums
from madminer_workflow.engine.folder import METADATA, check_ours, check_path, stage_folders
from madminer_workflow.engine.forecast import Forecast, Home, Judgement
from madminer_workflow.engine.graph import Facts, facts, identifiers, label, ordered
from madminer_workflow.engine.ingredients import HANDLERS, Ingredients, no_code
from madminer_workflow.engine.pool import Job, JobBackend
from madminer_workflow.engine.records import Records, paths, published_in
from madminer_workflow.engine.runtime import StepError
from madminer_workflow.engine.steering import engine_log, execute, load, steering
from madminer_workflow.errors import InputError

__all__ = ["Input", "Planned", "plan"]


@dataclass(frozen=True)
class Input:
    """A file or folder that a step reads.

    Attributes:
        name: The parameter that names it.
        path: Its path in the run.
        place: Where it is now; None if another step has to write it.
    """

    name: str
    path: Path
    place: Path | None


@dataclass(frozen=True)
class Planned:
    """A step, and what a run would do with it.

    Attributes:
        facts: What is known of the step.
        judgement: What a run would do with it, and why.
        command: Its command.
        inputs: What it reads.
        outputs: The files and folders that it publishes.
    """

    facts: Facts
    judgement: Judgement
    command: str
    inputs: tuple[Input, ...]
    outputs: tuple[Path, ...]


def plan(
    workflow: str,
    initdata: Mapping[str, str],
    output_dir: Path,
    scratch: Path,
    *,
    toplevel: Path,
    code: Callable[[str], str] = no_code,
    forced: Collection[str] = (),
    until: Collection[str] = (),
    volatile: Collection[str] = (),
) -> tuple[Planned, ...]:
    """Returns all steps of a workflow with what a run into a folder would do with them.

    Nothing is written into the folder, and contents are looked at only where something finished
    could be kept. A step that has to run and whose outputs are known only from what it writes,
    since they say which other steps there are, is run in `scratch`.

    Args:
        workflow: The file of the specification, relative to `toplevel`.
        initdata: Its parameters.
        output_dir: The folder of the run; it may be missing.
        scratch: An empty folder; what is in it must last as long as `Input.place` is used.
        toplevel: The folder that references of the specification start from.
        code: Gives the checksum of the code that a stage runs.
        forced: Labels of steps that are run in any case.
        until: Stages after which to stop; none stands for all.
        volatile: Stages that never come out the same.

    Raises:
        InputError: A path or the folder cannot be used, the specification has errors, or the
            steps cannot be known.
    """
    output_dir, scratch = output_dir.resolve(), scratch.resolve()
    for name, value in {**initdata, "output_dir": str(output_dir)}.items():
        check_path(name, value)
    specification, stages = load(workflow, toplevel, initdata, until)
    folders: list[Path] = []
    if output_dir.is_dir():
        check_ours(output_dir, stages)
        folders = [path for path in stage_folders(output_dir, stages) if not path.is_symlink()]
    checksums = Checksums(output_dir / METADATA / "checksums.json")
    records = Records(folders, output_dir / METADATA / "earlier", checksums)
    forecast = Forecast(records, checksums)
    roots = [output_dir, *map(Path, initdata.values())]
    ingredients = Ingredients(forecast, roots=roots, toplevel=toplevel, code=code)
    backend = _Backend(forecast, ingredients, toplevel, scratch, forced, volatile)
    with engine_log(scratch / "engine.log"):
        try:
            flow = steering(specification, initdata, output_dir, scratch / METADATA, ensure=False)
            execute(flow, backend)
        except RuntimeError as error:  # how Yadage says that nothing has been published by a name
            raise InputError(f"{workflow}: {' '.join(str(error).split())[:200]}") from error
    graph = flow.workflow
    known = ordered(facts(graph, identifier) for identifier in identifiers(graph))
    return tuple(Planned(step, *backend.answers[step.folder]) for step in known)


_Answer = tuple[Judgement, str, tuple[Input, ...], tuple[Path, ...]]


class _Backend(JobBackend):
    """A Yadage backend that answers at once what a step would publish, without running it."""

    def __init__(
        self,
        forecast: Forecast,
        ingredients: Ingredients,
        toplevel: Path,
        scratch: Path,
        forced: Collection[str],
        volatile: Collection[str],
    ) -> None:
        """Takes over what `plan` is given."""
        self.answers: dict[Path, _Answer] = {}
        self._forecast = forecast
        self._ingredients = ingredients
        self._toplevel = toplevel
        self._scratch = scratch
        self._forced = frozenset(forced)
        self._volatile = frozenset(volatile)

    def submit(
        self, spec: Mapping[str, Any], parameters: Any, state: Any, metadata: Mapping[str, Any]
    ) -> Job:
        """Judges a step.

        Args:
            spec: Process, environment and publisher of the step.
            parameters: Its parameters.
            state: Its folders.
            metadata: Its name.
        """
        folder, stage = Path(state.readwrite[0]), metadata["wflow_stage"]
        name = label(stage, parameters.json())
        final, _ = finalize_inputs(parameters, state)
        origin = _Origin(final.json(), self._toplevel)
        command, made_from = self._ingredients.of_step(spec, parameters, state, metadata)
        judgement = self._forecast.judge(
            folder, made_from, parameters.json(), origin.of, forced=name in self._forced
        )
        place = judgement.place
        if place and judgement.record:
            published = published_in(folder, judgement.record)
        elif expected := prepublish(spec, final, state, HANDLERS):
            published = expected.json()
        else:
            place = self._scratch / str(len(self.answers))
            published = self._tried(name, made_from, spec, parameters, metadata, folder, place)
        outputs = tuple(path for path in paths(published) if path.is_relative_to(folder))
        home = Home(name, place, judgement, outputs, stage in self._volatile)
        self._forecast.settle(folder, home)
        self.answers[folder] = judgement, command, self._inputs(made_from, origin), outputs
        job = Job()
        job.future.set_result(datamodel.create(published, state.datamodel))
        return job

    def _tried(
        self,
        name: str,
        made_from: Mapping[str, Any],
        spec: Mapping[str, Any],
        parameters: Any,
        metadata: Mapping[str, Any],
        folder: Path,
        place: Path,
    ) -> Any:
        """Returns what a step publishes that was run in another place."""
        for path in self._forecast.contents(made_from):
            if self._forecast.place(path) != path:
                raise InputError(f"{name}: what it publishes is known only when {path} is there")
        state = LocalFSState([str(place)])
        state.ensure()
        quiet = ExecutionConfig({"logging": False})
        try:
            published = run_packtivity(spec, parameters, state, metadata, HANDLERS, quiet)
        except StepError as error:
            raise InputError(f"{name}: {error.reason}") from error
        return json.loads(json.dumps(published.json()).replace(str(place), str(folder)))

    def _inputs(self, made_from: Mapping[str, Any], origin: _Origin) -> tuple[Input, ...]:
        """Returns what a step reads, but for its code."""
        found = [(origin.of(path), path) for path in self._forecast.contents(made_from)]
        return tuple(Input(name, path, self._forecast.place(path)) for name, path in found if name)


class _Origin:
    """The parameters that the paths in a command are from."""

    def __init__(self, parameters: Mapping[str, Any], toplevel: Path) -> None:
        """Takes over the final parameters of a step."""
        values = {
            name: value if isinstance(value, list) else [value]
            for name, value in parameters.items()
        }
        self._names = {
            Path(line.strip()): name
            for name, value in values.items()
            for text in value
            for line in str(text).splitlines()
        }
        self._names[toplevel] = ""

    def of(self, path: Path) -> str:
        """Returns the name of the parameter that a path starts with; an empty one for code."""
        return next((self._names[p] for p in (path, *path.parents) if p in self._names), "")
