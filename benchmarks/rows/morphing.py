"""Cross sections at many parameter points, from the sums of the weights.

MadMiner computes the weight of each event at each point. It gets the points in portions of 500:
all of them at once would need 32 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import events_of
from benchmarks.row import Arrays, Check, Row, Sizes, Target
from madminer_workflow.events import read_events, read_header

__all__ = ["ROW"]

_PORTION = 500


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them from one read of the file."""
    path, thetas = events_of(sizes["events"]), _thetas(sizes)
    return lambda: {"xsecs": read_events(read_header(path)).cross_sections(thetas)}


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them with MadMiner's function, which also gives an uncertainty."""
    from benchmarks.madminer_compat import patch

    patch()
    from madminer import sampling

    path, thetas = str(events_of(sizes["events"])), _thetas(sizes)

    def work() -> Arrays:
        sampler = sampling.SampleAugmenter(path)
        portions = np.split(thetas, range(_PORTION, len(thetas), _PORTION))
        found = [sampler.cross_sections(sampling.morphing_points(some))[1] for some in portions]
        return {"xsecs": np.concatenate(found)}

    return work


def check(_: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares the cross sections."""
    off = np.abs(results["ours"]["xsecs"] / results["madminer"]["xsecs"] - 1).max()
    return [Check("cross sections, relative", float(off), 1e-12)]


def _thetas(sizes: Sizes) -> NDArray[np.float64]:
    """Returns parameter points in their ranges, (theta, parameter)."""
    low, high = read_header(events_of(sizes["events"])).ranges.T
    return np.random.default_rng(1).uniform(low, high, (sizes["thetas"], len(low)))


ROW = Row(
    title="cross sections at many parameter points",
    works={"ours": ours, "madminer": madminer},
    check=check,
    targets=(Target.faster_than("madminer", 10),),
    quick={"events": 100_000, "thetas": 1000},
    full={"events": 1_000_000, "thetas": 10_000},
)
