"""Values for a parameter that varies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.errors import InputError

__all__ = ["Choice", "choices", "linspace", "logspace", "seeds"]

_DIGITS = 12


@dataclass(frozen=True)
class Choice:
    """A value with a name of its own, for values that make no readable name.

    Attributes:
        label: The name.
        value: The value.
    """

    label: str
    value: Any

    def __post_init__(self) -> None:
        """Checks that the label can be part of the name of a file.

        Raises:
            InputError: It cannot.
        """
        if not re.fullmatch(r"[A-Za-z0-9._+-]+", self.label):
            raise InputError(f"label: {self.label!r}, expected letters, digits and . _ + - only")


def choices(*values: Any, **labelled: Any) -> tuple[Any, ...]:
    """Returns values as they are given; those given with a keyword have its name.

    Args:
        values: Values.
        labelled: Values by their names.

    >>> choices("tanh", "silu", small=[8], large=[64, 64])[2]
    Choice(label='small', value=[8])
    """
    return (*values, *(Choice(label, value) for label, value in labelled.items()))


def linspace(first: float, last: float, number: int) -> tuple[float, ...]:
    """Returns evenly spaced values, both ends included; whole ones are integers.

    Args:
        first: The first value.
        last: The last value.
        number: How many there are.

    Raises:
        InputError: The number is less than one.

    >>> linspace(0, 1, 3)
    (0, 0.5, 1)
    """
    return _tidy(np.linspace(first, last, _positive("linspace", number)))


def logspace(first: float, last: float, number: int) -> tuple[float, ...]:
    """Returns values with a constant ratio, both ends included; whole ones are integers.

    Args:
        first: The first value (not its logarithm).
        last: The last value.
        number: How many there are.

    Raises:
        InputError: An end is not positive, or the number is less than one.

    >>> logspace(0.001, 1, 4)
    (0.001, 0.01, 0.1, 1)
    """
    if first <= 0 or last <= 0:
        raise InputError(f"logspace: from {first:g} to {last:g}, expected ends > 0")
    return _tidy(np.geomspace(first, last, _positive("logspace", number)))


def seeds(number: int, first: int = 1) -> tuple[int, ...]:
    """Returns seeds that follow one another.

    Args:
        number: How many there are.
        first: The first one.

    Raises:
        InputError: The number is less than one.

    >>> seeds(3)
    (1, 2, 3)
    """
    return tuple(range(first, first + _positive("seeds", number)))


def _positive(name: str, number: int) -> int:
    """Returns the number of values, at least one."""
    if number < 1:
        raise InputError(f"{name}: {number} values, expected one or more")
    return number


def _tidy(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Returns values without the noise of rounding."""
    rounded = (float(f"{value:.{_DIGITS}g}") for value in values)
    return tuple(int(value) if value == int(value) else value for value in rounded)
