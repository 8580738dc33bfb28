"""What the commands share that show a run before it is started: its steps with seeds and cost."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.cli.options import inputs, words

if TYPE_CHECKING:
    from madminer_workflow.configuration import Configuration
    from madminer_workflow.engine.planning import Planned
    from madminer_workflow.events import Header

__all__ = ["Row", "preview", "what_to_run"]

_PATH = click.Path(path_type=Path)
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


def what_to_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of a run to a command, but for those that say how.

    Args:
        command: The function of the command.
    """
    options = (
        click.option("--data_file", type=_PATH, required=True, help="MadMiner event file."),
        inputs,
        click.option("--output_dir", type=_PATH, required=True, help="Folder of the run."),
        click.option("--force", type=words, multiple=True, help="Steps to run again, as in `run`."),
        click.option("--until", type=words, multiple=True, help="Stages to stop after."),
    )
    for option in reversed(options):
        command = option(command)
    return command


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
    from madminer_workflow.cli.run import FROZEN
    from madminer_workflow.configuration import load, merge
    from madminer_workflow.configuration.frozen import freeze
    from madminer_workflow.events import read_header

    header, merged = read_header(data_file), merge(input_file, profile)
    configuration = load(merged, header)
    options = _options(configuration, header, force, until)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder).resolve()
        freeze(merged, configuration, header, scratch / FROZEN)
        steps = _planned(data_file, output_dir, scratch, options)
        before, after = str(scratch / FROZEN), str(output_dir.resolve() / FROZEN)
        yield _rows([_renamed(step, before, after) for step in steps], header.n_events)


def _options(
    configuration: Configuration,
    header: Header,
    force: Sequence[Sequence[str]],
    until: Sequence[Sequence[str]],
) -> dict[str, set[str]]:
    """Returns what the words of `--force` and `--until` stand for."""
    from madminer_workflow.cli.run import STAGES, labels
    from madminer_workflow.engine.selection import chosen

    forced = chosen("--force", list(chain(*force)), labels(configuration, header))
    stages = chosen("--until", list(chain(*until)), {stage: [stage] for stage in STAGES})
    return {"forced": forced, "until": stages}


def _planned(
    data_file: Path, output_dir: Path, scratch: Path, options: dict[str, set[str]]
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
        volatile=_NEVER_THE_SAME,
        **options,
    )


def _renamed(step: Planned, before: str, after: str) -> Planned:
    """Returns a step with the paths that it would have in a run."""
    given = (replace(i, path=Path(str(i.path).replace(before, after))) for i in step.inputs)
    return replace(step, command=step.command.replace(before, after), inputs=tuple(given))


def _rows(steps: list[Planned], n_events: int) -> list[Row]:
    """Returns steps with seeds and cost."""
    from madminer_workflow.engine.records import cpu_seconds
    from madminer_workflow.steps import cost

    settings = [_settings(step) for step in steps]
    samples = {
        method: document[method]["samples"]["train"]
        for document in settings
        if document.get("step") == "sampling"
        for method in document["methods"]
    }
    rows = []
    for step, document in zip(steps, settings, strict=True):
        measured = cpu_seconds(step.judgement.record)
        seconds = cost.cpu_seconds(document, n_events, samples) if measured is None else measured
        rows.append(Row(step, _seed(document), seconds, measured is not None))
    return rows


def _seed(settings: dict[str, Any]) -> int | None:
    """Returns the seed of a step, which may be that of a training alone."""
    method = settings.get((settings.get("methods") or [""])[0], {})
    seed: int | None = method.get("training", {}).get("seed", settings.get("seed"))
    return seed


def _settings(step: Planned) -> dict[str, Any]:
    """Returns the settings of a step that the configuration has written."""
    from madminer_workflow.storage import read_json

    places = [i.place for i in step.inputs if i.name == "input_file" and i.path.suffix == ".json"]
    return read_json(places[0]) if places and places[0] else {}
