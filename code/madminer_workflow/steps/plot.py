"""The plotting step: from the results of all members to limits, numbers and figures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.events import Events
from madminer_workflow.steps.best import best
from madminer_workflow.steps.combine import Combination, DataLimits, combine_members
from madminer_workflow.steps.data import EXPECTED, OBSERVED
from madminer_workflow.steps.diagnose import Diagnosis, diagnose
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.steps.members import read_members
from madminer_workflow.steps.results import results
from madminer_workflow.storage import staged, write_figures, write_json, write_npz
from madminer_workflow.storage.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from madminer_workflow.figures import Comparison, LossCurve
    from madminer_workflow.statistics.limits import Which

__all__ = ["figures", "plot", "products_folder"]

_FOLDER = "plotting"
_WRITERS = 4  # processes that write figures, which is all that runs at the end


def products_folder(output_dir: Path) -> Path:
    """Returns the folder of the products: the WORKDIR itself if that is its name.

    Args:
        output_dir: The WORKDIR of the step; in a run it is the folder `plotting`, for a step that
            is run alone it is what all steps share.
    """
    resolved = output_dir.resolve()
    return resolved if resolved.name == _FOLDER else resolved / _FOLDER


def plot(
    configuration: Configuration,
    events: Events,
    result_files: Sequence[Path],
    output_dir: Path,
    input_file: Path,
) -> tuple[dict[str, Any], Path]:
    """Computes and writes limits, results.json and figures.

    results.json comes last: where it is, everything is.

    Args:
        configuration: The configuration.
        events: All events of the file.
        result_files: The folders of the results of all members.
        output_dir: The WORKDIR.
        input_file: The input file, for the record.

    Returns:
        The content of results.json, and the folder of the products.

    Raises:
        InputError: The results cannot be read or do not belong together.
    """
    combination = combine_members(configuration, events, read_members(result_files))
    diagnoses = diagnose(combination, events)
    record = results(combination, events, diagnoses, best(combination, events))
    inputs = {"data_file": events.header.path, "input_file": input_file}
    if configuration.observed is not None:
        inputs["observed"] = configuration.observed.path
    record["provenance"] = provenance(**inputs)
    target = products_folder(output_dir)
    (target / "results.json").unlink(missing_ok=True)
    with staged(target / "limits") as folder:
        for data, limits in combination.data.items():
            subfolder = folder if data == EXPECTED else folder / data
            for name, limit in limits.all().items():
                write_npz(subfolder / f"{name}.npz", **limit.arrays())
    with staged(target / "figures") as folder:
        drawn = dict(figures(combination, diagnoses, _units(events)))
        write_figures(folder, drawn, n_processes=min(os.cpu_count() or 1, _WRITERS))
    write_json(target / "results.json", record)
    return record, target


def figures(
    combination: Combination,
    diagnoses: Mapping[str, Diagnosis],
    units: dict[str, str] | None = None,
) -> Iterator[tuple[str, Figure]]:
    """Yields the figures that the configuration asks for, with their names.

    Args:
        combination: The limits of all methods and what belongs to them.
        diagnoses: How far each method can be trusted.
        units: Units of the parameters by name.
    """
    from madminer_workflow import figures as draw

    for name, data in combination.data.items():
        suffix = "" if name == EXPECTED else f"_{name}"
        for figure_name, figure in _limit_figures(combination, data, units):
            yield figure_name + suffix, figure
    if OBSERVED in combination.data:
        yield from _observed_figures(combination, units)
    for name, one in diagnoses.items():
        figure = draw.diagnostics(one.diagnostics, one.verdict, one.curves)
        yield f"diagnostics_{name}", figure
    if losses := _losses(combination):
        yield "training", draw.training(losses)
    comparisons = _comparisons(combination)
    if combination.configuration.plotting.correlations and comparisons:
        yield "correlations", draw.ratios(comparisons)
    if combination.fisher:
        yield "fisher", draw.fisher(combination.fisher, combination.parameters, units)


def _limit_figures(
    combination: Combination, data: DataLimits, units: dict[str, str] | None
) -> Iterator[tuple[str, Figure]]:
    """Yields the figures of the limits for one set of data."""
    from madminer_workflow import figures as draw

    wanted, exact = combination.configuration.plotting, data.exact
    shown = [limit for limit in data.limits.values() if wanted.rates or limit.name != "rate"]
    background = wanted.all_methods_pvalue
    for which in _shown(combination):
        if wanted.all_methods:
            yield f"limits_{which}", draw.limits(shown, which, exact, units, background)
            yield f"p_values_{which}", draw.p_values(shown, which, exact, units)
        if wanted.all_methods_separate:
            yield f"limits_separate_{which}", draw.separate(shown, which, exact, units)
    if wanted.all_methods and len(combination.parameters) <= 2:
        yield "overview", draw.overview(shown, exact, units)


def _observed_figures(
    combination: Combination, units: dict[str, str] | None
) -> Iterator[tuple[str, Figure]]:
    """Yields the figures of expected and observed limits together."""
    from madminer_workflow import figures as draw

    rates = combination.configuration.plotting.rates
    expected, observed = combination.data[EXPECTED], combination.data[OBSERVED]
    shown = [limit for limit in expected.limits.values() if rates or limit.name != "rate"]
    exact = (expected.exact, observed.exact)
    for which in _shown(combination):
        figure = draw.observed(shown, [*observed.limits.values()], which, *exact, units)
        yield f"observed_{which}", figure


def _shown(combination: Combination) -> list[Which]:
    """Returns which limits are drawn, with the rate or without."""
    return [
        "full" if rate else "kinematics" for rate in combination.configuration.limits.include_xsec
    ]


def _units(events: Events) -> dict[str, str] | None:
    """Returns the units of the parameters where the event file states one."""
    unit = (events.header.process or {}).get("unit")
    return None if unit is None else dict.fromkeys(events.header.parameter_names, unit)


def _losses(combination: Combination) -> dict[str, list[LossCurve]]:
    """Returns the loss curves of all members of each method that has reported any."""
    from madminer_workflow.figures import LossCurve

    curves = {
        name: [
            LossCurve(
                train=np.array(member.history["train_loss"], float),
                validation=np.array(member.history["validation_loss"], float),
                best_epoch=member.history["best_epoch"],
            )
            for member in members
            if member.history["best_validation_loss"] is not None
        ]
        for name, members in combination.members.items()
    }
    return {name: members for name, members in curves.items() if members}


def _comparisons(combination: Combination) -> list[Comparison]:
    """Returns the learned and joint quantities of the methods that are asked for."""
    methods = combination.configuration.plotting.correlations_methods
    return [
        comparison
        for name, evaluation in combination.evaluations.items()
        if name in methods
        for comparison in _comparison(evaluation, combination.parameters)
    ]


def _comparison(evaluation: Evaluation, parameters: Sequence[str]) -> list[Comparison]:
    """Returns one comparison of log ratios, or one a component of the score."""
    from madminer_workflow.figures import Comparison

    if evaluation.joint.ndim == 1:
        quantities, columns = ["log r"], [(evaluation.joint, evaluation.learned)]
    else:
        quantities = list(parameters)
        columns = list(zip(evaluation.joint.T, evaluation.learned.T, strict=True))
    return [
        Comparison(evaluation.method, quantity, *pair)
        for quantity, pair in zip(quantities, columns, strict=True)
    ]
