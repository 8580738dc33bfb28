"""The partition of the events into training, validation and test, the same one for every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Splits
from madminer_workflow.errors import InputError

__all__ = ["Partition", "folds", "split"]

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Partition:
    """Which events serve for what: every event is in exactly one part.

    Attributes:
        train: Indices of the events for training, in ascending order, (event,).
        validation: The same for validation.
        test: The same for the test, that is for limits and diagnostics.
    """

    train: Indices
    validation: Indices
    test: Indices


def split(n_events: int, splits: Splits, seed: int) -> Partition:
    """Returns the parts of a random permutation of the events.

    The permutation makes the parts alike even when the file is sorted.

    Args:
        n_events: Number of events.
        splits: Fractions of the parts.
        seed: Seed of the permutation.

    Raises:
        InputError: A part has no events.

    >>> partition = split(10, Splits(train=0.6, validation=0.2, test=0.2), seed=1)
    >>> len(partition.train), len(partition.validation), len(partition.test)
    (6, 2, 2)
    """
    edges = np.rint(np.cumsum([splits.train, splits.validation]) * n_events).astype(np.int64)
    permutation = np.random.default_rng(seed).permutation(n_events)
    part_of = np.empty(n_events, np.int8)
    for number, rows in enumerate(np.split(permutation, edges)):
        part_of[rows] = number
    parts = [np.flatnonzero(part_of == number) for number in range(3)]
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        if not len(part):
            fraction = getattr(splits, name)
            raise InputError(
                f"splits.{name}: {fraction} of {n_events} events, allowed: at least one event"
            )
    return Partition(*parts)


def folds(n_events: int, n_folds: int, seed: int) -> Indices:
    """Returns the fold of each event, for members that each leave out one fold, (event,).

    Args:
        n_events: Number of events.
        n_folds: Number of folds, of equal size but for one event.
        seed: Seed of the assignment.

    >>> np.bincount(folds(10, 3, seed=1)).tolist()
    [4, 3, 3]
    """
    return np.random.default_rng(seed).permutation(np.arange(n_events) % n_folds)
