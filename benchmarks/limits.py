"""What limits from histograms have in common: ours, MadMiner's, and their comparison.

Ours take all their events and bins that are quantiles of the mixture of the benchmarks; MadMiner's
take a hundred thousand of its training events and bins of its own. To compare the results, our
functions get MadMiner's events and bins; the file and the random numbers tell which these are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# Our functions import these when they need them, but imports are not to be measured.
import scipy.interpolate
import scipy.ndimage
import scipy.optimize
import scipy.special  # noqa: F401
from numpy.typing import NDArray

from benchmarks.row import Arrays, Check, Sizes, Target
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.statistics import (
    KinematicLikelihood,
    Scan,
    combine,
    grid,
    histograms,
    teststatistic,
)

__all__ = ["FULL", "LUMINOSITY_IPB", "QUICK", "TARGETS", "compared", "expected_limits", "limit_of"]

Floats = NDArray[np.float64]

LUMINOSITY_IPB = 10_000.0

TARGETS = (
    Target.faster_than("madminer", 50),
    Target.memory(1000),
    Target.memory(1000, "ours, fine grid"),
)
"""What rows of limits from histograms should reach."""

QUICK = {"events": 100_000, "grid": 15, "fine": 60}
FULL = {"events": 1_000_000, "grid": 50, "fine": 200}

_N_TOYS = 100_000
_TEST = 0.2
_SEED = 1


def limit_of(events: Events, values: Floats, n_bins: tuple[int, ...], resolution: int) -> Arrays:
    """Returns our expected limits at the Standard Model.

    Args:
        events: The weighted events.
        values: What is put into a histogram, (event, dimension).
        n_bins: Number of bins of each dimension.
        resolution: Grid points of each parameter.
    """
    header, theta = events.header, np.zeros(len(events.header.parameters))
    axes = grid.axes(tuple(map(tuple, header.ranges)), (resolution,) * len(theta))
    thetas = grid.points(axes)
    n_expected = LUMINOSITY_IPB * float(events.cross_sections([theta])[0])
    predicted = LUMINOSITY_IPB * events.cross_sections(thetas)
    scan = Scan(header.parameter_names, axes, theta, LUMINOSITY_IPB, n_expected, predicted)
    templates = histograms.templates(values, events.weights, n_bins)
    data = histograms.Data(values, events.weights_at([theta])[:, 0], n_expected)
    log_likelihood = templates.log_likelihood(header.weights(thetas), data)
    limit = combine(scan, "histogram", KinematicLikelihood(n_expected, log_likelihood))
    return {"p": limit.p_full}


def expected_limits(path: Path, resolution: int, **mode: Any) -> Callable[[], Arrays]:
    """Returns the function with which MadMiner computes them; it gives its bins too.

    Args:
        path: The event file.
        resolution: Grid points of each parameter.
        mode: What is put into a histogram, and numbers of bins.
    """
    from benchmarks.madminer_compat import patch

    patch()
    from madminer.limits import AsymptoticLimits

    header = read_header(path)

    def work() -> Arrays:
        np.random.seed(_SEED)  # noqa: NPY002
        _, p_values, _, log_r, _, found = AsymptoticLimits(str(path)).expected_limits(
            theta_true=np.zeros(len(header.parameters)),
            grid_ranges=header.ranges.tolist(),
            grid_resolutions=[resolution] * len(header.parameters),
            luminosity=LUMINOSITY_IPB,
            n_histo_toys=_N_TOYS,
            n_binning_toys=_N_TOYS,
            **mode,
        )
        all_edges = found[0].edges if found else []  # a network needs no histograms
        edges = {f"edges_{number}": one for number, one in enumerate(all_edges)}
        return {"p": p_values, "log_r": log_r, **edges}

    return work


def compared(
    sizes: Sizes, theirs: Arrays, path: Path, values_of: Callable[[Events], Floats]
) -> list[Check]:
    """Returns the differences of what our functions give for MadMiner's events and bins.

    Args:
        sizes: The sizes of the row.
        theirs: What MadMiner gave.
        path: The event file.
        values_of: Gives what is put into a histogram, (event, dimension).
    """
    events = read_events(read_header(path))
    edges = [theirs[name] for name in sorted(theirs) if name.startswith("edges")]
    templates = histograms.Templates(*_filled(events, values_of, edges))
    test = events.take(np.arange(round((1 - _TEST) * len(events)) + 1, len(events)))
    header, theta = events.header, np.zeros(len(events.header.parameters))
    axes = grid.axes(tuple(map(tuple, header.ranges)), (sizes["grid"],) * len(theta))
    # MadMiner makes up for the fraction of the test events, not for their number.
    scale = len(test) / (_TEST * len(events))
    cross_sections = scale * test.cross_sections(np.vstack([theta, grid.points(axes)]))
    n_expected, *n_predicted = LUMINOSITY_IPB * cross_sections
    data = histograms.Data(values_of(test), test.weights_at([theta])[:, 0], n_expected)
    log_r = templates.log_likelihood(header.weights(grid.points(axes)), data)
    q = teststatistic.rate_term(np.round(n_expected), n_predicted) - 2 * log_r
    p_values = teststatistic.p_values(q - q.min(), len(theta))
    off = (log_r - log_r.max()) - (theirs["log_r"] - theirs["log_r"].max())
    return [
        Check("p-values, absolute", float(np.abs(p_values - theirs["p"]).max()), 3e-13),
        Check(
            "kinematic log L, relative to its number", float(np.abs(off).max() / n_expected), 1e-13
        ),
    ]


def _filled(
    events: Events, values_of: Callable[[Events], Floats], edges: list[Floats]
) -> tuple[histograms.Binning, Floats]:
    """Returns MadMiner's bins and its histograms at the benchmarks, (benchmark, bin)."""
    last = round((1 - _TEST) * len(events))
    toys = events.take(_toys(last))
    values = values_of(toys)
    inside = [(e[0] <= v) & (v <= e[-1]) for e, v in zip(edges, values.T, strict=True)]
    kept = np.flatnonzero(np.logical_and.reduce(inside))
    binning = histograms.Binning.rectangular([edge[1:-1] for edge in edges])
    return binning, binning.fill(values[kept], toys.weights[kept])


def _toys(n_events: int) -> NDArray[np.int64]:
    """Returns the events that MadMiner fills its histograms with, after those for its bins."""
    if n_events <= _N_TOYS:
        return np.arange(n_events)
    random = np.random.RandomState(_SEED)
    return [random.choice(n_events, _N_TOYS, replace=False) for _ in range(2)][1]
