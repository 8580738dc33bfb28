"""Validation: learned limits against the exact likelihood of the example process.

Limits on finite events scatter even for the exact ratio; its limits on the same events are the
floor below which no estimator can be expected to come by much.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.configuration import load, load_learner
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.processes import PRESETS, exact_likelihood
from madminer_workflow.processes.drell_yan.event_file import write_event_file
from madminer_workflow.processes.drell_yan.generator import generate
from madminer_workflow.statistics import Limit, combine
from madminer_workflow.statistics.agreement import Agreement, Case, compare
from madminer_workflow.steps.combine import DataLimits, combine_members
from madminer_workflow.steps.data import EXPECTED, data_sets
from madminer_workflow.steps.evaluate import Part, evaluate_file, expectation, sums_over
from madminer_workflow.steps.members import read_members
from madminer_workflow.steps.sample import sample
from madminer_workflow.steps.train import train
from madminer_workflow.storage import (
    read_json,
    sha256,
    staged,
    write_figure,
    write_json,
    write_text,
)

__all__ = ["cases", "table", "validate", "write"]

Floats = NDArray[np.float64]

_RESOLUTIONS = {1: 201, 2: 41, 3: 13}
_RECORD = "agreement.json"
_HEAD = "preset | events | method | q | kinematics IoU95 | IoU68 | rms | full IoU95 | IoU68 | rms"


@dataclass(frozen=True)
class _ExactRatio:
    """The exact ratio in the form of a model."""

    events: Events

    @property
    def method(self) -> str:
        """Name under which the floor is listed."""
        return "floor"

    @property
    def theta_ref(self) -> Floats:
        """The reference point, (1, parameter)."""
        return self.events.header.theta(self.events.header.reference)[None]

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields exact log ratios in blocks of events."""
        likelihood, x = exact_likelihood(self.events.header.process), np.asarray(x)
        assert likelihood is not None
        for events in event_blocks(len(x), len(np.asarray(thetas))):
            yield events, likelihood.log_ratio(x[events], thetas, self.theta_ref[0])


def cases(
    presets: Sequence[str], n_events: Sequence[int], seeds: Sequence[int]
) -> tuple[Case, ...]:
    """Returns the cases of all presets, numbers of events and seeds, one seed after another.

    Args:
        presets: Names of presets.
        n_events: Numbers of events.
        seeds: Seeds of event files.
    """
    return tuple(itertools.starmap(Case, itertools.product(presets, n_events, seeds)))


def validate(
    cases: Sequence[Case], input_file: Path, output_dir: Path, jobs: int
) -> Iterator[list[Agreement]]:
    """Generates the events of each case, runs the flow, and compares with the exact limits.

    A case that is already in the folder, from the same settings and code, is not repeated.

    Args:
        cases: What to validate.
        input_file: Settings of the methods.
        output_dir: Where the folders of the cases are.
        jobs: Number of cases at a time.

    Yields:
        The agreement of all methods in a case, as cases end.

    Raises:
        InputError: A preset is unknown, or the settings cannot be used.
    """
    for case in cases:
        if case.preset not in PRESETS:
            raise InputError(f"preset: '{case.preset}', allowed: {', '.join(PRESETS)}")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_agreements, case, input_file, output_dir) for case in cases]
        try:
            yield from (future.result() for future in futures)
        finally:
            pool.shutdown(cancel_futures=True)


def write(rows: Sequence[Agreement], output_dir: Path) -> None:
    """Writes validation.json, the table validation.md and a figure.

    Args:
        rows: Agreements of any presets, numbers of events, methods and seeds.
        output_dir: The folder to write into.
    """
    from madminer_workflow.figures import agreement

    write_json(output_dir / "validation.json", rows)
    write_text(output_dir / "validation.md", table(rows))
    write_figure(output_dir, "validation", agreement(rows))


