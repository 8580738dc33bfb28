"""The sampling step: from weighted events to the samples of every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration, Method
from madminer_workflow.events import Events
from madminer_workflow.sampling import (
    PARTS,
    Part,
    Partition,
    Samples,
    draw_samples,
    split,
    weighted_samples,
    with_fixed_reference,
)
from madminer_workflow.seeds import seed
from madminer_workflow.storage import sha256, staged, write_json

__all__ = ["PartRecord", "SampleRecord", "sample"]


@dataclass(frozen=True)
class PartRecord:
    """What was drawn from one part of the events.

    Attributes:
        n_samples: Number of samples.
        n_thetas: Number of parameter points theta_0.
        effective_samples: Smallest effective number of events among the parameter points.
        seed: Seed of parameter points and samples.
    """

    n_samples: int
    n_thetas: int
    effective_samples: float
    seed: int


@dataclass(frozen=True)
class SampleRecord:
    """The samples of one method, the content of samples.json.

    Attributes:
        method: Name of the method.
        kind: What it estimates: ratio, score or density.
        parameters: Names of the parameters.
        observables: Names of the observables.
        theta_ref: Parameter points of the reference density, or where the score is taken,
            (reference, parameter).
        parts: What was drawn from each part of the events.
        event_file: Name of the event file.
        event_file_sha256: Its checksum.
    """

    method: str
    kind: str
    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    theta_ref: NDArray[np.float64]
    parts: Mapping[Part, PartRecord]
    event_file: str
    event_file_sha256: str


def sample(
    configuration: Configuration,
    events: Events,
    output_dir: Path,
    base_seed: int | None = None,
    name: str = "",
) -> list[SampleRecord]:
    """Draws and writes the samples of every method to <output_dir>/samples/<method>.

    The partition of the events follows the configuration whatever `base_seed` is, so that no step
    ever tests on events that another has trained on.

    Args:
        configuration: The configuration.
        events: All events of the file.
        output_dir: The folder of the run.
        base_seed: Seed of the samples in place of that of the configuration.
        name: Name of the folder in place of that of the method, if there is only one.

    Returns:
        What was drawn, one record a method.

    Raises:
        InputError: The events do not allow what is asked for.
    """
    partition = split(len(events), configuration.splits, seed(configuration.seed, "split"))
    checksum = sha256(events.header.path)
    base = configuration.seed if base_seed is None else base_seed
    return [
        _sample(
            base,
            method,
            events,
            partition,
            checksum,
            output_dir / "samples" / (name or method.name),
        )
        for method in configuration.methods
    ]


def _sample(
    base: int, method: Method, events: Events, partition: Partition, checksum: str, target: Path
) -> SampleRecord:
    """Draws and writes the samples of one method; nothing of them stays in memory."""
    if method.spec.weighted:
        drawn, seeds = _all(base, method, events)
    else:
        drawn, seeds = _draw(base, method, events, partition)
    record = _record(method, events, checksum, drawn, seeds)
    with staged(target) as folder:
        for part, samples in drawn.items():
            samples.save(folder, part)
        write_json(folder / "samples.json", record)
    return record


def _draw(
    base: int, method: Method, events: Events, partition: Partition
) -> tuple[dict[Part, Samples], dict[Part, int]]:
    """Returns the samples of one method from each part of the events, and their seeds."""
    rng = np.random.default_rng(seed(base, "sampling", method.name, "reference"))
    method = with_fixed_reference(method, events.header, rng)
    numbers = (method.sampling.n_train, method.sampling.n_validation, method.sampling.n_test)
    seeds = {part: seed(base, "sampling", method.name, part) for part in PARTS}
    samples = {}
    for part, number in zip(PARTS, numbers, strict=True):
        some = events.take(getattr(partition, part))
        samples[part] = draw_samples(method, some, number, np.random.default_rng(seeds[part]))
    return samples, seeds


def _all(base: int, method: Method, events: Events) -> tuple[dict[Part, Samples], dict[Part, int]]:
    """Returns all events as weighted samples, which the training divides into folds."""
    part_seed = seed(base, "sampling", method.name, "train")
    samples = weighted_samples(method, events, np.random.default_rng(part_seed))
    return {"train": samples}, {"train": part_seed}


def _record(
    method: Method,
    events: Events,
    checksum: str,
    drawn: Mapping[Part, Samples],
    seeds: Mapping[Part, int],
) -> SampleRecord:
    """Returns the record of one method."""
    return SampleRecord(
        method=method.name,
        kind=method.spec.kind,
        parameters=events.header.parameter_names,
        observables=events.header.observables,
        theta_ref=drawn["train"].theta_ref,
        parts={
            part: PartRecord(
                n_samples=len(samples),
                n_thetas=samples.n_thetas,
                effective_samples=samples.effective_samples,
                seed=seeds[part],
            )
            for part, samples in drawn.items()
        },
        event_file=events.header.path.name,
        event_file_sha256=checksum,
    )
