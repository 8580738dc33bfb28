"""One run of a workflow: Yadage in this process, its steps as local processes."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yadageschemas
from packtivity.plugins import enable_plugins
from yadage import workflow_loader
from yadage.backends.packtivitybackend import PacktivityBackend
from yadage.steering_object import YadageSteering

from madminer_workflow.engine.folder import METADATA, check_path, claimed
from madminer_workflow.engine.graph import State, Step, steps
from madminer_workflow.engine.interruption import Interruption
from madminer_workflow.engine.pool import Pool
from madminer_workflow.engine.progress import Progress

__all__ = ["Outcome", "n_cores", "run"]

_PLUGINS = ["madminer_workflow.engine.caching", "madminer_workflow.engine.runtime"]
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
    stream: TextIO = sys.stderr,
) -> Outcome:
    """Runs a workflow and returns when it has ended, whether or not a step failed.

    Args:
        workflow: The file of the specification, relative to `toplevel`.
        initdata: Its parameters.
        output_dir: The folder of the run; each stage gets a folder in it.
        jobs: The number of steps that run at the same time.
        toplevel: The folder that references of the specification start from.
        environment: Gives variables for every step; called when the folder is ours.
        stream: Where progress is written.

    Raises:
        InputError: A path or the folder cannot be used.
    """
    start = time.monotonic()
    output_dir = output_dir.resolve()
    for name, value in {**initdata, "output_dir": str(output_dir)}.items():
        check_path(name, value)
    specification = workflow_loader.workflow(
        workflow, toplevel=str(toplevel), schemadir=yadageschemas.schemadir
    )
    with claimed(output_dir, [stage["name"] for stage in specification["stages"]]):
        threads = os.environ.get("OMP_NUM_THREADS", str(max(1, n_cores() // jobs)))
        variables = {"OMP_NUM_THREADS": threads, **environment(output_dir)}
        steering = _steering(specification, initdata, output_dir)
        log = output_dir / METADATA / "engine.log"
        with _engine_log(log), Interruption() as interruption, Pool(jobs, variables) as pool:
            _execute(steering, pool, [Progress(stream), interruption])
    return Outcome(tuple(steps(steering.workflow)), time.monotonic() - start)


def n_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _steering(
    specification: Mapping[str, Any], initdata: Mapping[str, str], output_dir: Path
) -> Any:
    """Returns Yadage's handle of a workflow that has not started."""
    enable_plugins(list(_PLUGINS))
    return YadageSteering.create(
        workflow_json=specification,
        validate=False,  # done when it was loaded
        initdata=dict(initdata),
        wflowopts={"discover": False},  # a path is a path, also with a * in it
        dataarg=f"local:{output_dir}",
        metadir=str(output_dir / METADATA),
        accept_metadir=True,
    )


def _execute(steering: Any, pool: Pool, trackers: list[Any]) -> None:
    """Runs a workflow to its end and writes Yadage's snapshot of it."""
    backend = PacktivityBackend(
        packtivity_backend=pool, backendopts={"purepubopts": {"exec": {"logging": False}}}
    )
    steering.adage_argument(
        default_trackers=False, additional_trackers=trackers, update_interval=_POLL_SECONDS
    )
    try:
        steering.run_adage(backend)
    except RuntimeError:
        # How adage says that a step failed; anything else is an error of the workflow itself.
        if all(step.state is not State.FAILED for step in steps(steering.workflow)):
            raise
    finally:
        steering.serialize()


@contextlib.contextmanager
def _engine_log(path: Path) -> Iterator[None]:
    """Sends what the engine logs to a file; without it, tracebacks of failed steps are printed."""
    handler = logging.FileHandler(path, mode="w", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("adage", "packtivity", "yadage")]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    # The loggers of single steps have neither handlers nor parents.
    last_resort, logging.lastResort = logging.lastResort, handler
    try:
        yield
    finally:
        logging.lastResort = last_resort
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()
