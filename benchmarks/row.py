"""What a row of the table is: one piece of work, done by us and by others, and what it may cost."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["OURS", "Arrays", "Check", "Cost", "Row", "Sizes", "Target", "Work"]

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Sizes: TypeAlias = Mapping[str, int]
Work: TypeAlias = Callable[[Sizes], Callable[[], Arrays]]
"""Prepares some work, which costs nothing in the table, and returns the function that does it."""

OURS = "ours"
"""Name of our work."""

_BOUNDS = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Cost:
    """What one run of some work has cost.

    Attributes:
        cpu_s: CPU seconds of the process and its children, in the system too.
        wall_s: Wall-clock seconds.
        peak_mb: Largest resident memory, imports included, in MB.
        added_mb: By how much that exceeds the memory before the work, in MB.
        read_mb: Bytes that were read from files, from the page cache too, in MB.
        load: Processes that wanted to run on the machine, mean of the minute before.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    added_mb: float
    read_mb: float
    load: float


@dataclass(frozen=True)
class Check:
    """An equality that must hold.

    Attributes:
        what: What is compared.
        difference: How far it is from equal.
        tolerance: How far it may be.
    """

    what: str
    difference: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether it does; not a number is never equal."""
        return bool(self.difference <= self.tolerance)


@dataclass(frozen=True)
class Target:
    """A number that is made of the costs of the works of a row, and its bound.

    Attributes:
        what: What it is, with its unit.
        value: The number; the costs are the smallest ones of each work by its name.
        sign: `>=` or `<=`.
        bound: The bound, for the full sizes.
    """

    what: str
    value: Callable[[Mapping[str, Cost], Sizes], float]
    sign: str
    bound: float

    def met(self, value: float) -> bool:
        """Returns whether a value keeps the bound.

        Args:
            value: The value.
        """
        return bool(_BOUNDS[self.sign](value, self.bound))

    @classmethod
    def faster_than(cls, other: str, times: float, ours: str = OURS) -> Target:
        """Returns the target of being so many times faster than another work.

        Args:
            other: Its name.
            times: How many times.
            ours: Name of our work.
        """
        return cls(f"{other} / {ours}", _ratio(other, ours), ">=", times)

    @classmethod
    def at_most(cls, times: float, other: str, ours: str = OURS) -> Target:
        """Returns the target of costing so many times as much as another work at most.

        Args:
            times: How many times.
            other: Its name.
            ours: Name of our work.
        """
        return cls(f"{ours} / {other}", _ratio(ours, other), "<=", times)

    @classmethod
    def memory(cls, megabytes: float, ours: str = OURS) -> Target:
        """Returns the target of a bound on the peak memory.

        Args:
            megabytes: The bound, imports included.
            ours: Name of our work.
        """
        return cls(f"peak MB, {ours}", lambda costs, _: costs[ours].peak_mb, "<=", megabytes)


@dataclass(frozen=True)
class Row:
    """One piece of work, done by us and by others.

    Attributes:
        title: What is done.
        works: Our work and the others by name; the names of those of ours begin with `ours`.
        check: Compares the results, given as the arrays of each work by its name.
        targets: What the costs are held against.
        quick: Sizes for a few seconds.
        full: Sizes of the table in the documentation.
    """

    title: str
    works: Mapping[str, Work]
    check: Callable[[Sizes, Mapping[str, Arrays]], Sequence[Check]]
    targets: Sequence[Target]
    quick: Sizes
    full: Sizes


def _ratio(first: str, second: str) -> Callable[[Mapping[str, Cost], Sizes], float]:
    """Returns the function that gives the ratio of the CPU times of two works."""
    return lambda costs, _: costs[first].cpu_s / costs[second].cpu_s
