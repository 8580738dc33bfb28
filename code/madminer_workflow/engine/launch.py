"""One run of a workflow: Yadage in this process, its steps wherever a backend runs them."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from madminer_workflow import assets
from madminer_workflow.engine import crate
from madminer_workflow.engine.backends import refuse_others
from madminer_workflow.engine.checksums import Checksums, digest
from madminer_workflow.engine.command import Backend, Runtime, image_of
from madminer_workflow.engine.folder import METADATA, check_path, claimed, stage_folders
from madminer_workflow.engine.graph import State, Step, steps
from madminer_workflow.engine.ingredients import Ingredients, no_code
from madminer_workflow.engine.interruption import Interruption
from madminer_workflow.engine.journal import Journal
from madminer_workflow.engine.pool import Pool
from madminer_workflow.engine.process import Local
from madminer_workflow.engine.progress import Progress
from madminer_workflow.engine.provenance import Provenance
from madminer_workflow.engine.records import Records, remove
from madminer_workflow.engine.runtimes.processes import Processes
from madminer_workflow.engine.steering import engine_log, execute, load, steering
from madminer_workflow.storage import write_json

__all__ = ["Outcome", "n_cores", "run"]

_FROZEN = "workflow.json"
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        steps: All steps that were known at the end.
        seconds: Its wall time.
    """

    steps: tuple[Step, ...]
    seconds: float

    @property
    def failed(self) -> tuple[Step, ...]:
        """The steps that failed."""
        return tuple(step for step in self.steps if step.state is State.FAILED)

    @property
    def n_kept(self) -> int:
        """The number of steps that an earlier run had finished."""
        return sum(step.state is State.KEPT for step in self.steps)

    @property
    def is_complete(self) -> bool:
        """Whether all steps are finished."""
        return all(step.state in (State.DONE, State.KEPT) for step in self.steps)

    def report(self) -> str:
        """Returns what failed, with the last lines of each step and the path of its log."""
        waiting = sum(step.state is State.WAITING for step in self.steps)
        lines = [f"{step.label} failed: {step.error}" for step in self.failed]
        if waiting:
            lines.append(f"not run, since they need what failed: {waiting} steps")
        return "\n".join(lines)


def run(
    workflow: str,
    initdata: Mapping[str, str],
    output_dir: Path,
    jobs: int,
    *,
    toplevel: Path,
    environment: Callable[[Path], Mapping[str, str]] = lambda _: {},
    code: Callable[[str], str] = no_code,
    origin: Mapping[str, Any] | None = None,
    settings: str = "input_file",
    table: Sequence[assets.Step] = (),
    forced: Collection[str] = (),
    until: Collection[str] = (),
    runtime: Runtime | None = None,
    backend: Backend | None = None,
    keep: bool = False,
    stream: TextIO = sys.stderr,
) -> Outcome:
    """Runs a workflow and returns when it has ended, whether or not a step failed.

    A step that an earlier run in the same folder has finished is kept, unless what it was made
    from has changed, something that it made is missing or damaged, or it is forced.

    Args:
        workflow: The file of the specification, relative to `toplevel`.
        initdata: Its parameters.
        output_dir: The folder of the run; each stage gets a folder in it.
        jobs: The number of steps that run at the same time.
        toplevel: The folder that references of the specification start from.
        environment: Gives variables for every step; called when the folder is ours.
        code: Gives the checksum of the code that a stage runs.
        origin: What the record of every step says of the code and the machine.
        settings: The option of the commands of steps that names their settings.
        table: What the steps read and write.
        forced: Labels of steps that are run in any case.
        until: Stages after which to stop; none stands for all.
        runtime: In which environment the steps run; by default that of this process.
        backend: Where they run; by default as processes of this machine, which keep the folder
            claimed as long as one of them lives.
        keep: Whether those go on that can, when the run is interrupted.
        stream: Where progress is written.

    Raises:
        InputError: A path or the folder cannot be used, or the specification has errors.
    """
    start = time.monotonic()
    output_dir = output_dir.resolve()
    for name, value in {**initdata, "output_dir": str(output_dir)}.items():
        check_path(name, value)
    specification, stages = load(workflow, toplevel, initdata, until)
    runtime = runtime or Processes()
    origin, code = _surrounded(origin or {}, code, runtime.check(_images(specification)))
    with claimed(output_dir, stages) as lock:
        where = backend or Local([lock])
        folders, metadir = stage_folders(output_dir, stages), output_dir / METADATA
        refuse_others(where.name, folders)
        (output_dir / crate.CRATE).unlink(missing_ok=True)  # it describes a run that has ended
        write_json(metadir / _FROZEN, specification)
        checksums = Checksums(metadir / "checksums.json")
        records = Records(folders, metadir / "earlier", checksums, table, where.vacate)
        roots = [output_dir, *map(Path, initdata.values())]
        ingredients = Ingredients(checksums, roots=roots, toplevel=toplevel, code=code)
        variables = {"OMP_NUM_THREADS": _threads(jobs), **environment(output_dir)}
        provenance, place = Provenance(output_dir, origin, settings), (runtime, where)
        pool = Pool(jobs, variables, *place, records, ingredients, provenance, forced, keep=keep)
        flow = steering(specification, initdata, output_dir, metadir, ensure=True)
        with engine_log(metadir / "engine.log"), Interruption() as interruption:
            trackers = [Journal(output_dir), Progress(stream), interruption]
            with _vacated(where, () if keep else folders), pool:
                execute(flow, pool, trackers, _POLL_SECONDS)
        checksums.save()
        outcome = Outcome(tuple(steps(flow.workflow)), time.monotonic() - start)
        with contextlib.suppress(OSError):  # of a full disk: no result is in it
            crate.write(output_dir, workflow, Path(METADATA) / _FROZEN, outcome.steps, table)
        if outcome.is_complete and not until:
            _tidy(folders, outcome, records, where)
    return outcome


