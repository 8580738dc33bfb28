"""Expected limits from a histogram of the score that a network estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import events_of
from benchmarks.limits import FULL, QUICK, TARGETS, compared, expected_limits, limit_of
from benchmarks.row import Arrays, Check, Row, Sizes
from madminer_workflow.configuration.model import Splits
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.sampling import split

__all__ = ["ROW"]

_N_BINS = (8, 8)
_SPLITS = Splits(train=0.6, validation=0.2, test=0.2)


def ours(sizes: Sizes, resolution: str = "grid") -> Callable[[], Arrays]:
    """Computes them from the held-out events of the file."""
    from benchmarks.models import score

    header = read_header(events_of(sizes["events"]))
    model = score(read_events(header))

    def work() -> Arrays:
        events = read_events(header)
        events = events.take(split(len(events), _SPLITS, seed=1).test)
        return limit_of(events, model.score(events.x), _N_BINS, sizes[resolution])

    return work


def ours_fine(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them on a finer grid."""
    return ours(sizes, "fine")


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them with MadMiner and the same network."""
    from benchmarks.madminer_compat import patch

    patch()
    from benchmarks.models import madminer_score, score

    path = events_of(sizes["events"])
    model = madminer_score(score(read_events(read_header(path))))
    return expected_limits(path, sizes["grid"], mode="sally", model_file=model, hist_bins=_N_BINS)


def check(sizes: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares the results for the same events, bins and scores, and then the scores.

    These are in single precision, and rounding moves some events over the edges of bins.
    """
    from madminer.ml import ScoreEstimator

    from benchmarks.models import madminer_score, score

    path = events_of(sizes["events"])
    events = read_events(read_header(path))
    model, estimator = score(events), ScoreEstimator()
    estimator.load(madminer_score(model))

    def theirs(events: Events) -> NDArray[np.float64]:
        return np.asarray(estimator.evaluate_score(events.x), float)

    scores = theirs(events)
    off = float(np.abs(model.score(events.x) - scores).max() / np.abs(scores).max())
    limits = compared(sizes, results["madminer"], path, theirs)
    return [*limits, Check("score, relative to the largest", off, 2e-6)]


ROW = Row(
    title="limits from a histogram of the estimated score",
    works={"ours": ours, "ours, fine grid": ours_fine, "madminer": madminer},
    check=check,
    targets=TARGETS,
    quick=QUICK,
    full=FULL,
)
