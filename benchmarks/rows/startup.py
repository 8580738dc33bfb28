"""What processes cost before they do anything: imports, and what stands around a step of a run.

A step is its script, the look-up of its entry point and the command line, here with `--help`
instead of work; what the work imports comes on top.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.row import Arrays, Check, Cost, Row, Sizes, Target, Work

__all__ = ["ROW"]

_PROJECT = Path(__file__).parents[2]
_STEP = """
entry_points:
  train:
    parameters: {input_file: path, train_folder: path, output_dir: string}
    command: scripts/entry.sh . train --help
"""


def _imports(*modules: str) -> Work:
    """Returns the work of importing modules in a new process."""
    return _process([sys.executable, "-c", f"import {', '.join(modules)}"])


def _process(words: Sequence[str]) -> Work:
    """Returns the work of running a command."""

    def prepared(_: Sizes) -> Callable[[], Arrays]:
        def work() -> Arrays:
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            return {}

        return work

    return prepared


def step(_: Sizes) -> Callable[[], Arrays]:
    """Runs the script of a step that does nothing."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    (folder / "MLproject").write_text(_STEP)
    (folder / "code").symlink_to(_PROJECT / "code")
    words = [str(_PROJECT / "scripts" / "2_training.sh"), "--project_path", str(folder)]
    for option in ("input_file", "train_folder", "output_dir"):
        words += [f"--{option}", str(folder)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "MADMINER_WORKFLOW_GATHERED": "1"}

    def work() -> Arrays:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment)
        return {}

    return work


def check(_: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares nothing: there are no results."""
    return [Check("processes that failed", float(sum(map(len, results.values()))), 0.0)]


def _seconds(name: str) -> Callable[[Mapping[str, Cost], Sizes], float]:
    """Returns the function that gives the CPU seconds of a work."""
    return lambda costs, _: costs[name].cpu_s


ROW = Row(
    title="start-up: imports and command line",
    works={
        "ours, training": _imports(
            "madminer_workflow.steps.train, madminer_workflow.estimators.ratio"
        ),
        "ours, evaluation": _imports("madminer_workflow.steps.evaluate"),
        "ours, plotting": _imports("madminer_workflow.steps.plot, madminer_workflow.figures"),
        "ours, sampling": _imports("madminer_workflow.steps.sample"),
        "ours, --help": _process([sys.executable, "-m", "madminer_workflow", "run", "--help"]),
        "ours, empty step": step,
        "torch": _imports("torch"),
        "madminer": _imports("madminer.sampling, madminer.ml, madminer.limits"),
    },
    check=check,
    targets=(
        Target("CPU s of --help", _seconds("ours, --help"), "<=", 0.3),
        Target.faster_than("madminer", 1, "ours, training"),
    ),
    quick={"processes": 1},
    full={"processes": 1},
)
