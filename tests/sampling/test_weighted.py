from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from madminer_workflow.configuration.model import Method, Prior, Sampling, Thetas, Training
from madminer_workflow.errors import InputError
from madminer_workflow.events import Events, form_monomials
from madminer_workflow.sampling import Samples, weighted_samples

RANDOM = Thetas("random_morphing_points", number=11, priors=(Prior("flat", -1, 1),) * 2)


@pytest.fixture
def method() -> Method:
    sampling = Sampling(RANDOM, Thetas("benchmark", ("b1",)), 1, 1, 1, 0.0)
    training = Training(1, 2, 1, (5,), "silu", 1, 10, 0.1, 0.1, 1, 0)
    return Method("quadratic", "parameterized", sampling, training)


def test_every_event_comes_with_its_weights(method: Method, toy: Callable[..., Events]) -> None:
    events = toy(500)
    samples = weighted_samples(method, events, np.random.default_rng(1))
    assert samples.forms is not None
    assert samples.forms[:, 0].mean() == pytest.approx(1.0)
    np.testing.assert_array_equal(samples.x, events.x)
    np.testing.assert_array_equal(samples.theta_ref, [events.header.theta("b1")])
    thetas = samples.theta[:9]
    relative = samples.forms @ form_monomials(thetas - samples.theta_ref).T
    reference = events.weights_at(samples.theta_ref).mean()
    np.testing.assert_allclose(relative, events.weights_at(thetas) / reference, rtol=1e-8)
    assert samples.y is None
    assert samples.n_thetas == len(np.unique(samples.theta, axis=0)) == 11
    counts = np.unique(samples.theta, axis=0, return_counts=True)[1]
    assert np.ptp(counts) <= 1


def test_several_reference_points_are_refused(method: Method, toy: Callable[..., Events]) -> None:
    two = replace(method.sampling, theta_1=Thetas("benchmarks", ("sm", "b1")))
    with pytest.raises(InputError, match=r"^quadratic.theta_1: 2 points, allowed: one$"):
        weighted_samples(replace(method, sampling=two), toy(50), np.random.default_rng(1))


def test_some_of_the_samples(method: Method, toy: Callable[..., Events], tmp_path: Path) -> None:
    samples = weighted_samples(method, toy(50), np.random.default_rng(1))
    some = samples.take(np.array([3, 1, 40]))
    some.save(tmp_path, "train")
    again = Samples.load(tmp_path, "train")
    assert (len(again), again.y, again.t_xz) == (3, None, None)
    for name in ("x", "theta", "forms"):
        np.testing.assert_array_equal(vars(again)[name], vars(samples)[name][[3, 1, 40]])
