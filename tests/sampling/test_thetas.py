from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from madminer_workflow.configuration.model import Prior, Thetas
from madminer_workflow.errors import InputError
from madminer_workflow.events import Events, Header
from madminer_workflow.sampling import points


@pytest.fixture
def header(toy: Callable[..., Events]) -> Header:
    """Parameters a in [-1.5, 2] and b in [-2, 2]."""
    return toy(10).header


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_benchmarks(header: Header, rng: np.random.Generator) -> None:
    one = points(Thetas("benchmark", ("b4",)), header, rng)
    np.testing.assert_array_equal(one, [[2, 1.8]])
    two = points(Thetas("benchmarks", ("b4", "sm")), header, rng)
    np.testing.assert_array_equal(two, [[2, 1.8], [0, 0]])


def test_explicit_points_may_lie_on_the_edge(header: Header, rng: np.random.Generator) -> None:
    given = ((-1.5, 2.0), (0.1, 0.2))
    np.testing.assert_array_equal(
        points(Thetas("morphing_points", points=given), header, rng), given
    )


def test_explicit_points_outside_the_range_are_refused(
    header: Header, rng: np.random.Generator
) -> None:
    thetas = Thetas("morphing_points", points=((0.0, 0.0), (2.1, 0.0)))
    with pytest.raises(
        InputError,
        match=r"carl\.theta_0: \(2\.1, 0\.0\), allowed: a in \[-1\.5, 2\], b in \[-2, 2\]",
    ):
        points(thetas, header, rng, "carl.theta_0")


@pytest.mark.parametrize(
    "thetas",
    [
        Thetas("morphing_points", points=((0.0, 0.0),)),
        Thetas("random_morphing_points", number=3, priors=(Prior("flat", -1, 1),) * 2),
    ],
)
def test_points_need_morphing(header: Header, rng: np.random.Generator, thetas: Thetas) -> None:
    with pytest.raises(InputError, match=f"theta: {thetas.method}, but toy.h5 has no morphing"):
        points(thetas, replace(header, morphing=None), rng)


def test_random_points_follow_their_priors(
    header: Header, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    priors = (Prior("flat", -1, 0.5), Prior("gaussian", 0.3, 0.1))
    drawn = points(Thetas("random_morphing_points", number=20_000, priors=priors), header, rng)
    assert drawn.shape == (20_000, 2)
    assert stats.kstest(drawn[:, 0], stats.uniform(-1, 1.5).cdf).pvalue > 0.01
    assert stats.kstest(drawn[:, 1], stats.norm(0.3, 0.1).cdf).pvalue > 0.01
    assert not caplog.records


def test_random_points_outside_the_ranges_are_drawn_again(
    header: Header, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    priors = (Prior("flat", -1, 3), Prior("gaussian", 1, 1))
    thetas = Thetas("random_morphing_points", number=20_000, priors=priors)
    with caplog.at_level(logging.WARNING):
        drawn = points(thetas, header, rng, "alices.theta_0")
    assert stats.kstest(drawn[:, 0], stats.uniform(-1, 3).cdf).pvalue > 0.01
    assert stats.kstest(drawn[:, 1], stats.truncnorm(-3, 1, loc=1).cdf).pvalue > 0.01
    (record,) = caplog.records
    outside = 100 * (1 - 0.75 * (stats.norm.cdf(1) - stats.norm.cdf(-3)))
    assert "alices.theta_0.prior" in record.message
    assert float(record.message.split()[1]) == pytest.approx(outside, abs=1.5)


def test_a_prior_outside_the_ranges_is_refused(header: Header, rng: np.random.Generator) -> None:
    priors = (Prior("flat", 5, 6), Prior("flat", -1, 1))
    with pytest.raises(InputError, match=r"theta\.prior: hardly a point .* a in \[-1\.5, 2\]"):
        points(Thetas("random_morphing_points", number=5, priors=priors), header, rng)
