"""A rough model of the time that a step takes, for plans of runs that have no earlier one to go by.

The numbers are CPU seconds of one core of 2024, for networks of three layers of 64 units. They are
there to tell minutes from hours: other machines, networks and priors may take twice as long or
half.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["cpu_seconds"]

_START = 1.5
"""What every step takes to start: Python and its packages."""

_CONFIGURATION = 0.5
_SAMPLING_PER_SAMPLE = 5e-6
_WITH_SCORE = dict.fromkeys(("alices", "rascal", "cascal"), 6e-6)
_TRAINING = {**_WITH_SCORE, "scandal": 17e-6, "quadratic": 1.2e-6}
"""Training, for each sample and epoch; the score in a loss and flows cost most."""

_TRAINING_OF_OTHERS = 2.5e-6
_EPOCHS_OF_OTHERS = 20  # for estimators of one's own, which have none
_FROM_ALL_EVENTS = "quadratic"  # learns from the events themselves, in place of samples
_EVALUATION = {"scandal": 0.6e-6, "quadratic": 0.06e-6}
"""Evaluation, for each event and grid point."""

_EVALUATION_OF_OTHERS = 0.13e-6
_SCORES = ("sally", "sallino")  # are evaluated once for each event
_EVALUATION_OF_SCORES = 12e-6
_PLOTTING = 10.0
_PLOTTING_PER_METHOD = 5.0


def cpu_seconds(settings: Mapping[str, Any], n_events: int, samples: Mapping[str, int]) -> float:
    """Returns about how many CPU seconds a step takes.

    Args:
        settings: The settings of the step, as the configuration writes them; empty for the
            configuration itself.
        n_events: Number of events in the event file.
        samples: Number of training samples of each method.
    """
    methods = settings.get("methods", [])
    match settings.get("step"):
        case "sampling":
            return _START + _SAMPLING_PER_SAMPLE * sum(samples.get(m, 0) for m in methods)
        case "training":
            return _START + sum(_training(settings, m, n_events, samples) for m in methods)
        case "evaluation":
            return _START + sum(_evaluation(settings, m, n_events) for m in methods)
        case "plotting":
            return _START + _PLOTTING + _PLOTTING_PER_METHOD * len(methods)
        case _:
            return _CONFIGURATION


def _training(
    settings: Mapping[str, Any], method: str, n_events: int, samples: Mapping[str, int]
) -> float:
    """Returns the seconds of training one network."""
    n_samples = n_events if method == _FROM_ALL_EVENTS else samples.get(method, n_events)
    epochs = settings[method]["training"].get("epochs", _EPOCHS_OF_OTHERS)
    return float(_TRAINING.get(method, _TRAINING_OF_OTHERS) * n_samples * epochs)


def _evaluation(settings: Mapping[str, Any], method: str, n_events: int) -> float:
    """Returns the seconds of evaluating one network."""
    n_test = settings["splits"]["test"] * n_events
    if method in _SCORES:
        return float(_EVALUATION_OF_SCORES * n_test)
    n_points = math.prod(settings["asymptotic_limits"]["resolutions"])
    return float(_EVALUATION.get(method, _EVALUATION_OF_OTHERS) * n_test * n_points)
