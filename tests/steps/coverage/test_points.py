from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.statistics import grid
from madminer_workflow.steps.coverage.points import chosen_points, given_points

Make = Callable[..., Any]


def test_chosen_points_lie_in_the_region_far_from_each_other(
    drell_yan: Make, configure: Make, truth: Make, known_member: Make
) -> None:
    events = drell_yan("dy2")
    limits = {"resolutions": [25, 25]}
    configuration = configure(events.header, luminosity=300_000, asymptotic_limits=limits)
    member = known_member(configuration, truth(events.header, "alices"), events)
    points = chosen_points(events, configuration.limits, [member])
    assert points.shape == (6, 2)
    np.testing.assert_array_equal(points[0], [0.0, 0.0])
    expected = truth(events.header, "alices").likelihood.asimov_q(points, [0.0, 0.0], 300_000)
    assert (expected.q_full < 8.0).all()  # 5.99 for what the finite events expect
    assert expected.q_full.max() > 4.0
    widths = np.ptp(events.header.ranges, axis=1)
    distances = np.linalg.norm((points[:, None] - points) / widths, axis=2)
    assert distances[np.triu_indices(6, 1)].min() > 0.1
    axes = grid.axes(configuration.limits.region, configuration.limits.resolutions)
    for value, axis in zip(points[1:].T, axes, strict=True):
        assert np.isin(value.round(9), axis[1:-1].round(9)).all()
    again = chosen_points(events, configuration.limits, [member, member])
    np.testing.assert_array_equal(again, points)


def test_given_points(toy: Make, configure: Make) -> None:
    events = toy(2)
    limits = configure(events.header).limits
    points = given_points(events, limits, [(0, 0), (1.5, -2)])
    np.testing.assert_array_equal(points, [[0.0, 0.0], [1.5, -2.0]])


@pytest.mark.parametrize(
    ("theta", "message"),
    [
        ((0.0,), r"theta: 0, expected one number for each of c_u, c_d"),
        ((0.0, 1.0, 2.0), r"theta: 0, 1, 2, expected one number for each of c_u, c_d"),
        ((0.0, 9.0), r"theta: c_d = 9, allowed: -2 to 2.5, the scanned region"),
        ((float("nan"), 0.0), r"theta: c_u = nan, allowed: -1 to 1.5, the scanned region"),
    ],
)
def test_points_that_cannot_be_tried(
    toy: Make, configure: Make, theta: tuple[float, ...], message: str
) -> None:
    events = toy(2)
    with pytest.raises(InputError, match=f"^{message}$"):
        given_points(events, configure(events.header).limits, [(0.0, 0.0), theta])
