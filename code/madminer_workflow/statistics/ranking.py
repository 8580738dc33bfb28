"""Which of several methods is best, as held-out events tell that no training has seen.

Both criteria compare a point with the truth by the same events, whatever the method learns from:

- cross-entropy of the probability s = 1 / (1 + r) that an event of the equal mixture of both is of
  the truth. It is least for the true ratio and for no other (a proper score; Gneiting, Raftery,
  JASA 102, 2007, 359);
- closure: chi-square between the distributions of the observables at the point, and those at the
  truth reweighted with the ratio.

Their noise is common to all methods, so it is differences that have errors: from replicas for which
groups of events are drawn with replacement, the same groups for all methods.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics.diagnostics import Reweighting
from madminer_workflow.statistics.diagnostics.binned import bin_index, bin_sums

__all__ = [
    "TIE",
    "Criterion",
    "Judged",
    "Ranking",
    "Standing",
    "average",
    "closure",
    "cross_entropy",
    "ranking",
]

Criterion = Literal["cross_entropy", "closure"]
Floats = NDArray[np.float64]
Name = TypeVar("Name", bound=Hashable)

TIE: Final = 2.0
"""Difference from the best in units of its error below which it may be noise."""

_GROUPS = 64
_REPLICAS = 200
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Judged:
    """What a criterion says about one method; less is better.

    Attributes:
        value: Its value.
        replicas: Its value for resampled events, (replica,).
        spread: Error that training leaves, if the method was trained several times.
    """

    value: float
    replicas: Floats
    spread: float = 0.0


@dataclass(frozen=True)
class Standing:
    """Where one method stands.

    Attributes:
        value: The value of the criterion.
        difference: How much larger it is than that of the best method.
        error: Monte Carlo error of the difference, with that of the training where it is known.
    """

    value: float
    difference: float
    error: float


@dataclass(frozen=True)
class Ranking(Generic[Name]):
    """The best of several methods.

    Attributes:
        criterion: By what they are compared.
        method: The best method.
        tied: Other methods whose difference from it may be noise.
        values: Where each method stands.
    """

    criterion: Criterion
    method: Name
    tied: tuple[Name, ...]
    values: Mapping[Name, Standing]


def cross_entropy(events: Reweighting, seed: int) -> Judged:
    """Returns the mean cross-entropy over points, in nats an event; log 2 for a ratio of one.

    Args:
        events: Held-out events, the truth as their reference.
        seed: Seed of the replicas.
    """
    log_ratio = events.log_ratio
    columns = [
        events.true,
        events.true * np.logaddexp(0.0, -log_ratio),
        np.broadcast_to(events.reference[:, None], log_ratio.shape),
        events.reference[:, None] * np.logaddexp(0.0, log_ratio),
    ]
    groups = np.arange(len(log_ratio)) % _GROUPS
    sums = _sums(groups, columns, _GROUPS)
    point, of_point, truth, of_truth = (_times(seed) @ one for one in sums)
    values = 0.5 * (of_point / point + of_truth / truth).mean(axis=1)
    return Judged(float(values[0]), values[1:])


def closure(x: Floats, events: Reweighting, n_expected: float, seed: int) -> Judged:
    """Returns the mean chi-square over points and observables that the data would have.

    What the finite number of events adds to it is subtracted.

    Args:
        x: Observables, (event, observable).
        events: Held-out events, the truth as their reference.
        n_expected: Expected number of events of the data.
        seed: Seed of the replicas.
    """
    mixture = np.maximum(events.reference + events.true.mean(axis=1), 0.0)
    groups, times = np.arange(len(x)) % _GROUPS, _times(seed)
    values = [
        n_expected * _mismatch(bin_index(column, mixture), groups, events, times) for column in x.T
    ]
    mean = np.mean(values, axis=0)
    return Judged(float(mean[0]), mean[1:])


def average(judged: Sequence[Judged]) -> Judged:
    """Returns what a criterion says on average about a method that was trained several times.

    Args:
        judged: What it says about each.
    """
    values = np.array([one.value for one in judged])
    spread = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    return Judged(float(values.mean()), np.mean([one.replicas for one in judged], axis=0), spread)


def ranking(criterion: Criterion, judged: Mapping[Name, Judged]) -> Ranking[Name]:
    """Compares methods; those without a finite value come last.

    Args:
        criterion: By what they are compared.
        judged: What it says about each method, one or more.
    """
    best = min(judged, key=lambda name: np.nan_to_num(judged[name].value, nan=np.inf))
    values = {name: _standing(one, judged[best]) for name, one in judged.items()}
    rounding = _ROUNDING * abs(judged[best].value)
    tied = tuple(
        name
        for name, one in values.items()
        if name != best and one.difference <= TIE * one.error + rounding
    )
    return Ranking(criterion, best, tied, values)


def _standing(one: Judged, best: Judged) -> Standing:
    """Returns where a method stands beside the best one."""
    if one is best:
        return Standing(one.value, 0.0, 0.0)
    noise = (one.replicas - best.replicas).std(ddof=1)
    error = np.sqrt(noise**2 + one.spread**2 + best.spread**2)
    return Standing(one.value, one.value - best.value, float(error))


def _times(seed: int) -> Floats:
    """Returns how often each group counts: once, then in each replica, (1 + replica, group)."""
    shares = np.full(_GROUPS, 1.0 / _GROUPS)
    drawn = np.random.default_rng(seed).multinomial(_GROUPS, shares, _REPLICAS)
    return np.vstack([np.ones(_GROUPS), drawn])


def _mismatch(
    index: NDArray[np.int64], groups: NDArray[np.int64], events: Reweighting, times: Floats
) -> Floats:
    """Returns sum (learned - true)^2 / mean over bins less its noise, mean over points, (time,)."""
    n_bins = int(index.max()) + 1
    columns = [events.learned, events.true, (events.learned - events.true) ** 2]
    cells = _sums(index * _GROUPS + groups, columns, n_bins * _GROUPS)
    learned, true, squares = (
        np.einsum("rg,bgt->rbt", times, sums.reshape(n_bins, _GROUPS, -1)) for sums in cells
    )
    learned, true = (one / one.sum(axis=1, keepdims=True) for one in (learned, true))
    mean = 0.5 * (learned + true)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(mean > 0.0, ((learned - true) ** 2 - squares) / mean, 0.0)
    return np.asarray((excess.sum(axis=1) + squares.sum(axis=1)).mean(axis=1))


def _sums(index: NDArray[np.int64], columns: list[Floats], number: int) -> list[Floats]:
    """Returns sums over the events of each of some bins, (bin, column) for each block."""
    found = bin_sums(index, columns)
    return [np.pad(sums, ((0, number - len(sums)), (0, 0))) for sums in found]
