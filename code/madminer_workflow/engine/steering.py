"""Yadage in this process: how a workflow is loaded, and executed to its end."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yadageschemas
from packtivity.plugins import enable_plugins
from yadage import workflow_loader
from yadage.backends.packtivitybackend import PacktivityBackend
from yadage.steering_object import YadageSteering

from madminer_workflow.engine.controller import Controller
from madminer_workflow.engine.graph import State, steps
from madminer_workflow.engine.pool import JobBackend
from madminer_workflow.engine.selection import pruned
from madminer_workflow.engine.specification import errors
from madminer_workflow.errors import InputError

__all__ = ["engine_log", "execute", "load", "steering"]

_PLUGINS = ("madminer_workflow.engine.caching", "madminer_workflow.engine.runtime")


def load(
    workflow: str, toplevel: Path, given: Collection[str], until: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Returns a specification and the names of its stages.

    Args:
        workflow: The file of the specification, relative to `toplevel`.
        toplevel: The folder that references start from.
        given: The names of the parameters of the workflow.
        until: Stages after which to stop; what only later ones need is left out. None stands for
            all.

    Raises:
        InputError: The specification has errors; the first is shown.
    """
    if found := errors(workflow, toplevel, given=given):
        more = f" ({len(found) - 1} more: `validate-spec` lists them)" if found[1:] else ""
        raise InputError(found[0] + more)
    specification = workflow_loader.workflow(
        workflow, toplevel=str(toplevel), schemadir=yadageschemas.schemadir
    )
    stages = [stage["name"] for stage in specification["stages"]]
    return pruned(specification, until) if until else specification, stages


def steering(
    specification: Mapping[str, Any],
    initdata: Mapping[str, str],
    output_dir: Path,
    metadir: Path,
    *,
    ensure: bool,
) -> Any:
    """Returns Yadage's handle of a workflow that has not started.

    Args:
        specification: A workflow, as `load` returns it.
        initdata: Its parameters.
        output_dir: The folder of the run.
        metadir: A folder for Yadage's own files.
        ensure: Whether the folders of steps are made; a rehearsal needs none.
    """
    enable_plugins(list(_PLUGINS))
    return YadageSteering.create(
        workflow_json=specification,
        validate=False,  # done when it was loaded
        initdata=dict(initdata),
        wflowopts={"discover": False},  # a path is a path, also with a * in it
        dataarg=f"local:{output_dir}",
        dataopts={"ensure": ensure},  # makes the folders of steps when they are added
        metadir=str(metadir),
        accept_metadir=True,
        controller=f"py:{Controller.__module__}:{Controller.__name__}",
        ctrlopts={"pass_model": True},
    )


def execute(
    flow: Any, backend: JobBackend, trackers: Sequence[Any] = (), poll_seconds: float = 0.0
) -> None:
    """Runs a workflow to its end and writes Yadage's snapshot of it.

    Args:
        flow: Yadage's handle of the workflow.
        backend: What runs its steps.
        trackers: What follows its progress, as adage calls it.
        poll_seconds: How often to look for steps that have ended.
    """
    routed = PacktivityBackend(
        packtivity_backend=backend, backendopts={"purepubopts": {"exec": {"logging": False}}}
    )
    flow.adage_argument(
        default_trackers=False, additional_trackers=list(trackers), update_interval=poll_seconds
    )
    try:
        flow.run_adage(routed)
    except RuntimeError:
        # How adage says that a step failed; anything else is an error of the workflow itself.
        if all(step.state is not State.FAILED for step in steps(flow.workflow)):
            raise
    finally:
        with contextlib.suppress(OSError):  # of a full disk: no result is in the snapshot
            flow.serialize()


@contextlib.contextmanager
def engine_log(path: Path) -> Iterator[None]:
    """Sends what the engine logs to a file; without it, tracebacks of failed steps are printed.

    Args:
        path: The file.
    """
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
