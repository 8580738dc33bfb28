"""The choice of parameter points: the blocks `theta_0` and `theta_1` of a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from madminer_workflow.configuration.model import Prior, Thetas
from madminer_workflow.configuration.names import by_parameter, known, point, sequence
from madminer_workflow.configuration.schema import allowed, schema, shown
from madminer_workflow.errors import InputError
from madminer_workflow.events.header import Header, Parameter

__all__ = ["everywhere", "reference", "thetas"]

Spec = Mapping[str, Any]


def thetas(path: str, spec: Spec, header: Header) -> Thetas:
    """Returns the choice that a block of the input file describes.

    Args:
        path: Where the block stands in the input file.
        spec: The block.
        header: The header of the event file.

    Raises:
        InputError: A benchmark or parameter is unknown, a point has the wrong length or is out of
            range, or a prior has no extent.
    """
    return _CHOICES[spec["sampling_method"]](path, spec, header)


def reference(header: Header) -> Thetas:
    """Returns the choice of the reference benchmark.

    Args:
        header: The header of the event file.
    """
    return Thetas("benchmark", benchmarks=(header.reference,))


def everywhere(header: Header) -> Thetas:
    """Returns the choice of random points over all parameter ranges, or of all benchmarks.

    Args:
        header: The header of the event file; without morphing it knows its benchmarks only.
    """
    if header.morphing is None:
        return Thetas("benchmarks", benchmarks=header.benchmark_names)
    return _random("", {}, header)


def _benchmark(path: str, spec: Spec, header: Header) -> Thetas:
    """Returns the choice of one benchmark."""
    names = sequence(spec.get("sampling_arg", header.reference))
    path = f"{path}.sampling_arg"
    if len(names) != 1:
        raise InputError(f"{path}: {shown(names)}, expected the name of one benchmark")
    return Thetas("benchmark", benchmarks=(known(path, names[0], header.benchmark_names),))


def _benchmarks(path: str, spec: Spec, header: Header) -> Thetas:
    """Returns the choice of some benchmarks."""
    names = sequence(spec.get("sampling_arg", list(header.benchmark_names)))
    checked = (
        known(f"{path}.sampling_arg[{number}]", name, header.benchmark_names)
        for number, name in enumerate(names)
    )
    return Thetas("benchmarks", benchmarks=tuple(checked))


def _points(path: str, spec: Spec, header: Header) -> Thetas:
    """Returns the choice of explicit points; a list of numbers is one point of many parameters."""
    path = f"{path}.sampling_arg"
    if "sampling_arg" not in spec:
        raise InputError(f"{path}: missing, expected a point or a list of points")
    given = sequence(spec["sampling_arg"])
    if len(header.parameters) > 1 and not any(isinstance(item, list) for item in given):
        return Thetas("morphing_points", points=(point(path, given, header),))
    points = (point(f"{path}[{number}]", item, header) for number, item in enumerate(given))
    return Thetas("morphing_points", points=tuple(points))


def _random(path: str, spec: Spec, header: Header) -> Thetas:
    """Returns the choice of random points."""
    if header.morphing is None:
        choices = "expected benchmark or benchmarks (the event file has no morphing)"
        raise InputError(f"{path}.sampling_method: {shown(spec['sampling_method'])}, {choices}")
    rule = schema()["$defs"]["theta"]["properties"]["sampling_number"]
    number = spec.get("sampling_number", spec.get("sampling_arg", rule["default"]))
    if not isinstance(number, int | float) or number < 1 or number != int(number):
        raise InputError(f"{path}.sampling_arg: {shown(number)}, expected {allowed(rule)}")
    priors = _priors(f"{path}.prior", spec.get("prior", {}), header)
    return Thetas("random_morphing_points", number=int(number), priors=priors)


def _priors(path: str, given: Any, header: Header) -> tuple[Prior, ...]:
    """Returns the prior of each parameter, flat over its range where none is given."""
    if isinstance(given, list):
        entries = [entry for item in given for entry in item.items()]
    else:
        entries = list(given.items())
    found = by_parameter(path, entries, header)
    return tuple(
        _prior(*found[parameter.name]) if parameter.name in found else _flat(parameter)
        for parameter in header.parameters
    )


def _flat(parameter: Parameter) -> Prior:
    """Returns the flat prior over the range of a parameter."""
    return Prior("flat", parameter.minimum, parameter.maximum)


def _prior(path: str, spec: Spec) -> Prior:
    """Returns the prior of one parameter."""
    shape, first, second = (spec[f"prior_{key}"] for key in ("shape", "param_0", "param_1"))
    lowest = first if shape == "flat" else 0
    if second <= lowest:
        meaning = "a maximum" if shape == "flat" else "a standard deviation"
        raise InputError(f"{path}.prior_param_1: {shown(second)}, expected {meaning} > {lowest:g}")
    return Prior(shape, float(first), float(second))


_CHOICES: dict[str, Callable[[str, Spec, Header], Thetas]] = {
    "benchmark": _benchmark,
    "benchmarks": _benchmarks,
    "morphing_point": _points,
    "morphing_points": _points,
    "random_morphing_points": _random,
}