def table(rows: Sequence[Agreement]) -> str:
    """Returns the medians over the seeds as a table in Markdown, with the worst IoU in brackets.

    Args:
        rows: Agreements of any presets, numbers of events, methods and seeds.
    """
    lines = [f"| {_HEAD} | CPU s |", "|--" * 11 + "|"]
    groups: dict[tuple[str, int, str, str], dict[str, list[Agreement]]] = {}
    for row in sorted(rows, key=lambda row: (row.n_events, row.preset)):
        key = (row.preset, row.n_events, row.method, row.form)
        groups.setdefault(key, {}).setdefault(row.which, []).append(row)
    for (preset, n_events, method, form), group in groups.items():
        cells = [cell for which in ("kinematics", "full") for cell in _cells(group[which])]
        cpu = np.median([row.training_cpu_seconds for row in group["full"]])
        title = [preset, f"{n_events:.0e}".replace("e+0", "e"), method, form]
        lines.append("| " + " | ".join([*title, *cells, f"{cpu:.0f}"]) + " |")
    return "\n".join(lines) + "\n"


def _agreements(case: Case, input_file: Path, output_dir: Path) -> list[Agreement]:
    """Returns what the folder of a case holds, or what is found and written now."""
    folder = output_dir / case.name
    made_from = {"input_file_sha256": sha256(input_file), "code_sha256s": _code()}
    if (folder / _RECORD).exists():
        record = read_json(folder / _RECORD)
        if record.items() >= made_from.items():
            return [Agreement.from_record(row) for row in record["rows"]]
    with staged(folder) as work:
        rows = _run(case, input_file, work)
        write_json(work / _RECORD, {**made_from, "rows": rows})
    return rows


def _code() -> list[str]:
    """Returns the checksums of all modules of the package."""
    return [sha256(path) for path in sorted(Path(__file__).parents[1].rglob("*.py"))]


def _run(case: Case, input_file: Path, folder: Path) -> list[Agreement]:
    """Returns the agreement of all methods with the exact limit; only a figure remains."""
    work = folder / "work"
    work.mkdir()
    write_event_file(generate(PRESETS[case.preset], case.n_events, case.seed), work / "events.h5")
    header = read_header(work / "events.h5")
    grid = {"resolutions": _RESOLUTIONS[len(header.parameters)]}
    overrides = {"seed": case.seed, "asymptotic_limits": grid}
    configuration, events = load(input_file, header, overrides), read_events(header)
    seconds = _train(configuration, events, input_file, work)
    members = read_members(sorted((work / "results").iterdir()))
    data = combine_members(configuration, events, members).data[EXPECTED]
    shutil.rmtree(work)
    if len(header.parameters) <= 2:
        from madminer_workflow.figures import overview

        write_figure(folder, "overview", overview(list(data.limits.values()), data.exact))
    limits = {**data.limits, "floor": _floor(configuration, events, data)}
    return [
        Agreement(case.preset, case.n_events, case.seed, name, *row, seconds.get(name, 0.0))
        for name, limit in limits.items()
        for row in compare(limit, data.exact)
    ]


def _train(
    configuration: Configuration, events: Events, input_file: Path, folder: Path
) -> Mapping[str, float]:
    """Samples, trains and evaluates; returns the CPU time of the training of each method."""
    sample(configuration, events, folder)
    seconds: dict[str, float] = {}
    for method in configuration.methods:
        learner = load_learner(input_file, method.name).seeded(configuration.seed)
        samples = folder / "samples" / method.name
        for member in range(method.n_networks):
            start = process_time()
            _, model = train(learner, samples, member, folder, lambda _: None)
            seconds[method.name] = seconds.get(method.name, 0.0) + process_time() - start
            evaluate_file(configuration, model, events, folder)
    return seconds


def _floor(configuration: Configuration, events: Events, data: DataLimits) -> Limit:
    """Returns the limit from the exact ratio on all events, as cross-fitted members use them."""
    parts = [Part(_ExactRatio(events), events, np.arange(len(events)))]
    wanted = data_sets(configuration, events)[:1]
    sums = sums_over(configuration, parts, wanted)
    expected = expectation(configuration, "floor", sums, wanted)
    return combine(data.scan, "floor", expected.expected[0])


def _cells(rows: Sequence[Agreement]) -> list[str]:
    """Returns the medians of one group of rows, and the worst overlap."""
    iou_95, iou_68, rms = np.array([(row.iou_95, row.iou_68, row.rms) for row in rows]).T
    worst = f"{np.median(iou_95):.3f} ({iou_95.min():.3f})"
    return [worst, f"{np.median(iou_68):.3f}", f"{np.median(rms):.2f}"]
