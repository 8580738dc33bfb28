"""log r of a parameterised ratio on two grids of events and parameter points, of equal size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import events_of
from benchmarks.row import Arrays, Check, Row, Sizes, Target
from madminer_workflow.events import read_events, read_header

__all__ = ["ROW", "grids", "madminer", "network"]

Floats = NDArray[np.float64]

_FEWER_EVENTS = 20  # of which the second grid has more points by half as much


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Evaluates our model."""
    model, pairs = network(sizes), grids(sizes)
    return lambda: {name: model.log_ratio(*pair) for name, pair in pairs.items()}


def madminer(sizes: Sizes, *, score: bool = False) -> Callable[[], Arrays]:
    """Evaluates MadMiner's estimator with the same network."""
    from benchmarks.madminer_compat import patch
    from benchmarks.models import madminer_ratio

    patch()
    estimator, pairs = madminer_ratio(network(sizes)), grids(sizes)

    def evaluated(x: Floats, thetas: Floats) -> Floats:
        found = estimator.evaluate_log_likelihood_ratio(x, thetas, evaluate_score=score)
        return np.asarray(np.swapaxes(found[int(score)], 0, 1))

    return lambda: {name: evaluated(*pair) for name, pair in pairs.items()}


def network(sizes: Sizes) -> Any:
    """Returns the network, with initial weights.

    Args:
        sizes: The sizes of the row.
    """
    from benchmarks.models import ratio, ratio_samples

    events = read_events(read_header(events_of(sizes["events"])))
    return ratio(ratio_samples(events, 2000))


def grids(sizes: Sizes) -> dict[str, tuple[Floats, Floats]]:
    """Returns many events with few parameter points, and the other way round.

    Args:
        sizes: The sizes of the row.
    """
    header = read_header(events_of(sizes["events"]))
    low, high = header.ranges.T
    n, few = sizes["events"], sizes["thetas"]
    many = few * _FEWER_EVENTS // 2
    x = read_events(header).x
    thetas = np.random.default_rng(3).uniform(low, high, (many, len(low)))
    return {"many events": (x, thetas[:few]), "many points": (x[: n // _FEWER_EVENTS], thetas)}


def check(_: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares all log ratios."""
    ours, theirs = results["ours"], results["madminer"]
    return [
        Check(f"log r, {name}", float(np.abs(ours[name] - theirs[name]).max()), 1e-6)
        for name in ours
    ]


ROW = Row(
    title="evaluation of a parameterised ratio: 3 x 100 units",
    works={"ours": ours, "madminer": madminer},
    check=check,
    targets=(Target.faster_than("madminer", 12),),
    quick={"events": 4000, "thetas": 10},
    full={"events": 20_000, "thetas": 10},
)
