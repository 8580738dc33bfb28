"""Events as a MadMiner file, written through MadMiner's own interface."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from madminer_workflow.events.header import PROCESS_ATTRIBUTE
from madminer_workflow.imports import package_code_skipped
from madminer_workflow.processes.drell_yan.detector import OBSERVABLES
from madminer_workflow.processes.drell_yan.generator import GeneratedEvents
from madminer_workflow.processes.drell_yan.presets import Preset
from madminer_workflow.storage import atomic_path

__all__ = ["write_event_file"]


def write_event_file(events: GeneratedEvents, path: str | Path) -> None:
    """Writes a MadMiner file that also describes the process.

    All events are said to be sampled at the Standard Model: MadMiner then uses the weights as they
    are, which is right for a mixture.

    Args:
        events: The events.
        path: The file to write.
    """
    description = {**events.preset.description, "seed": events.seed, "n_thrown": events.n_thrown}
    with atomic_path(path) as temporary, _light_madminer():
        _setup(events.preset).save(str(temporary))
        _save_events(events, temporary)
        with h5py.File(temporary, "a") as file:
            file.attrs[PROCESS_ATTRIBUTE] = json.dumps(description)


def _setup(preset: Preset) -> Any:
    """Returns a `MadMiner` with the parameters, benchmarks and morphing of a preset."""
    from madminer.core import MadMiner

    setup = MadMiner()
    for index, (name, interval) in enumerate(zip(preset.operators, preset.ranges, strict=True)):
        setup.add_parameter("contact", index + 1, name, parameter_range=interval)
    for name, point in zip(preset.benchmark_names, preset.benchmarks, strict=True):
        setup.add_benchmark(dict(zip(preset.operators, point, strict=True)), name)
    # One trial: with all benchmarks given there is nothing to optimise.
    setup.set_morphing(
        max_overall_power=2, include_existing_benchmarks=True, n_trials=1, n_test_thetas=1
    )
    return setup


def _save_events(events: GeneratedEvents, path: Path) -> None:
    """Adds observables and weights to a file that has the setup."""
    from madminer.models import Observable
    from madminer.utils.interfaces.hdf5 import save_events

    names, n_events = events.preset.benchmark_names, len(events)
    save_events(
        file_name=str(path),
        file_override=True,
        observables={name: Observable(name, text) for name, text in OBSERVABLES.items()},
        observations=dict(zip(OBSERVABLES, events.x.T, strict=True)),
        weights=dict(zip(names, events.weights.T, strict=True)),
        sampling_benchmarks=[0] * n_events,
        num_signal_events=[n_events] + [0] * (len(names) - 1),
        num_background_events=0,
    )


@contextlib.contextmanager
def _light_madminer() -> Iterator[None]:
    """Uses only parts of MadMiner, and hides what they say about each parameter."""
    logger = logging.getLogger("madminer")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with package_code_skipped("madminer"):
            yield
    finally:
        logger.setLevel(level)
