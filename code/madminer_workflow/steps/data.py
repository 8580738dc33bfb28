"""The data for which limits are made: expected at parameter points, and observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.events import Events

__all__ = ["EXPECTED", "OBSERVED", "DataSet", "data_sets"]

Floats = NDArray[np.float64]

EXPECTED = "expected"
"""Name of the expected data at the first true point; further ones are `expected_2` and so on."""

OBSERVED = "observed"
"""Name of the observed data."""


@dataclass(frozen=True)
class DataSet:
    """Expected or observed data.

    Attributes:
        name: Its name.
        theta_true: Parameter point of expected data, NaN for observed data, (parameter,).
        n_events: Number of events, the mean number for expected data.
        x: Observables of observed events, None for expected data, (event, observable).
    """

    name: str
    theta_true: Floats
    n_events: float
    x: Floats | None = None


def data_sets(configuration: Configuration, events: Events) -> tuple[DataSet, ...]:
    """Returns the expected data of each true point, and the observed data if there are any.

    Args:
        configuration: The configuration.
        events: All events of the file, which tell the cross sections.
    """
    limits, observed = configuration.limits, configuration.observed
    numbers = limits.luminosity_ipb * events.cross_sections(limits.thetas_true)
    names = [EXPECTED, *(f"{EXPECTED}_{i}" for i in range(2, len(numbers) + 1))]
    expected = tuple(
        DataSet(name, np.array(theta), float(number))
        for name, theta, number in zip(names, limits.thetas_true, numbers, strict=True)
    )
    if observed is None:
        return expected
    unknown = np.full(len(events.header.parameters), np.nan)
    return (*expected, DataSet(OBSERVED, unknown, len(observed), observed.x))
