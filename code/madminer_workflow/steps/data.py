"""The data for which limits are made: expected at parameter points, and observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.document import observed_file
from madminer_workflow.configuration.model import Configuration, Experiment
from madminer_workflow.events import Events, Observed

__all__ = ["EXPECTED", "OBSERVED", "DataSet", "Key", "conditions", "data_sets"]

Floats = NDArray[np.float64]
Key: TypeAlias = tuple[float, ...] | str

EXPECTED = "expected"
"""Name of the expected data at the first true point; further ones are `expected_2` and so on."""

OBSERVED = "observed"
"""Name of the observed data."""


@dataclass(frozen=True)
class DataSet:
    """Expected or observed data.

    Attributes:
        name: Its name.
        key: What networks see of it: the true parameter point of expected data, a name that tells
            the content of observed data. The luminosity is no part of it.
        theta_true: Parameter point of expected data, NaN for observed data, (parameter,).
        luminosity_ipb: Integrated luminosity in inverse picobarn.
        n_events: Number of events, the mean number for expected data.
        include_xsec: Which limits are shown: with the rate, without, or both.
        x: Observables of observed events, None for expected data, (event, observable).
    """

    name: str
    key: Key
    theta_true: Floats
    luminosity_ipb: float
    n_events: float
    include_xsec: tuple[bool, ...]
    x: Floats | None = None


def data_sets(configuration: Configuration, events: Events) -> tuple[DataSet, ...]:
    """Returns all data: expected at each true point, observed, and those of experiments.

    Args:
        configuration: The configuration.
        events: All events of the file, which tell the cross sections.
    """
    limits, observed = configuration.limits, configuration.observed
    own = [] if observed is None else [observed]
    common = _experiments(configuration, limits.thetas_true, own)
    return tuple(_data_set(one, events) for one in (*common, *configuration.experiments))


def conditions(configuration: Configuration, events: Events) -> tuple[DataSet, ...]:
    """Returns the data for which networks are evaluated: those with different keys.

    Log-likelihoods of expected data are proportional to their number of events, so that those of
    one luminosity give those of every other. All have the common luminosity; further true points
    are called `expected_2` and so on, further observed data `observed_2`.

    Args:
        configuration: The configuration.
        events: All events of the file, which tell the cross sections.
    """
    tried = [one.theta_true for one in configuration.experiments if one.theta_true is not None]
    thetas = dict.fromkeys((*configuration.limits.thetas_true, *tried))
    observed = {observed_file(one): one for one in configuration.all_observed}
    found = _experiments(configuration, thetas, observed.values())
    return tuple(_data_set(one, events) for one in found)


def _experiments(
    configuration: Configuration,
    thetas_true: Iterable[tuple[float, ...]],
    observed: Iterable[Observed],
) -> Iterator[Experiment]:
    """Yields data with the common luminosity, named by their kind and number."""
    common = (configuration.limits.luminosity_ipb, configuration.limits.include_xsec)
    for number, theta in enumerate(thetas_true, 1):
        yield Experiment(_numbered(EXPECTED, number), theta, None, *common)
    for number, one in enumerate(observed, 1):
        yield Experiment(_numbered(OBSERVED, number), None, one, *common)


def _numbered(kind: str, number: int) -> str:
    """Returns the name of the first, second, ... data of a kind.

    >>> _numbered("expected", 1), _numbered("expected", 2)
    ('expected', 'expected_2')
    """
    return kind if number == 1 else f"{kind}_{number}"


def _data_set(experiment: Experiment, events: Events) -> DataSet:
    """Returns the data of an experiment."""
    observed, luminosity_ipb = experiment.observed, experiment.luminosity_ipb
    theta = experiment.theta_true or (np.nan,) * len(events.header.parameters)
    if observed is None:
        n_events = luminosity_ipb * float(events.cross_sections([theta])[0])
    else:
        n_events = len(observed)
    return DataSet(
        name=experiment.name,
        key=theta if observed is None else observed_file(observed),
        theta_true=np.array(theta),
        luminosity_ipb=luminosity_ipb,
        n_events=n_events,
        include_xsec=experiment.include_xsec,
        x=None if observed is None else observed.x,
    )
