"""The table of the steps: what each reads, writes, uses of the settings and runs.

Everything else that names a step or a file of one is compared with it: the specification, scripts
and entry points, the settings of the steps, the documentation, and in every run what a step wrote.
In paths `<name>`, `<method>` and so on stand for anything but a slash, `<path>` and `<combination>`
for anything.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["SOURCES", "STAGES", "STEPS", "Asset", "Step", "asset_of", "problems"]


@dataclass(frozen=True)
class Asset:
    """A file, or a kind of files, that steps read or write.

    Attributes:
        name: What it is, unique among all assets.
        path: Path in the folder of the step that writes it.
        format: Its format.
        content: Shape or schema, in words.
        optional: Whether there are runs without it.
    """

    name: str
    path: str
    format: str
    content: str
    optional: bool = False


@dataclass(frozen=True)
class Source(Asset):
    """A file from outside of the workflow.

    Attributes:
        option: The option of `run` that names it.
    """

    option: str = ""


@dataclass(frozen=True)
class Step:
    """A step of the workflow.

    Attributes:
        name: Its name, which is that of its stage.
        about: What it does.
        command: Its command, `python -m madminer_workflow <command>`.
        entry_point: Its entry point in MLproject; None if it is not tracked.
        inputs: Names of the assets that it reads, by the option that names their file or folder.
        settings: What it uses of the input file; keys of a method begin with `<method>`.
        outputs: What it writes.
        published: Paths of what later steps are given, by their names in the specification.
    """

    name: str
    about: str
    command: str
    entry_point: str | None
    inputs: Mapping[str, tuple[str, ...]]
    settings: tuple[str, ...]
    outputs: tuple[Asset, ...]
    published: Mapping[str, str]

    @property
    def options(self) -> tuple[str, ...]:
        """The options that every call of the step has, in the order of its script."""
        return (*self.inputs, "output_dir")


SOURCES = (
    Source(
        name="event file",
        path="",
        format="HDF5",
        content="events of MadMiner: observables, and weights at benchmarks",
        option="data_file",
    ),
    Source(
        name="input file",
        path="",
        format="YAML",
        content="what the input files of a run are merged to, docs/input.md",
        option="input_file",
    ),
)
"""What comes from outside of the workflow."""

_DATA = ("seed", "splits", "luminosity", "asymptotic_limits", "observed", "experiments")
_SETTINGS = "the part of the input file that the step uses, all defaults filled in"
_SAMPLES = "arrays (event, …): observables, parameter points, joint quantities, weights"


def _drawn(folder: str, which: str) -> tuple[Asset, ...]:
    """Returns what plotting writes, of all or of each combination of a sweep."""
    numbers, drawn = "every number, docs/products.md", "one figure in two formats"
    arrays, optional = f"{folder}limits", bool(folder)
    q, further = "q and p-values on the grid (point,)", "the same for further data"
    return (
        Asset(f"numbers{which}", f"{folder}results.json", "JSON", numbers, optional),
        Asset(f"limits{which}", f"{arrays}/<name>.npz", "npz", q, True),
        Asset(f"further limits{which}", f"{arrays}/<data>/<name>.npz", "npz", further, True),
        Asset(f"figures{which}", f"{folder}figures/<figure>", "PNG, PDF", drawn, optional),
    )


def _tracked(stage: str) -> Asset:
    """Returns what a step leaves to be logged, where a run gathers it."""
    what = "what MLflow is to show of the step, docs/MLFLOW.md"
    return Asset(f"{stage} record", "tracking.json", "JSON", what, True)


STEPS = (
    Step(
        name="configuration",
        about="Resolves the input file into one settings file for each step.",
        command="configure",
        entry_point=None,
        inputs={"data_file": ("event file",), "input_file": ("input file",)},
        settings=("*",),
        outputs=(
            Asset("sampling settings", "settings/sampling.json", "JSON", _SETTINGS),
            Asset("training settings", "settings/<name>.training.json", "JSON", _SETTINGS),
            Asset("evaluation settings", "settings/<name>.evaluation.json", "JSON", _SETTINGS),
            Asset("plotting settings", "settings/plotting.json", "JSON", _SETTINGS),
            Asset(
                "observed events",
                "settings/observed-<checksum>.npz",
                "npz",
                "observables (event, observable) and their names",
                optional=True,
            ),
            Asset(
                "source of an estimator",
                "settings/<method>.py",
                "Python",
                "the file of an estimator of one's own",
                optional=True,
            ),
            Asset(
                "plan",
                "publish.yml",
                "YAML",
                "for Yadage: paths of the settings, and name, method and number of each member",
            ),
        ),
        published={
            "sampling": "settings/sampling.json",
            "plotting": "settings/plotting.json",
            "members": "publish.yml",
        },
    ),
    Step(
        name="sampling",
        about="Draws the training, validation and test samples of every method.",
        command="sample",
        entry_point="sample",
        inputs={"data_file": ("event file",), "input_file": ("sampling settings",)},
        settings=(
            *("methods", "seed", "splits", "variants"),
            *("<method>.theta_0", "<method>.theta_1", "<method>.samples", "<method>.traits"),
        ),
        outputs=(
            Asset("training sample", "samples/<method>/train.npz", "npz", _SAMPLES),
            Asset("validation sample", "samples/<method>/validation.npz", "npz", _SAMPLES, True),
            Asset("test sample", "samples/<method>/test.npz", "npz", _SAMPLES, True),
            Asset(
                "sample description",
                "samples/<method>/samples.json",
                "JSON",
                "method, seed, names, numbers of events, where the parameter points are from",
            ),
            _tracked("sampling"),
        ),
        published={"samples": "samples"},
    ),
    Step(
        name="training",
        about="Trains one estimator.",
        command="train",
        entry_point="train",
        inputs={
            "input_file": ("training settings", "source of an estimator"),
            "train_folder": (
                *("training sample", "validation sample", "test sample"),
                "sample description",
            ),
        },
        settings=(
            *("methods", "seed", "device", "estimator", "<method>.training"),
            *("<method>.class", "<method>.code", "<method>.settings"),
        ),
        outputs=(
            Asset(
                "model",
                "models/<method>_<member>/<path>",
                "JSON, PyTorch",
                "what the estimator keeps: description, weights, losses of each epoch; its source "
                "and `estimator/` if it is one's own",
            ),
            _tracked("training"),
        ),
        published={"model": "models/<method>_<member>"},
    ),
    Step(
        name="evaluation",
        about="Evaluates one estimator on the grid of theory parameters.",
        command="evaluate",
        entry_point="eval",
        inputs={
            "data_file": ("event file",),
            "input_file": ("evaluation settings", "observed events"),
            "model_file": ("model",),
        },
        settings=(
            *("methods", "device", *_DATA, "fisher_information"),
            *("<method>.samples", "<method>.traits"),
        ),
        outputs=(
            Asset(
                "result",
                "results/<method>_<member>/result.npz",
                "npz",
                "arrays over the grid (point, …)",
            ),
            Asset(
                "result description",
                "results/<method>_<member>/result.json",
                "JSON",
                "method, member, seed, grid, numbers of events",
            ),
            Asset(
                "evaluated model",
                "results/<method>_<member>/model/<path>",
                "JSON, PyTorch",
                "a copy of the model, from which ensembles are combined",
            ),
            _tracked("evaluation"),
        ),
        published={"result": "results/<method>_<member>"},
    ),
    Step(
        name="plotting",
        about="Gathers the results, computes the limits and draws the figures.",
        command="plot",
        entry_point="plot",
        inputs={
            "data_file": ("event file",),
            "input_file": ("plotting settings", "observed events"),
            "result_files": ("result", "result description", "evaluated model"),
        },
        settings=(
            *("methods", *_DATA, "include_xsec", "histogram_vars", "histogram_bins"),
            *("fisher_information", "plotting", "pick_best", "variants"),
            *("<method>.samples", "<method>.traits"),
        ),
        outputs=(
            *_drawn("", ""),
            Asset(
                "comparison",
                "sweep.csv",
                "CSV",
                "a row for each combination, set of data and method, docs/sweeps.md",
                optional=True,
            ),
            Asset(
                "combination",
                "<combination>/combination.json",
                "JSON",
                "what varies, and its values",
                optional=True,
            ),
            *_drawn("<combination>/", " of a combination"),
            _tracked("plotting"),
        ),
        published={"results": "results.json", "figures": "figures"},
    ),
)
"""The steps in the order in which they run."""

_ANY = {"<path>": ".+", "<combination>": ".+"}

STAGES: Mapping[str, str] = MappingProxyType({step.name: step.command for step in STEPS})
"""The command that each stage runs."""


def problems(steps: Sequence[Step], sources: Sequence[Asset] = SOURCES) -> Iterator[str]:
    """Yields what is wrong with a table: inputs that nobody has written, outputs of two steps.

    Args:
        steps: The steps in the order in which they run.
        sources: What comes from outside.
    """
    written = {asset.name: "outside" for asset in sources}
    for step in steps:
        for option, name in ((o, name) for o, names in step.inputs.items() for name in names):
            if name not in written:
                yield f"{step.name}: {option} reads {name!r}, which no earlier step writes"
        for asset in step.outputs:
            if asset.name in written:
                yield f"{step.name}: {asset.name!r} is from {written[asset.name]} already"
            written[asset.name] = step.name
        paths = [f"{asset.path}/" for asset in step.outputs]
        for name, path in step.published.items():
            if not any(other.startswith(f"{path}/") for other in paths):
                yield f"{step.name}: publishes {path!r} as {name!r}, which it does not write"


def asset_of(steps: Iterable[Step], stage: str, file: str) -> Asset | None:
    """Returns what a file is that a step has written; None if it is not declared.

    Args:
        steps: The table.
        stage: The name of the step.
        file: Path in the folder of the step.
    """
    outputs = (asset for step in steps if step.name == stage for asset in step.outputs)
    return next((asset for asset in outputs if _pattern(asset.path).fullmatch(file)), None)


@functools.cache
def _pattern(path: str) -> re.Pattern[str]:
    """Returns what matches a path with names to be filled in."""
    parts = re.split(r"(<\w+>)", path)
    return re.compile(
        "".join(_ANY.get(p, "[^/]+") if p[:1] == "<" else re.escape(p) for p in parts)
    )
