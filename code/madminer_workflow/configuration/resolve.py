"""From the input file to the configuration: defaults, and the rules that need the event file."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from madminer_workflow.configuration.concerns import concerns
from madminer_workflow.configuration.files import file_of
from madminer_workflow.configuration.loading import named
from madminer_workflow.configuration.merging import Inputs, merge
from madminer_workflow.configuration.model import (
    Configuration,
    Device,
    Experiment,
    Fisher,
    Histogram,
    Learner,
    Limits,
    Members,
    Method,
    Plotting,
    Sampling,
    Splits,
    Thetas,
    Training,
)
from madminer_workflow.configuration.names import (
    by_parameter,
    known,
    point,
    point_or_points,
    sequence,
)
from madminer_workflow.configuration.routines import routine, rules
from madminer_workflow.configuration.schema import (
    default_for,
    defaults,
    meant_by,
    shown,
    subschema,
    uses,
    validate,
)
from madminer_workflow.configuration.sweep import SPREADING
from madminer_workflow.configuration.thetas import everywhere, reference, thetas
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.events.header import Header
from madminer_workflow.events.observed import Observed, read_observed

__all__ = ["load", "load_learner", "resolve"]

Document = Mapping[str, Any]

log = logging.getLogger(__name__)

RESERVED = re.compile(r"expected(_\d+)?|observed(_\d+)?|.*\.npz")
"""Names of data and files that an experiment cannot have."""


def load(
    source: str | Path | Inputs, header: Header, overrides: Document | None = None
) -> Configuration:
    """Reads an input file and checks everything that can be checked before events are read.

    What is allowed but doubtful is logged as a warning, unless the file was written by `run` or
    `configure`, which have given the warnings.

    Args:
        source: The input file, YAML or JSON, or what several give together.
        header: The header of the event file.
        overrides: Values that replace keys of the top level, for instance "luminosity".

    Raises:
        InputError: Something is not allowed; the message names file, key, value and alternatives.
    """
    inputs = source if isinstance(source, Inputs) else merge([source])
    extra = dict(overrides or {})
    document = inputs.document | extra
    with inputs.named():
        validate(document, rules(document))
        _check_single(document)
        configuration = resolve(document, header)
    if "step" not in document:
        for concern in concerns(inputs.own | extra, configuration, header):
            log.warning("%s: %s", inputs.blamed(concern), concern)
    return configuration


def load_learner(input_file: str | Path, method: str, overrides: Document | None = None) -> Learner:
    """Reads what the training of one method needs; no event file is involved.

    Args:
        input_file: The input file, YAML or JSON.
        method: Name of the method.
        overrides: Values that replace keys of `training`, for instance "epochs".

    Raises:
        InputError: Something is not allowed, or the method is not among those of the file.
    """
    inputs = merge([input_file])
    document = inputs.document
    with inputs.named():
        _check_single(document)
        own = rules(document)
        validate(document, own)
        known("methods", method, document["methods"])
        block = document.get(method, {})
        training = block.get("training", {}) | dict(overrides or {})
        document = document | {method: block | {"training": training}}
        validate(document, own)
        for name in overrides or {}:
            if method in METHODS and not uses(method, subschema("training", name)):
                log.warning("%s: not used by %s", name, method)
        return Learner(
            seed=_seed(document),
            name=method,
            estimator=document.get("estimator", defaults()["estimator"]),
            training=_training(method, document),
            routine=routine(method, document),
            device=_device(document),
        )


def _check_single(document: Document) -> None:
    """Raises InputError if a document stands for several."""
    for key in SPREADING:
        if document.get(key):
            raise InputError(
                f"{key}: {shown(document[key])}, expected none where one combination is wanted; "
                "`configure` writes the settings of single steps"
            )


def resolve(document: Document, header: Header) -> Configuration:
    """Returns the configuration that an input document stands for.

    Args:
        document: The content of an input file that follows the schema.
        header: The header of the event file.

    Raises:
        InputError: The event file does not have what the document names.
    """
    limits = _limits(document, header)
    histogram = _histogram(document, header)
    return Configuration(
        seed=_seed(document),
        splits=_splits(document, header),
        methods=tuple(_method(name, document, header) for name in document["methods"]),
        limits=limits,
        observed=_observed(document, header),
        experiments=tuple(_experiments(document, header, limits)),
        histogram=histogram,
        fisher=_fisher(document, header, histogram.observables[0], limits.thetas_true[0]),
        plotting=_plotting(document),
        pick_best=document.get("pick_best", defaults()["pick_best"]),
        device=_device(document),
    )


def _device(document: Document) -> Device:
    """Returns where networks are trained and evaluated."""
    device: Device = document.get("device", defaults()["device"])
    return device


def _seed(document: Document) -> int:
    """Returns the seed."""
    return int(document.get("seed", defaults()["seed"]))


def _section(document: Document, name: str) -> dict[str, Any]:
    """Returns a block of keys with its defaults."""
    return defaults(name) | dict(document.get(name, {}))


def _splits(document: Document, header: Header) -> Splits:
    """Returns the fractions of the parts of the events."""
    fractions = _section(document, "splits")
    total = sum(fractions.values())
    if abs(total - 1) > 1e-6:
        raise InputError(f"splits: {shown(fractions)} add up to {total:g}, expected 1")
    for name, fraction in fractions.items():
        if fraction * header.n_events < 1:
            raise InputError(
                f"splits.{name}: {fraction:g} of {header.n_events} events, expected one or more"
            )
    return Splits(**{name: float(fraction) for name, fraction in fractions.items()})


def _method(name: str, document: Document, header: Header) -> Method:
    """Returns the settings of one method."""
    block, own = document.get(name, {}), routine(name, document)
    samples = _section(document, "samples") | block.get("samples", {})
    single = (METHODS[name] if own is None else own.spec).kind == "score"
    return Method(
        name=name,
        estimator=document.get("estimator", defaults()["estimator"]),
        sampling=Sampling(
            theta_0=_theta_0(name, block, header, single),
            theta_1=_theta_1(name, block, header),
            n_train=int(samples["train"]),
            n_validation=int(samples["validation"]),
            n_test=int(samples["test"]),
            minimum_effective_samples=float(samples["minimum_effective"]),
        ),
        training=_training(name, document),
        routine=own,
    )


def _theta_0(name: str, block: Document, header: Header, single: bool) -> Thetas:
    """Returns the numerator, or the single point where a score is taken."""
    if "theta_0" not in block:
        return reference(header) if single else everywhere(header)
    path = f"{name}.theta_0"
    chosen = thetas(path, block["theta_0"], header)
    if single and len(chosen.benchmarks) + len(chosen.points) != 1:
        expected = "expected one benchmark or one morphing point, at which the score is taken"
        raise InputError(f"{path}: {shown(block['theta_0'])}, {expected}")
    return chosen


def _theta_1(name: str, block: Document, header: Header) -> Thetas:
    """Returns the denominator."""
    if "theta_1" not in block:
        return reference(header)
    return thetas(f"{name}.theta_1", block["theta_1"], header)


def _training(name: str, document: Document) -> Members:
    """Returns the settings of the training of one method."""
    if name not in METHODS:
        return _members(name, document)
    own = subschema("training")["x-default-by-method"].get(name, {})
    given = document.get(name, {}).get("training", {})
    settings = defaults("training") | own | document.get("training", {}) | given
    first = settings["learning_rate"]
    divisor = subschema("training", "final_learning_rate")["x-default-divisor"]
    last = settings.get("final_learning_rate", first / divisor)
    if last > first:
        path = f"{name}.training" if "final_learning_rate" in given else "training"
        expected = f"expected <= learning_rate, {first:g}"
        raise InputError(f"{path}.final_learning_rate: {last:g} ({name}), {expected}")
    return Training(
        hidden_layers=tuple(int(units) for units in settings["hidden_layers"]),
        activation=settings["activation"],
        epochs=int(settings["epochs"]),
        batch_size=int(settings["batch_size"]),
        learning_rate=float(first),
        final_learning_rate=float(last),
        alpha=float(settings["alpha"]),
        early_stopping=int(settings["early_stopping"]),
        n_members=int(settings["n_members"]),
        n_folds=int(settings["n_folds"]),
        seed=int(settings.get("seed", _seed(document))),
    )


def _members(name: str, document: Document) -> Members:
    """Returns how many models of an estimator of one's own are trained."""
    given = document.get("training", {}) | document.get(name, {}).get("training", {})
    numbers = defaults(name, "training") | {"seed": _seed(document)}
    return Members(**{key: int(given.get(key, number)) for key, number in numbers.items()})


