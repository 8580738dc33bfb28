from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from madminer_workflow.events import Events
from madminer_workflow.sampling.joint import joint_ratio, joint_score

THETA, REFERENCE = np.array([0.5, -0.4]), np.array([[0, 0], [1, 1]])


def test_the_ratio_is_that_of_normalised_weights(toy: Callable[..., Events]) -> None:
    events = toy(500)
    totals = np.broadcast_to(events.weights.sum(axis=0), events.weights.shape)
    numerator = np.broadcast_to(events.header.weights([THETA]), events.weights.shape)
    ratio = joint_ratio(events.weights, totals, numerator, events.header.weights(REFERENCE))
    density = events.weights_at([THETA, *REFERENCE]) / events.cross_sections([THETA, *REFERENCE])
    np.testing.assert_allclose(ratio, density[:, 0] / density[:, 1:].mean(axis=1), rtol=1e-12)


def test_the_score_is_the_gradient_of_the_log_density(toy: Callable[..., Events]) -> None:
    events, step = toy(500), 1e-5
    totals = np.broadcast_to(events.weights.sum(axis=0), events.weights.shape)
    numerator = np.broadcast_to(events.header.weights([THETA]), events.weights.shape)
    assert events.header.morphing is not None
    gradients = np.broadcast_to(events.header.morphing.gradients([THETA]), (500, 2, 6))
    score = joint_score(events.weights, totals, numerator, gradients)
    moved = np.concatenate([THETA + step * np.eye(2), THETA - step * np.eye(2)])
    log_p = np.log(events.weights_at(moved) / events.cross_sections(moved))
    np.testing.assert_allclose(score, (log_p[:, :2] - log_p[:, 2:]) / (2 * step), atol=1e-6)
    np.testing.assert_allclose(score, events.scores_at(THETA), atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "ratio"),
    [
        ([1.0, 2.0], 1.5),
        ([0.0, 2.0], 0.0),
        ([-1.0, 2.0], 0.0),
        ([2.0, -1.0], np.inf),
        ([0.0, 0.0], 0.0),
    ],
)
def test_a_density_that_is_not_positive_counts_as_zero(weights: list[float], ratio: float) -> None:
    row, totals = np.array([weights]), np.array([[10.0, 30.0]])
    numerator, reference = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert joint_ratio(row, totals, numerator, reference)[0] == pytest.approx(ratio)
    score = joint_score(row, totals, numerator, np.array([[[0.0, 1.0]]]))[0, 0]
    assert score == pytest.approx(weights[1] / weights[0] - 3 if weights[0] > 0 else 0)
