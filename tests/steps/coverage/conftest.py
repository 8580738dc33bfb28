"""Studies whose test statistics are known, and results of models that were not trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.events import Events
from madminer_workflow.steps.coverage.records import Study, Tried
from madminer_workflow.steps.evaluate import evaluate
from madminer_workflow.steps.members import Member

Floats = NDArray[np.float64]


@pytest.fixture
def known_member() -> Callable[..., Member]:
    """A function that gives the result of a model, as if it had been trained."""

    def make(configuration: Configuration, model: Any, events: Events) -> Member:
        evaluation = evaluate(configuration, model, events)
        return Member(Path(model.method), evaluation, {"member": 0, "seed": configuration.seed}, {})

    return make


@pytest.fixture
def known_study() -> Callable[..., Study]:
    """A function that gives a study of 100 toys at two points.

    It takes the name of each method and a scale: q is 0, 0.1, ... times it at the first point, and
    at the second half of that. Every second method begins another set of toys.
    """

    def make(construct: bool = False, **scales: float) -> Study:
        q = np.outer([1.0, 0.5], np.arange(100) / 10.0)
        tried = tuple(
            Tried(
                name=name,
                method=name.partition("_")[0],
                toys=1 + number // 2,
                n_events=5000,
                q={"full": scale * q, "kinematics": 0.9 * scale * q},
            )
            for number, (name, scale) in enumerate(scales.items())
        )
        thetas, n_expected = np.array([[0.0, 0.0], [0.5, -1.25]]), np.array([90.0, 110.5])
        return Study(("c_u", "c_d"), 1000.0, 100, thetas, n_expected, tried, construct)

    return make
