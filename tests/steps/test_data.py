from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from madminer_workflow.steps.data import data_sets

Make = Callable[..., Any]


def test_expected_data_of_each_true_point_come_before_the_observed(
    toy: Make, configure: Make, observe: Make
) -> None:
    events, true = toy(2), [[0.3, -0.2], [0, 0]]
    limits = {"resolutions": 3, "theta_true": true}
    configuration = configure(
        events.header, asymptotic_limits=limits, observed=observe(events.header, events.x[:7])
    )
    first, second, observed = data_sets(configuration, events)
    assert [one.name for one in (first, second, observed)] == ["expected", "expected_2", "observed"]
    for one, theta in zip((first, second), true, strict=True):
        np.testing.assert_array_equal(one.theta_true, theta)
        assert one.n_events == pytest.approx(1000 * events.cross_sections([theta])[0])
        assert one.x is None
    assert np.isnan(observed.theta_true).tolist() == [True, True]
    assert observed.n_events == 7
    np.testing.assert_array_equal(observed.x, events.x[:7])


def test_by_default_the_data_are_those_of_the_reference(toy: Make, configure: Make) -> None:
    events = toy(1)
    (one,) = data_sets(configure(events.header), events)
    assert (one.name, one.theta_true.tolist()) == ("expected", [0.0])
