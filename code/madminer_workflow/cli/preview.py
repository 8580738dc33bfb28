"""What the commands share that show a run before it is started: its steps with seeds and cost."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from madminer_workflow.cli.run import Request
    from madminer_workflow.engine.planning import Planned

__all__ = ["Row", "preview"]

_NEVER_THE_SAME = ("training",)  # the outcome holds how long it took


@dataclass(frozen=True)
class Row:
    """A step of a run that has not been started.

    Attributes:
        planned: What a run would do with the step.
        seed: The seed in its settings; None for a step without settings.
        cpu_seconds: How long it will about take.
        is_measured: Whether this is from an earlier run, in place of a model.
    """

    planned: Planned
    seed: int | None
    cpu_seconds: float
    is_measured: bool


@contextlib.contextmanager
def preview(
    data_file: Path,
    input_file: list[Path],
    profile: str,
    output_dir: Path,
    force: Sequence[Sequence[str]],
    until: Sequence[Sequence[str]],
) -> Iterator[list[Row]]:
    """Yields the steps of a run; the files that would be frozen are there meanwhile.

    Args:
        data_file: MadMiner event file, of which the header is read.
        input_file: Input files.
        profile: Settings that come before them.
        output_dir: The folder of the run, which is left as it is.
        force: Words for steps that run in any case.
        until: Stages to stop after.

    Raises:
        InputError: Something cannot be used.
    """
    from madminer_workflow.cli.run import FROZEN, resolved

    request = resolved(data_file, input_file, profile, force, until)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder).resolve()
        request.freeze(scratch / FROZEN)
        steps = _planned(request, data_file, output_dir, scratch)
        before, after = str(scratch / FROZEN), str(output_dir.resolve() / FROZEN)
        yield _rows([_renamed(step, before, after) for step in steps], request.header.n_events)


def _planned(
    request: Request, data_file: Path, output_dir: Path, scratch: Path
) -> tuple[Planned, ...]:
    """Returns what a run would do whose frozen input is in `scratch`."""
    from madminer_workflow.cli.run import PROJECT, WORKFLOW, code_of, initdata
    from madminer_workflow.engine.planning import plan

    return plan(
        WORKFLOW,
        initdata(data_file, scratch),
        output_dir,
        scratch / "steps",
        toplevel=PROJECT,
        code=code_of(PROJECT),
        forced=request.forced,
        until=request.until,
        volatile=_NEVER_THE_SAME,
    )


def _renamed(step: Planned, before: str, after: str) -> Planned:
    """Returns a step with the paths that it would have in a run."""
    given = (replace(i, path=Path(str(i.path).replace(before, after))) for i in step.inputs)
    return replace(step, command=step.command.replace(before, after), inputs=tuple(given))


def _rows(steps: list[Planned], n_events: int) -> list[Row]:
    """Returns steps with seeds and cost."""
    settings = [_settings(step) for step in steps]
    samples = {
        method: document[method]["samples"].get("train", n_events)
        for documents in settings
        for document in documents
        if document.get("step") == "sampling"
        for method in document["methods"]
    }
    pairs = zip(steps, settings, strict=True)
    return [_row(step, documents, n_events, samples) for step, documents in pairs]


def _row(
    step: Planned, documents: list[dict[str, Any]], n_events: int, samples: dict[str, int]
) -> Row:
    """Returns a step with its seed and cost."""
    from madminer_workflow.engine.records import cpu_seconds
    from madminer_workflow.steps import cost

    seeds = {_seed(document) for document in documents}
    seconds = cpu_seconds(step.judgement.record)
    is_measured = seconds is not None
    if seconds is None:
        seconds = sum(cost.cpu_seconds(document, n_events, samples) for document in documents)
    return Row(step, seeds.pop() if len(seeds) == 1 else None, seconds, is_measured)


def _seed(settings: dict[str, Any]) -> int | None:
    """Returns the seed of a step, which may be that of a training alone."""
    method = settings.get((settings.get("methods") or [""])[0], {})
    seed: int | None = method.get("training", {}).get("seed", settings.get("seed"))
    return seed


def _settings(step: Planned) -> list[dict[str, Any]]:
    """Returns the settings of a step, or those of all combinations of a sweep that it serves."""
    from madminer_workflow.storage import read_json

    places = [i.place for i in step.inputs if i.name == "input_file" and i.path.suffix == ".json"]
    settings = read_json(places[0]) if places and places[0] else {}
    return [row["document"] for row in settings.get("variants", [])] or [settings]
