"""The plotting step: from the results of all members to limits, numbers and figures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from madminer_workflow.configuration.model import Configuration, Plotting
from madminer_workflow.events import Events
from madminer_workflow.steps.best import Contest, best
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

__all__ = [
    "Products",
    "figures",
    "limit_figures",
    "plot",
    "plot_into",
    "products_folder",
    "units_of",
    "write_products",
]

_FOLDER = "plotting"
_WRITERS = 4  # processes that write figures, which is all that runs at the end


@dataclass(frozen=True)
class Products:
    """What was computed.

    Attributes:
        data: The limits for each set of data.
        results: The content of results.json.
        contests: For each set of data what tells the best method.
    """

    data: Mapping[str, DataLimits]
    results: dict[str, Any]
    contests: Mapping[str, Contest]


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
    target = products_folder(output_dir)
    return plot_into(target, configuration, events, result_files, input_file).results, target


def plot_into(
    target: Path,
    configuration: Configuration,
    events: Events,
    result_files: Sequence[Path],
    input_file: Path,
    others: Mapping[str, Contest] | None = None,
) -> Products:
    """Computes limits, results.json and figures and writes them into a folder.

    Args:
        target: The folder.
        configuration: The configuration.
        events: All events of the file.
        result_files: The folders of the results of all members.
        input_file: The input file, for the record.
        others: For each set of data the contest of methods with other settings, to compare with.

    Raises:
        InputError: The results cannot be read or do not belong together.
    """
    combination = combine_members(configuration, events, read_members(result_files))
    diagnoses = diagnose(combination, events)
    contests = best(combination, events, others)
    rankings = {name: one.ranking for name, one in contests.items()}
    record = results(combination, events, diagnoses, rankings)
    observed = {one.name: one.observed for one in configuration.experiments}
    inputs = {"data_file": events.header.path, "input_file": input_file}
    for name, one in {"observed": configuration.observed, **observed}.items():
        inputs |= {} if one is None else {name: one.path}
    record["provenance"] = provenance(**inputs)
    drawn = dict(figures(combination, diagnoses, units_of(events)))
    write_products(target, combination.data, drawn, record)
    return Products(combination.data, record, contests)


def write_products(
    target: Path,
    data: Mapping[str, DataLimits],
    drawn: Mapping[str, Figure],
    record: Mapping[str, Any],
) -> None:
    """Writes limits, figures and, last, results.json.

    Args:
        target: The folder to write into.
        data: The limits for each set of data; without any there is no folder for them.
        drawn: The figures by name.
        record: The content of results.json.
    """
    (target / "results.json").unlink(missing_ok=True)
    if data:
        with staged(target / "limits") as folder:
            for name, one in data.items():
                for method, limit in one.all().items():
                    file = Path("" if name == EXPECTED else name) / f"{method}.npz"
                    write_npz(folder / file, **limit.arrays())
    with staged(target / "figures") as folder:
        write_figures(folder, drawn, n_processes=min(os.cpu_count() or 1, _WRITERS))
    write_json(target / "results.json", record)


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

    wanted = combination.configuration.plotting
    yield from limit_figures(combination.data, wanted, units)
    for name, one in diagnoses.items():
        figure = draw.diagnostics(one.diagnostics, one.verdict, one.curves)
        yield f"diagnostics_{name}", figure
    if losses := _losses(combination):
        yield "training", draw.training(losses)
    comparisons = _comparisons(combination)
    if wanted.correlations and comparisons:
        yield "correlations", draw.ratios(comparisons)
    if combination.fisher:
        yield "fisher", draw.fisher(combination.fisher, combination.parameters, units)


def limit_figures(
    data: Mapping[str, DataLimits], wanted: Plotting, units: dict[str, str] | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yields the figures of limits, with their names.

    Args:
        data: The limits for each set of data.
        wanted: Which figures are drawn.
        units: Units of the parameters by name.
    """
    for name, one in data.items():
        suffix = "" if name == EXPECTED else f"_{name}"
        for figure_name, figure in _limit_figures(one, wanted, units):
            yield figure_name + suffix, figure
        ending = "" if name == OBSERVED else suffix
        for figure_name, figure in _observed_figures([*data.values()], one, wanted, units):
            yield figure_name + ending, figure


def _limit_figures(
    data: DataLimits, wanted: Plotting, units: dict[str, str] | None
) -> Iterator[tuple[str, Figure]]:
    """Yields the figures of the limits for one set of data."""
    from madminer_workflow import figures as draw

    exact = data.exact
    shown = [limit for limit in data.limits.values() if wanted.rates or limit.name != "rate"]
    background = wanted.all_methods_pvalue
    for which in data.shown:
        if wanted.all_methods:
            yield f"limits_{which}", draw.limits(shown, which, exact, units, background)
            yield f"p_values_{which}", draw.p_values(shown, which, exact, units)
        if wanted.all_methods_separate:
            yield f"limits_separate_{which}", draw.separate(shown, which, exact, units)
    if wanted.all_methods and len(data.scan.parameters) <= 2:
        yield "overview", draw.overview(shown, exact, units)


def _observed_figures(
    every: Sequence[DataLimits],
    observed: DataLimits,
    wanted: Plotting,
    units: dict[str, str] | None,
) -> Iterator[tuple[str, Figure]]:
    """Yields the figures of observed limits and those expected at the same luminosity, if any."""
    from madminer_workflow import figures as draw

    luminosity_ipb = observed.scan.luminosity_ipb
    comparable = [
        data
        for data in every
        if not data.is_observed and data.scan.luminosity_ipb == luminosity_ipb
    ]
    if not (observed.is_observed and comparable):
        return
    expected = comparable[0]
    shown = [limit for limit in expected.limits.values() if wanted.rates or limit.name != "rate"]
    exact = (expected.exact, observed.exact)
    for which in observed.shown:
        figure = draw.observed(shown, [*observed.limits.values()], which, *exact, units)
        yield f"observed_{which}", figure


def units_of(events: Events) -> dict[str, str] | None:
    """Returns the units of the parameters where the event file states one.

    Args:
        events: The events.
    """
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