def _limits(document: Document, header: Header) -> Limits:
    """Returns the grid, the truth and the luminosity."""
    given = document.get("asymptotic_limits", {})
    path = "asymptotic_limits"
    truth = given.get("theta_true", header.theta(header.reference).tolist())
    shown_limits = sequence(document.get("include_xsec", defaults()["include_xsec"]))
    return Limits(
        region=_region(f"{path}.region", given.get("region", {}), header),
        resolutions=_resolutions(f"{path}.resolutions", given, len(header.parameters)),
        thetas_true=point_or_points(f"{path}.theta_true", truth, header),
        luminosity_ipb=_luminosity(document, header),
        include_xsec=tuple(shown_limits),
    )


def _region(path: str, given: Document, header: Header) -> tuple[tuple[float, float], ...]:
    """Returns the scanned interval of each parameter."""
    region = {p.name: (p.minimum, p.maximum) for p in header.parameters}
    for name, (where, interval) in by_parameter(path, given.items(), header).items():
        low, high = float(interval["min"]), float(interval["max"])
        if low >= high:
            raise InputError(f"{where}: min {low:g} and max {high:g}, expected min < max")
        region[name] = (low, high)
    return tuple(region.values())


def _resolutions(path: str, given: Document, n_parameters: int) -> tuple[int, ...]:
    """Returns the number of grid points of each parameter."""
    keys = ("asymptotic_limits", "resolutions")
    value = given.get("resolutions", default_for(n_parameters, *keys))
    value = meant_by(value, n_parameters, *keys) if isinstance(value, str) else value
    numbers = value if isinstance(value, list) else [value] * n_parameters
    if len(numbers) != n_parameters:
        expected = f"expected one number for each of {n_parameters} parameter(s), or one for all"
        raise InputError(f"{path}: {shown(value)}, {expected}")
    return tuple(int(number) for number in numbers)


