"""What an input file names in the event file: parameters, parameter points, benchmarks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from madminer_workflow.configuration.schema import nearest, shown
from madminer_workflow.errors import InputError
from madminer_workflow.events.header import Header

__all__ = ["by_parameter", "known", "point", "point_or_points", "sequence"]


def sequence(value: Any) -> list[Any]:
    """Returns a list as it is and anything else as a list of one.

    Args:
        value: A value for which the input file takes one or many.
    """
    return value if isinstance(value, list) else [value]


def known(path: str, name: object, names: Sequence[str]) -> str:
    """Returns a name that must be among others.

    Args:
        path: Where it stands in the input file.
        name: The name.
        names: The names that are allowed.

    Raises:
        InputError: It is not among them.
    """
    if not isinstance(name, str) or name not in names:
        raise InputError(f"{path}: {shown(name)}, {nearest(str(name), names)}")
    return name


def by_parameter(
    path: str, entries: Iterable[tuple[str, Any]], header: Header
) -> dict[str, tuple[str, Any]]:
    """Sorts entries of the input file by parameter.

    Args:
        path: Where they stand in the input file.
        entries: Pairs of a parameter (its name, or its position as in `theta_0`) and a value.
        header: The header of the event file.

    Returns:
        Path and value of each parameter that is named.

    Raises:
        InputError: The event file has no such parameter, or it is named twice.
    """
    found: dict[str, tuple[str, Any]] = {}
    for key, value in entries:
        parameter = _parameter(f"{path}.{key}", key, header)
        if parameter in found:
            raise InputError(f"{path}.{key}: parameter '{parameter}' is given twice, expected once")
        found[parameter] = (f"{path}.{key}", value)
    return found


def point(path: str, value: Any, header: Header) -> tuple[float, ...]:
    """Returns a parameter point.

    Args:
        path: Where it stands in the input file.
        value: A list of coordinates; one number for one parameter.
        header: The header of the event file.

    Raises:
        InputError: It has the wrong length, or the events cannot describe it.
    """
    coordinates, names = sequence(value), ", ".join(header.parameter_names)
    if len(coordinates) != len(header.parameters) or not _numbers(coordinates):
        expected = f"expected {len(header.parameters)} coordinate(s): {names}"
        raise InputError(f"{path}: {shown(value)}, {expected}")
    theta = np.array(coordinates, float)
    if not (header.benchmark_values == theta).all(axis=1).any():
        _check_described(path, theta, header)
    return tuple(theta.tolist())


def point_or_points(path: str, value: Any, header: Header) -> tuple[tuple[float, ...], ...]:
    """Returns one parameter point or several different ones.

    Args:
        path: Where they stand in the input file.
        value: A point as `point` takes it, or a list of lists of coordinates.
        header: The header of the event file.

    Raises:
        InputError: One has the wrong length, the events cannot describe it, or it is given twice.
    """
    if not any(isinstance(item, list) for item in sequence(value)):
        return (point(path, value, header),)
    points = tuple(point(f"{path}[{i}]", item, header) for i, item in enumerate(value))
    for number, theta in enumerate(points):
        if theta in points[:number]:
            raise InputError(
                f"{path}[{number}]: {shown(list(theta))} is given twice, expected once"
            )
    return points


def _check_described(path: str, theta: Any, header: Header) -> None:
    """Raises InputError unless the events describe a point that is not a benchmark."""
    if header.morphing is None:
        allowed = f"one of the benchmarks {', '.join(header.benchmark_names)}"
        raise InputError(f"{path}: {shown(theta.tolist())}, expected {allowed} (no morphing)")
    for number, (value, parameter) in enumerate(zip(theta, header.parameters, strict=True)):
        if not parameter.minimum <= value <= parameter.maximum:
            raise InputError(
                f"{path}[{number}]: {value:g}, expected a value of {parameter.name} in its range "
                f"[{parameter.minimum:g}, {parameter.maximum:g}]"
            )


def _parameter(path: str, key: str, header: Header) -> str:
    """Returns the name of the parameter that a key means."""
    names = header.parameter_names
    position = re.fullmatch(r"(?:theta|parameter)_(\d+)", key)
    if key not in names and position and int(position[1]) < len(names):
        return names[int(position[1])]
    if key in names:
        return key
    raise InputError(f"{path}: no such parameter in the event file, {nearest(key, names)}")


def _numbers(values: Sequence[object]) -> bool:
    """Returns whether all values, which passed the schema, are numbers."""
    return all(isinstance(value, int | float) for value in values)
