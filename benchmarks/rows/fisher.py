"""Fisher information of the event weights, the rate, a histogram, and an estimated score.

MadMiner calls Python functions for each event; we sum over all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.events import events_of
from benchmarks.row import Arrays, Check, Row, Sizes, Target
from madminer_workflow.events import read_events, read_header
from madminer_workflow.statistics import fisher
from madminer_workflow.steps.evaluate import point_events

__all__ = ["ROW"]

_OBSERVABLE = "m_ll"
_EDGES = (1100.0, 1200.0, 1400.0, 1700.0, 2200.0)
_LUMINOSITY_IPB = 300_000.0


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them from one read of the file."""
    from benchmarks.models import score

    header = read_header(events_of(sizes["events"]))
    model, theta = score(read_events(header)), np.zeros(len(header.parameters))
    column = header.observables.index(_OBSERVABLE)

    def work() -> Arrays:
        events = read_events(header)
        at_theta = point_events(theta, _LUMINOSITY_IPB, events)
        full, rate, _ = fisher.joint(at_theta)
        bins = fisher.bin_numbers(events.x[:, column], _EDGES)
        histogram = fisher.histogram("histogram", at_theta, bins)
        estimated = fisher.score("sally", at_theta, model.score(events.x))
        found = {"truth": full, "rate": rate, "histogram": histogram, "score": estimated}
        return {name: one.matrix for name, one in found.items()}

    return work


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them with MadMiner's functions."""
    from benchmarks.madminer_compat import patch

    patch()
    from madminer.fisherinformation import FisherInformation

    from benchmarks.models import madminer_score, score

    header = read_header(events_of(sizes["events"]))
    model, theta = madminer_score(score(read_events(header))), np.zeros(len(header.parameters))

    def work() -> Arrays:
        information = FisherInformation(str(header.path), include_nuisance_parameters=False)
        at_theta = {"theta": theta, "luminosity": _LUMINOSITY_IPB}
        bins = {"observable": _OBSERVABLE, "bins": list(_EDGES), "histrange": None}
        found = {
            "truth": information.truth_information(**at_theta),
            "rate": information.rate_information(**at_theta),
            "histogram": information.histo_information(**at_theta, **bins),
            "score": information.full_information(**at_theta, model_file=model, test_split=0.0),
        }
        return {name: matrix for name, (matrix, _) in found.items()}

    return work


def check(_: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares the matrices; the score is a network in single precision."""
    tolerances = {"truth": 1e-13, "rate": 1e-13, "histogram": 1e-13, "score": 1e-6}
    return [
        Check(f"information of {name}, relative", _off(results, name), tolerance)
        for name, tolerance in tolerances.items()
    ]


def _off(results: Mapping[str, Arrays], name: str) -> float:
    """Returns the largest difference of two matrices relative to the largest element."""
    first, second = results["ours"][name], results["madminer"][name]
    return float(np.abs(first - second).max() / np.abs(second).max())


ROW = Row(
    title="Fisher information: truth, rate, histogram, estimated score",
    works={"ours": ours, "madminer": madminer},
    check=check,
    targets=(Target.faster_than("madminer", 60),),
    quick={"events": 100_000},
    full={"events": 1_000_000},
)
