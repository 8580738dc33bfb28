from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from madminer_workflow.statistics import grid, histograms
from madminer_workflow.statistics.histograms import Binning, Data

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Toy:
    """Events x ~ N(0, 1) in two dimensions with weights (1 + theta . x)^2, quadratic in theta."""

    x: Floats
    weights: Floats

    @classmethod
    def make(cls, n: int, seed: int = 1) -> "Toy":
        x = np.random.default_rng(seed).normal(size=(n, 2))
        return cls(x, (1.0 + x @ cls.benchmarks().T) ** 2 / n)

    @staticmethod
    def benchmarks() -> Floats:
        return np.array([[0, 0], [0.5, 0], [0, 0.5], [-0.5, 0], [0, -0.5], [0.4, 0.4]])

    @classmethod
    def morphing(cls, thetas: Floats) -> Floats:
        def monomials(points: Floats) -> Floats:
            a, b = np.asarray(points, float).T
            return np.stack([np.ones_like(a), a, b, a**2, a * b, b**2], axis=1)

        return np.asarray(monomials(thetas) @ np.linalg.inv(monomials(cls.benchmarks())))


def test_bins_are_quantiles_that_narrow_towards_the_ends() -> None:
    rng = np.random.default_rng(1)
    x, weights = rng.normal(size=100_000), rng.uniform(size=100_000)
    binning = Binning.quantiles(x[:, None], weights, [4])
    levels = np.array([0.5 - np.sqrt(0.125), 0.5, 0.5 + np.sqrt(0.125)])
    np.testing.assert_allclose(binning.cuts[0][0], norm.ppf(levels), atol=0.02)
    contents = binning.fill(x[:, None], weights[:, None])[0] / weights.sum()
    np.testing.assert_allclose(contents, np.diff([0.0, *levels, 1.0]), atol=1e-4)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 3),
    st.integers(200, 2000),
    st.integers(0, 99),
    st.lists(st.integers(1, 4), min_size=3),
)
def test_bins_are_filled_as_planned_however_values_are_correlated(
    dimension: int, n: int, seed: int, n_bins: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, dimension)) @ rng.normal(size=(dimension, dimension))
    binning = Binning.quantiles(values, np.ones(n), n_bins[:dimension])
    assert binning.n_bins == np.prod(n_bins[:dimension])
    counts = np.bincount(binning.index(values), minlength=binning.n_bins)
    expected = np.array([float(n)])
    for bins in n_bins[:dimension]:
        shares = -0.5 * np.diff(np.cos(np.pi * np.arange(bins + 1) / bins))
        expected = np.outer(expected, shares).ravel()
    np.testing.assert_allclose(counts, expected, atol=dimension + 0.01)


def test_last_dimension_runs_fastest_and_outer_bins_are_open() -> None:
    binning = Binning.rectangular([[0.0], [10.0, 20.0]])
    values = np.array([[-1e9, 15.0], [0.0, -1e9], [0.0, 10.0], [1e9, 1e9]])
    assert binning.index(values).tolist() == [1, 3, 4, 5]


def test_discrete_values_share_bins() -> None:
    values = np.repeat([1.0, 2.0, 3.0], [10, 80, 10])[:, None]
    binning = Binning.quantiles(values, np.ones(100), [10])
    contents = binning.fill(values, np.ones((100, 1)))[0]
    assert sorted(contents[contents > 0]) == [10.0, 10.0, 80.0]


