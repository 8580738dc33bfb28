"""Expected likelihoods from a network that gives a quadratic form of the parameters for each event.

MadMiner has no such method. What the network itself takes is measured beside the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import events_of
from benchmarks.row import Arrays, Check, Row, Sizes, Target
from benchmarks.rows.sampling import read
from madminer_workflow.configuration import Configuration, load
from madminer_workflow.events import Events, Header, read_events, read_header
from madminer_workflow.statistics import AsimovSums, KinematicLikelihood, grid
from madminer_workflow.steps.data import conditions
from madminer_workflow.steps.evaluate import Part, expectation, reference_weights, sums_over

if TYPE_CHECKING:
    from madminer_workflow.estimators.weighted import WeightedQuadraticRatio

__all__ = ["ROW"]

_INPUT = Path(__file__).parents[2] / "workflow" / "input.yml"
_N_COMPARED = 50


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them on the whole grid, from all events."""
    header, model = _prepared(sizes)
    configuration = _configuration(header, sizes["grid"])

    def work() -> Arrays:
        events = read_events(header)
        parts, data = _parts(model, events), conditions(configuration, events)
        sums = sums_over(configuration, parts, data)
        return _arrays(expectation(configuration, "quadratic", sums, data).expected[0])

    return work


def network(sizes: Sizes) -> Callable[[], Arrays]:
    """Evaluates the network for all events, at one point."""
    header, model = _prepared(sizes)

    def work() -> Arrays:
        events = read_events(header)
        blocks = model.log_ratio_blocks(events.x, header.ranges[None, :, 0])
        return {"sum": sum((block.sum(axis=0) for _, block in blocks), start=np.zeros(1))}

    return work


def check(sizes: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares them with what is computed directly at some points of the grid."""
    header, model = _prepared(sizes)
    configuration, events = _configuration(header, sizes["grid"]), read_events(header)
    (part,), data = _parts(model, events), conditions(configuration, events)
    limits = configuration.limits
    points = grid.points(grid.axes(limits.region, limits.resolutions))
    compared = np.linspace(0, len(points) - 1, _N_COMPARED).astype(int)
    thetas = np.vstack([points[compared], data[0].theta_true])
    sums, morphing, reference = (
        AsimovSums(len(thetas)),
        header.weights(thetas),
        reference_weights(part),
    )
    for some, log_ratio in model.log_ratio_blocks(events.x, thetas):
        sums.add(log_ratio, events.weights[some] @ morphing.T, reference[some])
    exact = _arrays(expectation(configuration, "quadratic", sums, data).expected[0])
    return [
        Check(
            f"q, {name}, some points", 2 * float(np.abs(found[compared] - exact[name]).max()), 0.02
        )
        for name, found in results["ours"].items()
    ]


def _prepared(sizes: Sizes) -> tuple[Header, WeightedQuadraticRatio]:
    """Returns the header of the event file and the network."""
    from benchmarks.models import quadratic

    header = read_header(events_of(sizes["events"]))
    return header, quadratic(read_events(header))


def _parts(model: WeightedQuadraticRatio, events: Events) -> list[Part[WeightedQuadraticRatio]]:
    """Returns all events as those that a network has not seen."""
    return [Part(model, events, np.arange(len(events)))]


def _configuration(header: Header, resolution: int) -> Configuration:
    """Returns the default configuration with a grid."""
    return load(_INPUT, header, {"asymptotic_limits": {"resolutions": resolution}})


def _arrays(likelihood: KinematicLikelihood) -> dict[str, NDArray[np.float64]]:
    """Returns both estimates."""
    assert likelihood.corrected is not None
    return {"plug_in": likelihood.plug_in, "corrected": likelihood.corrected}


ROW = Row(
    title="likelihoods from a quadratic form of the parameters for each event",
    works={"ours": ours, "ours, network only": network, "one read": read},
    check=check,
    targets=(
        Target.at_most(3, "one read"),
        Target.at_most(3, "one read", "ours, network only"),
    ),
    quick={"events": 50_000, "grid": 60},
    full={"events": 1_000_000, "grid": 200},
)