def _luminosity(document: Document, header: Header) -> float:
    """Returns the luminosity: that of the input file, of the event file, or the default."""
    if "luminosity" in document:
        return float(document["luminosity"])
    return float((header.process or {}).get("luminosity_ipb", defaults()["luminosity"]))


def _observed(document: Document, header: Header) -> Observed | None:
    """Returns the observed events, if there are any."""
    if "observed" not in document:
        return None
    return _read_observed("observed.data", file_of(document["observed"]), header)


def _read_observed(path: str, file: str, header: Header) -> Observed:
    """Returns the observed events of a file that is named under a key."""
    with named(path):
        return read_observed(Path(file), header.observables)


def _experiments(document: Document, header: Header, limits: Limits) -> Iterator[Experiment]:
    """Yields the data of the table."""
    names = set()
    for number, row in enumerate(document.get("experiments", [])):
        path, name = f"experiments[{number}]", row["name"]
        if name in names or RESERVED.fullmatch(name):
            used = "given twice" if name in names else "the name of something else"
            raise InputError(f"{path}.name: {shown(name)} is {used}, expected another name")
        names.add(name)
        if {"observed", "theta_true"} <= row.keys():
            raise InputError(f"{path}: theta_true and observed are given, expected one of them")
        theta, observed = limits.thetas_true[0], None
        if "observed" in row:
            observed = _read_observed(f"{path}.observed", file_of(row["observed"]), header)
        elif "theta_true" in row:
            theta = point(f"{path}.theta_true", row["theta_true"], header)
        shown_limits = row.get("include_xsec", list(limits.include_xsec))
        yield Experiment(
            name=name,
            theta_true=theta if observed is None else None,
            observed=observed,
            luminosity_ipb=float(row.get("luminosity", limits.luminosity_ipb)),
            include_xsec=tuple(sequence(shown_limits)),
        )


def _histogram(document: Document, header: Header) -> Histogram:
    """Returns the histogram that serves as a baseline."""
    observables = sequence(document.get("histogram_vars", header.observables[0]))
    bins = document.get("histogram_bins", default_for(len(observables), "histogram_bins"))
    return Histogram(
        observables=tuple(
            known("histogram_vars", name, header.observables) for name in observables
        ),
        bins=int(bins),
    )


def _fisher(
    document: Document, header: Header, observable: str, theta: tuple[float, ...]
) -> Fisher:
    """Returns the settings of the Fisher information; observable and theta are defaults."""
    path, given = "fisher_information", _section(document, "fisher_information")
    return Fisher(
        enabled=given["bool"] and header.morphing is not None,
        observable=known(
            f"{path}.observable", given.get("observable", observable), header.observables
        ),
        bins=_bins(f"{path}.histogram_bins", given["histogram_bins"]),
        range=_range(f"{path}.histogram_range", given.get("histogram_range")),
        theta_true=point(f"{path}.theta_true", given.get("theta_true", list(theta)), header),
    )


def _bins(path: str, value: Any) -> int | tuple[float, ...]:
    """Returns the number of bins or their edges."""
    if not isinstance(value, list):
        return int(value)
    edges = tuple(float(edge) for edge in value)
    if list(edges) != sorted(set(edges)):
        raise InputError(f"{path}: {shown(value)}, expected edges in increasing order")
    return edges


def _range(path: str, value: Any) -> tuple[float, float] | None:
    """Returns the first and last edge of a histogram."""
    if value is None:
        return None
    low, high = float(value[0]), float(value[1])
    if low >= high:
        raise InputError(f"{path}: {shown(value)}, expected the smaller edge first")
    return low, high


def _plotting(document: Document) -> Plotting:
    """Returns which figures are drawn."""
    methods, given = document["methods"], _section(document, "plotting")
    background = given["all_methods_pvalue"]
    if isinstance(background, bool):
        background = methods[0] if background else None
    else:
        known("plotting.all_methods_pvalue", background, methods)
    chosen = sequence(given.get("correlations_methods", methods))
    for name in chosen:
        known("plotting.correlations_methods", name, methods)
    names = {"all_methods_pvalue": background, "correlations_methods": tuple(chosen)}
    return Plotting(**{**given, **names})
