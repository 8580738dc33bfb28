"""What toys say about the coverage of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.statistics import P_68, P_95, threshold
from madminer_workflow.statistics.coverage import Coverage, Share, coverage, difference
from madminer_workflow.statistics.limits import Which

__all__ = ["EXACT", "LEVELS", "Coverages", "Study", "Tried"]

Floats = NDArray[np.float64]
Coverages = Mapping[Which, Sequence[Mapping[str, Coverage]]]
"""Coverage with the rate and without, at each true point, of the region of a level."""

EXACT = "exact"
"""Name of the exact likelihood among the methods."""

LEVELS = {"68": P_68, "95": P_95}
"""The regions by their levels in percent, and the p-values at their borders."""


@dataclass(frozen=True)
class Tried:
    """What toys say about a method, or about the exact likelihood.

    Attributes:
        name: Its name; that of the exact likelihood has a number if there are several sets of toys.
        method: The method, or `exact`.
        toys: Number of the set of toys, from one on.
        n_events: Number of held-out events from which they were drawn.
        q: The test statistic of each toy at its true point, with the rate and without,
            (true point, toy).
    """

    name: str
    method: str
    toys: int
    n_events: int
    q: Mapping[Which, Floats]


@dataclass(frozen=True)
class Study:
    """The coverage of all methods.

    Attributes:
        parameters: Names of the parameters.
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        n_toys: Number of toys at each true point.
        thetas: The true points, (true point, parameter).
        n_expected: Mean number of events at each of them, (true point,).
        tried: The methods; those with the same toys follow each other, and the exact likelihood
            follows them where it is known.
        construct: Whether to make the construction of Neyman.
    """

    parameters: tuple[str, ...]
    luminosity_ipb: float
    n_toys: int
    thetas: Floats
    n_expected: Floats
    tried: tuple[Tried, ...]
    construct: bool

    def coverages(self, tried: Tried) -> Coverages:
        """Returns the coverage of the regions of a method at all true points.

        Args:
            tried: The method.
        """
        return {
            which: [
                {
                    level: coverage(at, p, len(self.parameters), construct=self.construct)
                    for level, p in LEVELS.items()
                }
                for at in q
            ]
            for which, q in tried.q.items()
        }

    def exact_of(self, tried: Tried) -> Tried | None:
        """Returns the exact likelihood on the toys of a method; None where it is not known.

        Args:
            tried: The method.
        """
        if tried.method == EXACT:
            return None
        with_its_toys = (one for one in self.tried if one.toys == tried.toys)
        return next((one for one in with_its_toys if one.method == EXACT), None)

    def minus_exact(self, tried: Tried) -> dict[Which, list[dict[str, Share]]] | None:
        """Returns how the coverage differs from that of the exact likelihood on the same toys.

        Args:
            tried: The method.

        Returns:
            The differences by level for each true point; None where there is nothing to compare.
        """
        exact = self.exact_of(tried)
        if exact is None:
            return None
        borders = [(level, threshold(p, len(self.parameters))) for level, p in LEVELS.items()]
        return {
            which: [
                {level: difference(here < border, there < border) for level, border in borders}
                for here, there in zip(q, exact.q[which], strict=True)
            ]
            for which, q in tried.q.items()
        }
