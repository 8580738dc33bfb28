import numpy as np
import pytest
from scipy.stats import chi2

from madminer_workflow.processes import PRESETS, make_preset
from madminer_workflow.processes.drell_yan.generator import generate
from madminer_workflow.processes.drell_yan.likelihood import ExactLikelihood

LUMINOSITY = PRESETS["dy2"].luminosity_ipb


@pytest.fixture(scope="module")
def dy2() -> ExactLikelihood:
    return ExactLikelihood(PRESETS["dy2"])


def grid(likelihood: ExactLikelihood, points: int) -> np.ndarray:
    axes = [np.linspace(low, high, points) for low, high in likelihood.preset.ranges]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def test_cross_sections_agree_with_the_reference(dy2, reference):
    *thetas, sigma = np.array(reference("cross_sections")["rows"]).T
    np.testing.assert_allclose(dy2.cross_sections(np.transpose(thetas)), sigma, rtol=1e-8)
    assert dy2.cross_sections([0.0, 0.0]) == pytest.approx(0.0063214467762, rel=1e-8)


def test_densities_agree_with_the_reference(dy2, reference):
    expected = reference("densities")
    components = dy2.density_components(expected["x"])
    np.testing.assert_allclose(components, expected["components"], rtol=1e-8)
    density = dy2.density(expected["x"], [[0.0, 0.0]])[:, 0]
    np.testing.assert_allclose(density, expected["sm_density"], rtol=1e-8)


def test_log_ratios_agree_with_the_reference(dy2, reference):
    expected = reference("densities")
    log_ratio = dy2.log_ratio(expected["x"], expected["thetas"], [0.0, 0.0])
    np.testing.assert_allclose(log_ratio, expected["log_r"], rtol=0, atol=1e-8)


def test_fisher_information_agrees_with_the_reference(dy2, reference):
    information = dy2.fisher_information([0.0, 0.0], LUMINOSITY)
    for name, expected in reference("fisher").items():
        np.testing.assert_allclose(getattr(information, name), expected, rtol=1e-7)


def test_expected_likelihood_agrees_with_the_reference(dy2, reference):
    expected = reference("asimov")
    rows = np.array(expected["rows"])
    found = dy2.asimov_q(rows[:, :2], [0.0, 0.0], LUMINOSITY)
    assert found.n_expected == pytest.approx(expected["n_expected"], rel=1e-8)
    np.testing.assert_allclose(found.q_kinematics, rows[:, 2], rtol=1e-7)
    np.testing.assert_allclose(found.q_full, rows[:, 3], rtol=1e-7)


def test_allowed_region_agrees_with_the_reference(dy2, reference):
    found = dy2.asimov_q(grid(dy2, 41), [0.0, 0.0], LUMINOSITY)
    for name, n_inside in reference("asimov")["inside_95"].items():
        q = getattr(found, f"q_{name}")
        assert np.count_nonzero(chi2.sf(q, df=2) > 0.05) == n_inside


def test_fisher_information_is_the_curvature_of_the_expected_likelihood():
    preset = make_preset("mine", {"c_lq1": (-1, 1), "c_lq3": (-1, 1), "c_ed": (-1, 1)}, m_min=400.0)
    likelihood, theta_true = ExactLikelihood(preset), np.array([0.3, -0.2, 1.0])
    information = likelihood.fisher_information(theta_true, 1e4)
    np.testing.assert_allclose(information.full, information.rate + information.kinematics)
    step = 1e-3 * np.array([1.0, -2.0, 0.5])
    found = likelihood.asimov_q([theta_true - step, theta_true, theta_true + step], theta_true, 1e4)
    for q, matrix in (
        (found.q_kinematics, information.kinematics),
        (found.q_full, information.full),
    ):
        assert q[1] == pytest.approx(0, abs=1e-9)
        assert q[[0, 2]].mean() == pytest.approx(step @ matrix @ step, rel=1e-4)


def test_density_is_symmetric_under_exchange_of_the_protons(dy2):
    x = np.array([[1200.0, 0.5, 0.8], [1200.0, 0.5, -0.8]])
    components = dy2.density_components(x)
    np.testing.assert_allclose(components[0], components[1])