@settings(deadline=None, max_examples=25)
@given(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_templates_are_the_histograms_of_reweighted_events(a: float, b: float) -> None:
    toy, theta = Toy.make(3000), np.array([[a, b]])
    templates = histograms.templates(toy.x, toy.weights, (3, 4))
    weights = (1.0 + toy.x @ theta[0]) ** 2
    direct = templates.binning.fill(toy.x, weights[:, None])[0]
    probabilities = templates.probabilities(toy.morphing(theta))[0]
    np.testing.assert_allclose(probabilities, direct / direct.sum(), atol=1e-10)


def test_bins_resolve_what_the_benchmarks_see_not_the_first_one() -> None:
    rng = np.random.default_rng(1)
    x = rng.exponential(size=(20_000, 1))
    weights = np.column_stack([np.ones(20_000), np.exp(0.9 * x[:, 0])])
    tail = histograms.templates(x, weights, [10]).binning.cuts[0][0, -1]
    assert tail > 2.0 * np.quantile(x, 0.9)


def test_more_bins_approach_the_exact_likelihood() -> None:
    toy, theta = Toy.make(200_000), np.array([[0.3, 0.0], [0.0, 0.0]])
    data = Data(toy.x, np.ones(len(toy.x)), 100.0)
    exact = -2.0 * 100.0 * np.mean(np.log((1.0 + toy.x @ theta[0]) ** 2 / (1.0 + 0.09)))
    found = []
    for n_bins in (2, 6, 30):
        templates = histograms.templates(toy.x, toy.weights, (n_bins, 2))
        log_likelihood = templates.log_likelihood(toy.morphing(theta), data)
        found.append(-2.0 * (log_likelihood[0] - log_likelihood[1]))
    assert found[0] < found[1] < found[2] < exact
    assert found[2] == pytest.approx(exact, rel=0.1)


def test_expected_data_at_the_template_point_fit_best_there() -> None:
    toy = Toy.make(20_000)
    thetas = grid.points(grid.axes([(-0.4, 0.4), (-0.2, 0.2)], [9, 5]))
    templates = histograms.templates(toy.x, toy.weights, (8, 8))
    data = Data(toy.x, (1.0 + toy.x @ [0.2, -0.1]) ** 2, 100.0)
    best = thetas[templates.log_likelihood(toy.morphing(thetas), data).argmax()]
    np.testing.assert_allclose(best, [0.2, -0.1], atol=1e-12)


def test_an_empty_bin_excludes_without_infinities() -> None:
    templates = histograms.Templates(Binning.rectangular([[0.0]]), np.array([[1.0, 0.0]]))
    data = Data(np.array([[-1.0], [1.0]]), np.ones(2), 2.0)
    found = templates.log_likelihood(np.ones((1, 1)), data)[0]
    assert found == pytest.approx(np.log(1e-12), abs=1e-6)
    nothing = histograms.Templates(Binning.rectangular([[0.0]]), np.array([[-1.0, 0.0]]))
    np.testing.assert_allclose(nothing.probabilities(np.ones((1, 1))), 0.5)


def sallino_by_hand(toy: Toy, theta: Floats, n_bins: int, data_weights: Floats) -> float:
    """The same on events instead of cells, for one point."""
    projection = toy.x @ theta
    binning = Binning.quantiles(projection[:, None], histograms.mixture(toy.weights), [n_bins])
    at_theta = ((1.0 + projection) ** 2)[:, None]
    h, h_ref, data = (
        binning.fill(projection[:, None], w)[0]
        for w in (at_theta, np.ones_like(at_theta), data_weights[:, None])
    )
    return float(data / data.sum() @ np.log(h / h.sum() / (h_ref / h_ref.sum())))


def test_sallino_is_the_histogram_of_the_score_along_each_direction() -> None:
    toy = Toy.make(40_000)
    thetas = np.array([[0.3, 0.1], [-0.2, 0.25], [0.0, -0.4], [0.0, 0.0]])
    data_weights = (1.0 + toy.x @ [0.1, 0.1]) ** 2
    # 2 x is the score of (1 + theta . x)^2 at zero
    templates = histograms.sallino_templates(2.0 * toy.x, toy.weights, [0.0, 0.0])
    data = Data(2.0 * toy.x, data_weights, 1.0)
    found = templates.log_likelihood(thetas, toy.morphing, data, n_bins=20)
    expected = [sallino_by_hand(toy, theta, 20, data_weights) for theta in thetas[:3]]
    np.testing.assert_allclose(found[:3], expected, atol=3e-3)
    assert found[3] == pytest.approx(0.0, abs=1e-12)


def test_log_densities_of_events_add_up_to_the_likelihood_of_their_histogram() -> None:
    toy = Toy.make(3000)
    thetas = np.array([[0.3, -0.2], [0.0, 0.4]])
    data = Data(toy.x, toy.weights[:, 1], 1.0)
    shares = data.weights / data.weights.sum()
    templates = histograms.templates(toy.x, toy.weights, (5, 5))
    log_density = templates.log_density(toy.morphing(thetas), toy.x)
    expected = templates.log_likelihood(toy.morphing(thetas), data)
    np.testing.assert_allclose(shares @ log_density, expected, rtol=1e-12)
    lines = histograms.sallino_templates(toy.x, toy.weights, [0.0, 0.0])
    log_density = lines.log_density(thetas, toy.morphing, toy.x, 20)
    expected = lines.log_likelihood(thetas, toy.morphing, data, 20)
    np.testing.assert_allclose(shares @ log_density, expected, rtol=1e-12)


def test_sallino_of_one_parameter_is_a_histogram_of_the_score() -> None:
    x = np.random.default_rng(1).normal(size=(4000, 1))
    weights = np.column_stack([np.ones(4000), (1.0 + x[:, 0]) ** 2, (1.0 - x[:, 0]) ** 2])
    benchmarks = np.array([0.0, 1.0, -1.0])

    def morphing(thetas: Floats) -> Floats:
        powers = np.arange(3)
        return np.asarray(thetas**powers @ np.linalg.inv(benchmarks[:, None] ** powers))

    thetas = np.linspace(-0.5, 0.5, 7)[:, None]
    data = Data(x, weights[:, 0], 80.0)
    sallino = histograms.sallino_templates(x, weights, [0.0])
    plain = histograms.templates(x, weights, [20])
    one = sallino.log_likelihood(thetas, morphing, data, n_bins=20)
    other = plain.log_likelihood(morphing(thetas), data)
    np.testing.assert_allclose(one - one[3], other - other[3], atol=0.05)


class NumpyWithOldHistogram:
    """NumPy as MadMiner 0.9.6 expects it: histogramdd takes the keyword `normed`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def histogramdd(*args: Any, normed: bool, **options: Any) -> Any:
        return np.histogramdd(*args, density=normed, **options)


@pytest.mark.parametrize("cuts", [[np.linspace(-2, 2, 12)], [np.linspace(-2, 1, 5), [-1, 0, 2.0]]])
def test_p_values_are_those_of_madminer_for_the_same_bins(
    monkeypatch: pytest.MonkeyPatch, cuts: list[Any]
) -> None:
    histo = pytest.importorskip("madminer.utils.histo")
    monkeypatch.setattr(histo, "np", NumpyWithOldHistogram())
    train, test = Toy.make(3000), Toy.make(800, seed=2)
    thetas = grid.points(grid.axes([(-0.6, 0.6), (-0.5, 0.7)], [7, 5]))
    x, observed = train.x[:, : len(cuts)], test.x[:, : len(cuts)]
    binning = Binning.rectangular(cuts)
    ours = histograms.Templates(binning, binning.fill(x, train.weights)).log_likelihood(
        train.morphing(thetas), Data(observed, np.ones(800), 150.0)
    )
    edges = [np.concatenate([[-9.0], cut, [9.0]]) for cut in cuts]
    theirs = [
        150.0 * histo.Histo(x, weights, edges, epsilon=1e-12).log_likelihood(observed).mean()
        for weights in (train.weights @ train.morphing(thetas).T).T
    ]
    p_values = [chi2.sf(-2.0 * (ll - np.max(ll)), 2) for ll in (ours, np.array(theirs))]
    assert np.ptp(p_values[0]) > 0.9
    np.testing.assert_allclose(p_values[0], p_values[1], atol=1e-10)


def test_default_bins_are_filled() -> None:
    assert histograms.default_bins(1, 500_000) == (50,)
    assert histograms.default_bins(2, 500_000) == (32, 32)
    assert histograms.default_bins(3, 500_000) == (10, 10, 10)
    assert histograms.default_bins(2, 100) == (3, 3)
