from __future__ import annotations

import numpy as np
import pytest

from madminer_workflow.estimators.redundancy import independent


@pytest.mark.parametrize("n_events", [2000, 30_000])
def test_functions_of_columns_before_are_found(n_events: int) -> None:
    rng = np.random.default_rng(1)
    u, v, w = rng.normal(size=(3, n_events))
    functions = [2 * u - v, np.tanh(u), u * v, np.hypot(u, w)]
    assert independent(np.stack([u, v, w, *functions], axis=1)).tolist() == [0, 1, 2]


def test_a_resolution_of_percents_is_no_function() -> None:
    rng = np.random.default_rng(1)
    u, v = rng.normal(size=(2, 5000))
    smeared = u + v + 0.1 * rng.normal(size=5000)
    assert independent(np.stack([u, v, smeared], axis=1)).tolist() == [0, 1, 2]


def test_constants_are_left_out() -> None:
    x = np.random.default_rng(1).normal(size=(1000, 3)) * [1, 0, 1]
    assert independent(x).tolist() == [0, 2]


def test_few_events_leave_all_columns() -> None:
    assert independent(np.eye(4)).tolist() == [0, 1, 2, 3]
