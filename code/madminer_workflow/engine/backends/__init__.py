"""Where steps run that do not run on this machine, by name: batch systems and pools of workers."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from madminer_workflow.errors import InputError

if TYPE_CHECKING:
    from madminer_workflow.engine.command import Backend

__all__ = ["BACKENDS", "make", "refuse_others"]

BACKENDS = {
    "slurm": "madminer_workflow.engine.backends.slurm:Slurm",
    "htcondor": "madminer_workflow.engine.backends.htcondor:HTCondor",
    "dask": "madminer_workflow.engine.backends.dask:Dask",
}
"""Module and class of each; the record of its profile is the attribute `profile` of the class."""


def make(name: str, path: Path, stages: Collection[str], folder: Path) -> tuple[Backend, int]:
    """Returns a backend, and how many steps it takes at the same time.

    Args:
        name: Its name.
        path: The profile of the site.
        stages: The names that stages can have.
        folder: Where it may write what it has to say of jobs.

    Raises:
        InputError: The profile has errors, or the backend is not installed here.
    """
    from madminer_workflow.engine.backends.site import read

    kind = _kind(name)
    site = read(kind.profile, path, stages)
    return kind(site, folder), site.jobs


def refuse_others(name: str, folders: Iterable[Path]) -> None:
    """Refuses a folder in which jobs of another backend than the chosen one may be running.

    Args:
        name: The name of the chosen one.
        folders: The folders of stages and of their members.

    Raises:
        InputError: There are some.
    """
    from madminer_workflow.engine.backends.job import notes

    left = [note for folder in folders for note in notes(folder) if note.backend != name]
    for other in {note.backend for note in left if note.backend in BACKENDS}:
        if jobs := _kind(other).running([note for note in left if note.backend == other]):
            raise InputError(
                f"output_dir: jobs of {other} that an earlier run has left are running in it "
                f"({', '.join(jobs[:3])}{', …' if jobs[3:] else ''}); "
                f"go on with BACKEND={other}, or cancel them"
            )


def _kind(name: str) -> Any:
    """Returns the class of a backend."""
    module, _, kind = BACKENDS[name].partition(":")
    return getattr(importlib.import_module(module), kind)
