"""Runs the whole workflow."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from madminer_workflow.assets import STAGES, STEPS
from madminer_workflow.cli.options import what_to_run, where_to_run

if TYPE_CHECKING:
    from madminer_workflow.configuration import Variant
    from madminer_workflow.configuration.model import Device
    from madminer_workflow.engine.command import Backend, Runtime
    from madminer_workflow.engine.launch import Outcome
    from madminer_workflow.events import Header

__all__ = [
    "FROZEN",
    "PROJECT",
    "WORKFLOW",
    "Request",
    "Surroundings",
    "code_of",
    "initdata",
    "resolved",
    "run",
]

PROJECT = Path(__file__).resolve().parents[3]
WORKFLOW = "workflow/workflow.yml"
FROZEN = "_input"
"""The folder of the frozen input, in that of a run."""


@click.command()
@what_to_run
@where_to_run
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Steps that run at the same time; by default one per core, or as the site says.",
)
@click.pass_context
def run(
    context: click.Context,
    data_file: Path,
    input_file: list[Path],
    profile: str,
    output_dir: Path,
    jobs: int | None,
    force: tuple[list[str], ...],
    until: tuple[list[str], ...],
    where: dict[str, Any],
) -> None:
    """Run the whole workflow, from an event file to limits."""
    from madminer_workflow.engine import launch
    from madminer_workflow.engine.folder import check_path
    from madminer_workflow.storage.provenance import machine, software
    from madminer_workflow.tracking.follow import Follower

    check_path("output_dir", str(output_dir.absolute()))
    request = resolved(data_file, input_file, profile, force, until)
    surroundings = Surroundings.of(where, output_dir)
    _check_device(request.device, where)
    follower = context.with_resource(Follower())  # which ends with the command, however it ends

    def claimed(folder: Path) -> Mapping[str, str]:
        click.echo(f"running in {output_dir}, {jobs} steps at a time", err=True)
        request.freeze(folder / FROZEN)
        return follower.start(folder)

    jobs = jobs or surroundings.jobs
    outcome = launch.run(
        WORKFLOW,
        initdata(data_file, output_dir),
        output_dir,
        jobs,
        toplevel=PROJECT,
        environment=claimed,
        code=code_of(PROJECT),
        origin={**software(), **machine()},
        table=STEPS,
        forced=request.forced,
        until=request.until,
        runtime=surroundings.runtime,
        backend=surroundings.backend,
        keep=surroundings.keep,
    )
    if outcome.failed:
        click.echo(f"error: {outcome.report()}", err=True)
        context.exit(1)
    click.echo(_summary(outcome) + "\n", err=True)
    if not request.until or "plotting" in request.until:
        _show_products(output_dir)


def _check_device(device: Device, where: Mapping[str, Any]) -> None:
    """Raises InputError if the steps run here and need a GPU that is not here."""
    if device == "cuda" and (where["runtime"], where["backend"]) == ("process", "local"):
        from madminer_workflow.estimators.devices import device_of

        device_of(device)


@dataclass(frozen=True)
class Surroundings:
    """What steps run in, and where.

    Attributes:
        runtime: In which environment they run.
        backend: Where they run; None for this machine.
        jobs: How many run at the same time by default.
        keep: Whether jobs go on when the run is interrupted.
    """

    runtime: Runtime
    backend: Backend | None
    jobs: int
    keep: bool

    @classmethod
    def of(cls, where: Mapping[str, Any], output_dir: Path) -> Surroundings:
        """Returns what the options of a run stand for.

        Args:
            where: These options by name.
            output_dir: The folder of the run.

        Raises:
            InputError: Something cannot be used.
        """
        from madminer_workflow.engine.folder import MARKER
        from madminer_workflow.engine.runtimes import RUNTIMES, Options

        folder = output_dir.resolve()
        # A job goes on without its run, and must not keep the next one out.
        claim = folder / MARKER if where["backend"] == "local" else None
        chosen = {name: where[name] for name in ("image", "memory", "gpu")}
        runtime = RUNTIMES[where["runtime"]](Options(**chosen, claim=claim))
        return cls(runtime, *_place(where["backend"], where["site"], folder), where["keep"])


def _place(name: str, site: Path | None, folder: Path) -> tuple[Backend | None, int]:
    """Returns where steps run, None for this machine, and how many at the same time by default."""
    from madminer_workflow.engine import backends, launch
    from madminer_workflow.engine.folder import METADATA
    from madminer_workflow.errors import InputError

    if name == "local":
        if site:
            raise InputError("--site: steps of this machine have none, expected another --backend")
        return None, launch.n_cores()
    profile = site or PROJECT / "profiles" / f"{name}.yml"
    return backends.make(name, profile, STAGES, folder / METADATA / "jobs")


@dataclass(frozen=True)
class Request:
    """What a user wants to be run.

    Attributes:
        header: The header of the event file.
        freeze: Writes the input into a folder.
        forced: Labels of the steps that run in any case.
        until: Stages to stop after; none stands for all.
        device: Where networks are trained and evaluated.
    """

    header: Header
    freeze: Callable[[Path], object]
    forced: set[str]
    until: set[str]
    device: Device


def resolved(
    data_file: Path,
    input_file: list[Path],
    profile: str,
    force: Sequence[Sequence[str]],
    until: Sequence[Sequence[str]],
) -> Request:
    """Returns what the options of a run stand for.

    Args:
        data_file: MadMiner event file, of which the header is read.
        input_file: Input files.
        profile: Settings that come before them.
        force: Words for steps that run in any case.
        until: Stages to stop after.

    Raises:
        InputError: Something cannot be used.
    """
    from madminer_workflow.configuration import load_variants, merge
    from madminer_workflow.configuration.frozen import freeze
    from madminer_workflow.engine.selection import chosen
    from madminer_workflow.events import read_header

    header, merged = read_header(data_file), merge(input_file, profile)
    variants = load_variants(merged, header)
    return Request(
        header=header,
        freeze=lambda folder: freeze(merged, variants, folder),
        forced=chosen("--force", list(chain(*force)), _labels(variants)),
        until=chosen("--until", list(chain(*until)), {stage: [stage] for stage in STAGES}),
        device=variants[0].configuration.device,
    )


def initdata(data_file: Path, folder: Path) -> dict[str, str]:
    """Returns the parameters of the workflow.

    Args:
        data_file: MadMiner event file.
        folder: The folder that has the frozen input.
    """
    from madminer_workflow.configuration.frozen import MERGED_FILE

    frozen = folder / FROZEN / MERGED_FILE
    paths = {"project_path": PROJECT, "data_file": data_file, "input_file": frozen}
    return {name: str(path.absolute()) for name, path in paths.items()}


def _labels(variants: Sequence[Variant]) -> Mapping[str, Sequence[str]]:
    """Returns the labels of the steps that each word of `--force` stands for."""
    from madminer_workflow.configuration.restrict import plan
    from madminer_workflow.engine.graph import NAME, label

    found: dict[str, list[str]] = {word: [] for word in ("all", *STAGES)}
    members: list[dict[str, Any]] = plan(variants, Path())["members"]
    spread = {
        "training": [(one["method"], one["name"]) for one in members],
        "evaluation": [(m["method"], name) for m in members for name in m["evaluation"]["names"]],
    }
    for stage in STAGES:
        for method, name in spread.get(stage, [("", "")]):
            for word in ("all", stage, f"{stage}:{method}" if method else stage):
                step = label(stage, {NAME: name} if name else {})
                found.setdefault(word, []).append(step)
    return found


def code_of(project: Path) -> Callable[[str], str]:
    """Returns what gives the checksum of all code of this project that a stage runs.

    Args:
        project: The folder of the project.
    """
    from madminer_workflow.engine.sources import Sources

    package = project / "code" / "madminer_workflow"
    starting = ("scripts/common.sh", "scripts/entry.sh", "MLproject")
    sources = Sources(package, [project / name for name in starting])
    starters = [f"{package.name}.{module}" for module in ("__main__", "tracking.project")]
    return lambda stage: sources.checksum(*starters, f"{package.name}.cli.{STAGES[stage]}")


def _summary(outcome: Outcome) -> str:
    """Returns what was done."""
    n_run = len(outcome.steps) - outcome.n_kept
    if not n_run:
        return f"nothing to do: all {outcome.n_kept} steps were finished"
    kept = f" ({outcome.n_kept} more kept)" if outcome.n_kept else ""
    return f"{n_run} step{'s' if n_run > 1 else ''}{kept} in {outcome.seconds:.0f} s"


def _show_products(output_dir: Path) -> None:
    """Prints the results and where they are."""
    from madminer_workflow.steps.report import table
    from madminer_workflow.storage import read_json

    products = output_dir / "plotting"
    results = read_json(products / "results.json")
    click.echo(table(results) + "\n")
    details = "sweep.csv" if "combinations" in results else "limits"
    for name in ("results.json", details, "figures"):
        click.echo(f"{name:14}{products / name}")
    click.echo(f"{'tracking':14}make ui OUTPUT_DIR={shlex.quote(str(output_dir))}")