def _threads(jobs: int) -> str:
    """Returns how many threads a step uses, so that all at a time use all cores once."""
    return os.environ.get("OMP_NUM_THREADS", str(max(1, n_cores() // jobs)))


@contextlib.contextmanager
def _vacated(backend: Backend, folders: Collection[Path]) -> Iterator[None]:
    """When the run is interrupted, ends what earlier runs have started and has not had its turn."""
    try:
        yield
    except KeyboardInterrupt:
        if folders:
            with contextlib.suppress(RuntimeError):
                backend.vacate(*folders)
        raise


def _images(specification: Any) -> set[str]:
    """Returns the images that the steps of a specification name."""
    if isinstance(specification, list):
        return {image for item in specification for image in _images(item)}
    if not isinstance(specification, Mapping):
        return set()
    found = _images(list(specification.values()))
    environment = specification.get("environment")
    if isinstance(environment, Mapping) and "image" in environment:
        found.add(image_of(environment))
    return found


def _surrounded(
    origin: Mapping[str, Any], code: Callable[[str], str], found: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Callable[[str], str]]:
    """Returns what records say of the origin, and the checksums of the code, in an environment.

    Steps come out the same in all environments with the same software. Where this process has
    other versions of packages, or of Python before the second point, the code counts as another.
    """
    if not found:
        return origin, code
    here: Mapping[str, Any] = origin.get("packages", {})
    packages = {name: found["packages"].get(name) for name in here}
    others = {name: value for name, value in packages.items() if value and value != here[name]}
    if _minor(found["python"]) != _minor(platform.python_version()):
        others["python"] = _minor(found["python"])
    changed = {**origin, **found, "packages": packages}
    return changed, (lambda stage: digest([code(stage), others])) if others else code


def _minor(version: str) -> list[str]:
    """Returns the first two numbers of a version."""
    return version.split(".")[:2]


def _tidy(folders: Collection[Path], outcome: Outcome, records: Records, backend: Backend) -> None:
    """Removes what earlier runs have made and nothing of this one stands in."""
    used = [step.folder for step in outcome.steps]
    left = [top for top in folders if not any(folder.is_relative_to(top) for folder in used)]
    backend.vacate(*left)
    for folder in left:
        remove(folder)
    records.tidy()


def n_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