def test_score_is_the_slope_of_the_log_ratio(dy2):
    x, theta, step = [[1100.0, 0.3, 0.2], [2500.0, -0.4, 1.0]], np.array([0.5, -1.0]), 1e-5
    shifted = np.concatenate([theta + step * np.eye(2), theta - step * np.eye(2)])
    log_ratio = dy2.log_ratio(x, shifted, theta)
    slopes = (log_ratio[:, :2] - log_ratio[:, 2:]) / (2 * step)
    np.testing.assert_allclose(dy2.score(x, theta), slopes, rtol=1e-7)


def test_log_likelihood_of_data_adds_ratios_and_poisson_rate(dy2):
    x = generate(dy2.preset, 5000, 1).x
    thetas = np.array([[0.0, 0.0], [1.0, -2.0]])
    found = dy2.log_likelihood(x, thetas, LUMINOSITY)
    ratios = dy2.log_ratio(x, thetas, thetas[0]).sum(axis=0)
    np.testing.assert_allclose(found.kinematics - found.kinematics[0], ratios, rtol=1e-9)
    n_expected = LUMINOSITY * dy2.cross_sections(thetas)
    rate = 5000 * np.log(n_expected[1] / n_expected[0]) - n_expected[1] + n_expected[0]
    assert found.rate[1] - found.rate[0] == pytest.approx(rate)
    np.testing.assert_allclose(found.full, found.kinematics + found.rate)


@pytest.mark.parametrize("name", PRESETS)
def test_simulation_agrees_with_the_exact_ratio(name):
    likelihood = ExactLikelihood(PRESETS[name])
    events = generate(likelihood.preset, 40_000, 7)
    thetas = likelihood.preset.benchmarks
    ratios = np.exp(likelihood.log_ratio(events.x, thetas, thetas[0]))
    normalised = events.weights / likelihood.cross_sections(thetas)
    features = np.stack([np.ones(len(events)), events.x[:, 3], events.x[:, 1]], axis=1)
    for feature in features.T:
        # the exact ratio is the mean of that of truth and detector together
        difference = feature[:, None] * (normalised - normalised[:, :1] * ratios)[:, 1:]
        pulls = difference.sum(axis=0) / np.sqrt((difference**2).sum(axis=0))
        assert np.abs(pulls).max() < 4


def test_simulation_agrees_with_the_expected_likelihood(dy2):
    events = generate(dy2.preset, 100_000, 5)
    thetas = np.array([[0.5, 0.5], [-1.0, -1.0], [1.8, -2.0], [-1.5, 3.5]])
    weights = events.weights[:, 0] / dy2.cross_sections([0.0, 0.0])
    n_expected = dy2.cross_sections([0.0, 0.0]) * LUMINOSITY
    terms = -2 * n_expected * weights[:, None] * dy2.log_ratio(events.x, thetas, [0.0, 0.0])
    exact = dy2.asimov_q(thetas, [0.0, 0.0], LUMINOSITY).q_kinematics
    pulls = (terms.sum(axis=0) - exact) / np.sqrt((terms**2).sum(axis=0))
    assert np.abs(pulls).max() < 4


def test_what_is_generated_is_accepted(dy2):
    x = generate(PRESETS["dy2"], 2000, 1).x
    assert dy2.accepted(x).all()
    assert dy2.accepted(np.round(x, 2)).mean() > 0.99
    lowest = x[x[:, 0].argmin()] * [0.0, 1, 1, 1, 1, 1, 1]
    assert not dy2.accepted([lowest]).any()


@pytest.mark.parametrize(
    ("event", "is_accepted"),
    [
        ((1000.0, 0.2, 0.3), True),
        ((998.0, 0.2, 0.3), False),
        ((1200.0, 0.2, 2.29), True),
        ((1200.0, 0.2, -2.31), False),
        ((1200.0, -0.99, 0.0), False),
        ((1200.0, 1.5, 0.0), False),
        ((0.0, 0.2, 0.3), False),
        ((-5.0, 0.2, 0.3), False),
    ],
)
def test_cuts(dy2, event, is_accepted):
    assert dy2.accepted([event, (1200.0, 0.0, 0.0)]).tolist() == [is_accepted, True]
