"""Validation: learned limits against the exact likelihood of the example process.

Limits on finite events scatter even for the exact ratio; its limits on the same events are the
floor below which no estimator can be expected to come.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.configuration import Configuration, load, load_learner
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.processes import PRESETS, exact_likelihood
from madminer_workflow.processes.drell_yan.event_file import write_event_file
from madminer_workflow.processes.drell_yan.generator import generate
from madminer_workflow.statistics import P_68, P_95, Limit, combine, iou, threshold
from madminer_workflow.steps.combine import Combination, DataLimits, combine_members, read_members
from madminer_workflow.steps.data import EXPECTED, data_sets
from madminer_workflow.steps.evaluate import Part, evaluate_file, expectation
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import train
from madminer_workflow.storage import write_json

__all__ = ["Agreement", "table", "validate"]

Floats = NDArray[np.float64]

_RESOLUTIONS = {1: 201, 2: 41, 3: 13}
_Q_MAX = 12.0  # where the test statistic matters for limits


@dataclass(frozen=True)
class Agreement:
    """How well a limit agrees with the exact one.

    Attributes:
        preset: The preset.
        n_events: Number of generated events.
        seed: Seed of the events and of the training.
        method: Name of the method; `floor` for the exact ratio on the same events.
        form: Which q: `raw`, `normalised` or `corrected`.
        which: With the rate (full) or without (kinematics).
        iou_68: Overlap of the 68 % regions.
        iou_95: Overlap of the 95 % regions.
        rms: Root mean square of the difference of q where the exact one is below 12.
        training_cpu_seconds: CPU time of the training of all members.
    """

    preset: str
    n_events: int
    seed: int
    method: str
    form: str
    which: str
    iou_68: float
    iou_95: float
    rms: float
    training_cpu_seconds: float


class _ExactRatio:
    """The exact ratio in the form of a model."""

    def __init__(self, events: Events) -> None:
        """Finds the likelihood of the process of the events."""
        self._header = events.header
        self._likelihood = exact_likelihood(events.header.process)

    @property
    def method(self) -> str:
        """Name under which the floor is listed."""
        return "floor"

    @property
    def theta_ref(self) -> Floats:
        """The reference point, (1, parameter)."""
        return self._header.theta(self._header.reference)[None]

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields exact log ratios in blocks of events."""
        assert self._likelihood is not None
        x = np.asarray(x)
        for events in event_blocks(len(x), len(np.asarray(thetas))):
            yield events, self._likelihood.log_ratio(x[events], thetas, self.theta_ref[0])


def validate(
    preset: str, n_events: int, seed: int, input_file: Path, folder: Path
) -> tuple[list[Agreement], Combination]:
    """Generates events, runs the flow on them, and compares its limits with the exact ones.

    Args:
        preset: The preset.
        n_events: Number of events.
        seed: Seed of the events and of the run.
        input_file: Settings of the methods.
        folder: Where to work; samples and events are removed in the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_event_file(generate(PRESETS[preset], n_events, seed), folder / "events.h5")
    header = read_header(folder / "events.h5")
    grid = {"resolutions": _RESOLUTIONS[len(header.parameters)]}
    overrides = {"seed": seed, "asymptotic_limits": grid}
    configuration, events = load(input_file, header, overrides), read_events(header)
    seconds = _run(configuration, events, input_file, folder)
    results = sorted((folder / "results").iterdir())
    combination = combine_members(configuration, events, read_members(results))
    data = combination.data[EXPECTED]
    limits = {**data.limits, "floor": _floor(configuration, events, data)}
    rows = [
        Agreement(preset, n_events, seed, name, *row, seconds.get(name, 0.0))
        for name, limit in limits.items()
        for row in _compare(limit, data.exact)
    ]
    write_json(folder / "agreement.json", rows)
    for name in ("events.h5", "samples", "models", "results"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return rows, combination


def table(rows: Sequence[Agreement]) -> str:
    """Returns the medians over the seeds as a table in Markdown, with the worst IoU in brackets.

    Args:
        rows: Agreements of any presets, numbers of events, methods and seeds.
    """
    head = (
        "preset | events | method | q | kinematics IoU95 | IoU68 | rms | full IoU95 | IoU68 | rms"
    )
    lines = [f"| {head} | CPU s |", "|--" * 11 + "|"]
    groups: dict[tuple[str, int, str, str], dict[str, list[Agreement]]] = {}
    for row in rows:
        key = (row.preset, row.n_events, row.method, row.form)
        groups.setdefault(key, {}).setdefault(row.which, []).append(row)
    for (preset, n_events, method, form), group in groups.items():
        cells = [cell for which in ("kinematics", "full") for cell in _cells(group[which])]
        cpu = np.median([row.training_cpu_seconds for row in group["full"]])
        lines.append("| " + " | ".join([preset, f"{n_events:.0e}", method, form, *cells]))
        lines[-1] += f" | {cpu:.0f} |"
    return "\n".join(lines) + "\n"


def _cells(rows: Sequence[Agreement]) -> list[str]:
    """Returns the medians of one group of rows, and the worst overlap."""
    iou_95, iou_68, rms = np.array([(row.iou_95, row.iou_68, row.rms) for row in rows]).T
    worst = f"{np.median(iou_95):.3f} ({iou_95.min():.3f})"
    return [worst, f"{np.median(iou_68):.3f}", f"{np.median(rms):.2f}"]


def _run(
    configuration: Configuration, events: Events, input_file: Path, folder: Path
) -> Mapping[str, float]:
    """Samples, trains and evaluates; returns the CPU time of the training of each method."""
    sample(configuration, events, folder)
    seconds: dict[str, float] = {}
    for method in configuration.methods:
        learner = replace(load_learner(input_file, method.name), seed=configuration.seed)
        for member in range(method.n_networks):
            start = process_time()
            _, model = train(
                learner, folder / "samples" / method.name, member, folder, lambda _: None
            )
            seconds[method.name] = seconds.get(method.name, 0.0) + process_time() - start
            evaluate_file(configuration, model, events, folder)
    return seconds


def _floor(configuration: Configuration, events: Events, data: DataLimits) -> Limit:
    """Returns the limit from the exact ratio on the events that cross-fitted members use."""
    parts = [Part(_ExactRatio(events), events)]
    expected = expectation(configuration, parts, data_sets(configuration, events)[:1])
    return combine(data.scan, "floor", expected.expected[0])


def _compare(limit: Limit, exact: Limit | None) -> Iterator[tuple[str, str, float, float, float]]:
    """Yields form, kind, overlaps of the regions and difference of q."""
    assert exact is not None
    levels = [threshold(p, len(limit.axes)) for p in (P_68, P_95)]
    for form, suffix in (("raw", "_raw"), ("normalised", ""), ("corrected", "_corrected")):
        for which in ("kinematics", "full"):
            q, truth = getattr(limit, f"q_{which}{suffix}"), exact.on_grid(which).ravel()
            if q is not None:
                rms = float(np.sqrt(np.mean((q - truth)[truth < _Q_MAX] ** 2)))
                iou_68, iou_95 = (iou(q, truth, level) for level in levels)
                yield form, which, iou_68, iou_95, rms
