"""Expected limits from a parameterised ratio, with the rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import events_of
from benchmarks.limits import LUMINOSITY_IPB, expected_limits
from benchmarks.row import Arrays, Check, Row, Sizes, Target
from madminer_workflow.configuration.model import Splits
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.sampling import split
from madminer_workflow.statistics import grid, teststatistic

__all__ = ["ROW", "limit_of_ratio"]

Floats = NDArray[np.float64]

_SPLITS = Splits(train=0.6, validation=0.2, test=0.2)


def ours(sizes: Sizes, resolution: str = "grid") -> Callable[[], Arrays]:
    """Computes them from the held-out events of the file."""
    header, model = read_header(events_of(sizes["events"])), _model(sizes)

    def work() -> Arrays:
        events = read_events(header)
        rows = split(len(events), _SPLITS, seed=1).test
        return limit_of_ratio(model, events.take(rows), sizes[resolution])

    return work


def ours_fine(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them on a finer grid."""
    return ours(sizes, "fine")


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Computes them with MadMiner and the same network."""
    from benchmarks.madminer_compat import patch

    patch()
    from benchmarks.models import FOLDER, madminer_ratio

    file = str(FOLDER / "ratio")
    madminer_ratio(_model(sizes)).save(file)
    return expected_limits(
        events_of(sizes["events"]),
        sizes["grid"],
        mode="ml",
        model_file=file,
        sample_only_from_closest_benchmark=False,
    )


def check(sizes: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares with what our functions give for MadMiner's events."""
    theirs, events = results["madminer"], read_events(read_header(events_of(sizes["events"])))
    test = events.take(np.arange(round((1 - _SPLITS.test) * len(events)) + 1, len(events)))
    # MadMiner makes up for the fraction of the test events, not for their number.
    found = limit_of_ratio(
        _model(sizes), test, sizes["grid"], len(test) / (_SPLITS.test * len(events))
    )
    off = found["log_r"] - theirs["log_r"]
    return [
        Check("p-values, absolute", float(np.abs(found["p"] - theirs["p"]).max()), 1e-5),
        Check("log r an event", float(np.abs(off - off[0]).max() / found["n"][0]), 1e-6),
    ]


def limit_of_ratio(
    model: Any, events: Events, resolution: int, scale: float = 1.0
) -> dict[str, Floats]:
    """Returns p-values, log likelihoods, (theta,) each, and the expected number of events.

    Args:
        model: The ratio.
        events: The weighted events, a part of those of the file.
        resolution: Grid points of each parameter.
        scale: By what cross sections are multiplied.
    """
    header, theta = events.header, np.zeros(len(events.header.parameters))
    axes = grid.axes(tuple(map(tuple, header.ranges)), (resolution,) * len(theta))
    thetas, weights = grid.points(axes), events.weights_at([theta])[:, 0]
    total = np.zeros(len(thetas))
    for some, log_r in model.log_ratio_blocks(events.x, thetas):
        total += weights[some] @ log_r
    n, *n_predicted = LUMINOSITY_IPB * scale * events.cross_sections(np.vstack([theta, thetas]))
    log_r = n * total / weights.sum()
    q = teststatistic.rate_term(np.round(n), n_predicted) - 2 * log_r
    p_values = teststatistic.p_values(q - q.min(), len(theta))
    return {"p": p_values, "log_r": log_r, "n": np.array([n])}


def _model(sizes: Sizes) -> Any:
    """Returns the network, with initial weights."""
    from benchmarks.models import ratio, ratio_samples

    return ratio(ratio_samples(read_events(read_header(events_of(sizes["events"]))), 2000))


ROW = Row(
    title="limits from a parameterised ratio: 3 x 100 units",
    works={"ours": ours, "ours, fine grid": ours_fine, "madminer": madminer},
    check=check,
    targets=(
        Target.faster_than("madminer", 12),
        Target(
            "MB added, fine grid / grid",
            lambda costs, _: costs["ours, fine grid"].added_mb / costs["ours"].added_mb,
            "<=",
            1.5,
        ),
    ),
    quick={"events": 20_000, "grid": 15, "fine": 60},
    full={"events": 100_000, "grid": 25, "fine": 100},
)
