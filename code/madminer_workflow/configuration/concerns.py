"""What is allowed but doubtful in an input file: one line each, for the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from madminer_workflow.configuration.model import Configuration, Prior
from madminer_workflow.configuration.schema import schema, subschema, uses
from madminer_workflow.events.header import Header

__all__ = ["concerns"]

Document = Mapping[str, Any]

_GAUSSIAN_REACH = 5.0
"""Standard deviations from the mean beyond which a gaussian prior gives no points to learn from."""


def concerns(document: Document, configuration: Configuration, header: Header) -> list[str]:
    """Returns the warnings about an input file.

    Args:
        document: The content of the input file.
        configuration: What it stands for.
        header: The header of the event file.
    """
    found = [
        *_luminosity(document, configuration, header),
        *_region(configuration, header),
        *_priors(configuration, header),
        *_unused(document),
        *_fisher(document, configuration, header),
    ]
    return list(dict.fromkeys(found))  # several true points may have the same fault


def _luminosity(document: Document, configuration: Configuration, header: Header) -> Iterator[str]:
    """Tells when the luminosity is nobody's choice."""
    if "luminosity" not in document and "luminosity_ipb" not in (header.process or {}):
        value = configuration.limits.luminosity_ipb
        yield f"luminosity: neither given nor in the event file, {value:g} /pb is used"


def _region(configuration: Configuration, header: Header) -> Iterator[str]:
    """Tells when the scan goes where the events say little, or misses the truth."""
    limits, path = configuration.limits, "asymptotic_limits"
    for parameter, (low, high) in zip(header.parameters, limits.region, strict=True):
        if low < parameter.minimum or high > parameter.maximum:
            range_ = f"[{parameter.minimum:g}, {parameter.maximum:g}]"
            yield (
                f"{path}.region: {parameter.name} in [{low:g}, {high:g}] goes beyond its range "
                f"{range_} in the event file"
            )
    truths = [(f"{path}.theta_true", theta) for theta in limits.thetas_true]
    for number, one in enumerate(configuration.experiments):
        if one.theta_true is not None and one.theta_true not in limits.thetas_true:
            truths.append((f"experiments[{number}].theta_true", one.theta_true))
    for where, theta in truths:
        for name, truth, (low, high) in zip(
            header.parameter_names, theta, limits.region, strict=True
        ):
            if not low <= truth <= high:
                yield f"{where}: {name} = {truth:g} is outside the region [{low:g}, {high:g}]"


def _priors(configuration: Configuration, header: Header) -> Iterator[str]:
    """Tells when the scan goes beyond what the networks are trained for."""
    affected: dict[str, list[str]] = {}
    for method in configuration.methods:
        for number, prior in enumerate(method.sampling.theta_0.priors):
            low, high = configuration.limits.region[number]
            first, last = _reach(prior)
            if low < first or high > last:
                line = (
                    f"{header.parameter_names[number]} in [{low:g}, {high:g}] goes beyond the "
                    f"{prior.shape} prior, which reaches from {first:g} to {last:g}"
                )
                affected.setdefault(line, []).append(method.name)
    for line, names in affected.items():
        yield f"asymptotic_limits.region: {line} ({', '.join(names)})"


def _reach(prior: Prior) -> tuple[float, float]:
    """Returns where a prior gives points."""
    if prior.shape == "flat":
        return prior.first, prior.second
    reach = _GAUSSIAN_REACH * prior.second
    return prior.first - reach, prior.first + reach


def _unused(document: Document) -> Iterator[str]:
    """Tells which keys no method that is run has a use for."""
    methods = document["methods"]
    own = [key for key in document if key not in schema()["properties"]]
    for name in [*subschema("methods")["items"]["enum"], *own]:
        if name in document and name not in methods:
            yield f"{name}: not used, it is not among `methods`"
    yield from _unused_keys([], document, methods)
    yield from _unused_keys(["training"], document.get("training", {}), methods)
    for name in methods:
        block = document.get(name, {})
        yield from _unused_keys([name], block, [name])
        yield from _unused_keys([name, "training"], block.get("training", {}), [name])
        for key in ("theta_0", "theta_1"):
            yield from _unused_arguments([name, key], block.get(key, {}))


def _unused_keys(path: list[str], given: Document, methods: Sequence[str]) -> Iterator[str]:
    """Tells which keys of a block none of some methods uses."""
    for key in given:
        rule = subschema(*path, key)
        if not any(uses(method, rule) for method in methods):
            yield f"{'.'.join([*path, key])}: not used by {', '.join(methods)}"


def _unused_arguments(path: list[str], spec: Document) -> Iterator[str]:
    """Tells which keys do not go with the way in which parameter points are chosen."""
    for key in spec:
        method = spec["sampling_method"]
        users = subschema(*path, key).get("x-sampling-methods", [method])
        number_twice = key == "sampling_arg" and {"sampling_number"} & spec.keys()
        if method not in users or (number_twice and method == "random_morphing_points"):
            yield f"{'.'.join([*path, key])}: not used for {method}"


def _fisher(document: Document, configuration: Configuration, header: Header) -> Iterator[str]:
    """Tells what is asked of the Fisher information in vain."""
    path, fisher = "fisher_information", configuration.fisher
    edges = fisher.bins if isinstance(fisher.bins, tuple) else None
    if document.get(path, {}).get("bool") and header.morphing is None:
        yield f"{path}.bool: not computed, the event file has no morphing"
    if edges and fisher.range not in (None, (edges[0], edges[-1])):
        yield f"{path}.histogram_range: not used, `histogram_bins` gives other edges"
