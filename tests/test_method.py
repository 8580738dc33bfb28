"""The identities of docs/method.md that no test of a single module is about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from madminer_workflow.estimators.losses import loss_of
from madminer_workflow.estimators.networks import QuadraticNetwork, seeded, with_one
from madminer_workflow.events import form_coefficients, form_monomials, read_events, read_header
from madminer_workflow.processes import PRESETS
from madminer_workflow.processes.drell_yan.generator import GeneratedEvents, generate
from madminer_workflow.processes.drell_yan.likelihood import ExactLikelihood
from madminer_workflow.processes.drell_yan.quadrature import acceptance_nodes
from madminer_workflow.processes.polynomial import gradients, monomials
from madminer_workflow.statistics import AsimovSums
from madminer_workflow.statistics.histograms import Binning, Data, Templates
from madminer_workflow.statistics.teststatistic import rate_term

Floats = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
THETAS = np.array([[0.4, 0.0], [-0.3, -1.0], [0.2, 1.5]])
"""Points of the default process, to compare with a true point that is not the reference."""
TRUE = np.array([0.5, -0.5])


def pulls(terms: Floats) -> Floats:
    """Sums over events in units of their errors; events are independent."""
    return np.asarray(terms.sum(axis=0) / np.sqrt((terms**2).sum(axis=0)))


# Morphing


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_every_bin_behind_the_detector_is_a_positive_quadratic_form(
    make_event_file: Callable[..., Path], tmp_path: Path, n_parameters: int
) -> None:
    header = read_header(make_event_file(tmp_path / "events.h5", n_parameters, 2000))
    events, (low, high) = read_events(header), header.ranges.T
    reference, *thetas = np.random.default_rng(1).uniform(low, high, (20, n_parameters))
    binning = Binning.quantiles(events.x, np.ones(len(events)), (5, 4))
    forms = binning.fill(events.x, events.weights @ form_coefficients(header, reference)).T
    np.testing.assert_allclose(
        forms @ form_monomials(thetas - reference).T,
        binning.fill(events.x, events.weights_at(thetas)).T,
        rtol=1e-8,
    )
    matrices = np.zeros((len(forms), n_parameters + 1, n_parameters + 1))
    i, j = np.triu_indices(n_parameters + 1)
    matrices[:, i, j] += forms / 2
    matrices[:, j, i] += forms / 2
    factors = np.linalg.cholesky(matrices)  # exists for positive matrices only
    v = np.hstack([np.ones((19, 1)), thetas - reference])
    np.testing.assert_allclose(
        ((v @ factors) ** 2).sum(axis=2), forms @ form_monomials(thetas - reference).T, rtol=1e-8
    )


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_the_mean_of_the_forms_normalises_the_ratio_at_all_points(n_parameters: int) -> None:
    rng = np.random.default_rng(n_parameters)
    x = torch.from_numpy(rng.normal(size=(500, 3)).astype(np.float32))
    thetas = torch.from_numpy(rng.uniform(-1, 1, (40, n_parameters)).astype(np.float32))
    weights = rng.exponential(size=500)
    with seeded(1), torch.no_grad():
        network = QuadraticNetwork(3, (8,), "silu", torch.zeros(1, n_parameters))
        factors = network.factor(x).double().numpy()
        form = np.einsum("e,eij,ekj->ik", weights / weights.sum(), factors, factors)
        network.set_total(form)
        ratios = np.stack([network(t.expand(500, -1), x)[1][:, 0].exp().numpy() for t in thetas])
    v = with_one(thetas).double().numpy()
    squares = (np.einsum("ti,eij->tej", v, factors) ** 2).sum(axis=2)
    mean = squares @ weights / weights.sum()
    np.testing.assert_allclose(mean, np.einsum("ti,ij,tj->t", v, form, v), rtol=1e-12)
    np.testing.assert_allclose(ratios @ weights / weights.sum(), 1.0, rtol=1e-5)


# Losses


def test_the_loss_of_the_quadratic_method_is_least_at_the_ratio_of_the_means() -> None:
    rng, n_bins = np.random.default_rng(1), 5
    x = rng.integers(n_bins, size=300)
    ref, theta = rng.exponential(size=(2, 300)) * (1 + x)
    sums = [np.bincount(x, weights) for weights in (ref, theta)]
    best = np.log(sums[1] / sums[0])

    def loss(log_r: Floats) -> float:
        return float((ref * np.exp(log_r[x]) - theta * log_r[x]).sum())

    for size in (1e-3, 0.3, 2.0):
        error = size * rng.normal(size=n_bins)
        excess = sums[1] @ (np.exp(error) - 1 - error)
        assert excess > 0
        assert loss(best + error) - loss(best) == pytest.approx(excess, rel=1e-6)
    assert loss(best) == pytest.approx(sums[1].sum() - sums[1] @ best)


@pytest.mark.parametrize("method", ["carl", "alice", "rolr"])
def test_the_losses_of_ratios_are_least_at_the_true_ratio(method: str) -> None:
    # how often each pair of x (row) and latent z (column) occurs at theta and at the reference
    counts = np.array([[[6, 2], [1, 3], [4, 4]], [[2, 6], [5, 3], [1, 3]]])
    truth = np.log(counts.sum(axis=2)[0] / counts.sum(axis=2)[1])
    y, x, z = np.indices(counts.shape).reshape(3, -1).repeat(counts.ravel(), axis=1)
    columns = (y, counts[0, x, z] / counts[1, x, z])
    labels, joint = (torch.from_numpy(column[:, None].astype(float)) for column in columns)
    log_r = torch.from_numpy(truth).requires_grad_()
    values = log_r[x][:, None]
    loss = loss_of(method, 0.0)(
        torch.sigmoid(-values), values, None, None, labels, joint, None, None
    )
    gradient, *_ = torch.autograd.grad(loss, log_r, create_graph=True)
    np.testing.assert_allclose(gradient.detach(), 0.0, atol=1e-12)
    curvature = [torch.autograd.grad(g, log_r, retain_graph=True)[0] for g in gradient]
    assert np.linalg.eigvalsh(torch.stack(curvature)).min() > 0


# The exact likelihood


@pytest.fixture(scope="module")
def dy2() -> ExactLikelihood:
    return ExactLikelihood(PRESETS["dy2"])


@pytest.fixture(scope="module")
def simulated() -> GeneratedEvents:
    return generate(PRESETS["dy2"], 50_000, 3)


def normalised_weights(simulated: GeneratedEvents, dy2: ExactLikelihood, thetas: Floats) -> Floats:
    """Weights whose expected sum is one, (event, theta)."""
    morphing = monomials(thetas) @ np.linalg.inv(monomials(simulated.preset.benchmarks))
    return np.asarray(simulated.weights @ morphing.T / dy2.cross_sections(thetas))


def test_both_means_of_the_exact_ratio_are_one_by_quadrature(dy2: ExactLikelihood) -> None:
    nodes = acceptance_nodes(dy2.preset.m_min)
    log_m, y = (
        np.broadcast_to(a[..., None], nodes.r.shape) for a in (nodes.log_m[:, None], nodes.y)
    )
    x = np.stack([np.exp(log_m), np.tanh(nodes.r), y], axis=-1).reshape(-1, 3)
    measure = nodes.weights.ravel() * x[:, 0] * (1 - x[:, 1] ** 2)  # dm dcos dy
    seen = dy2.density(x, [TRUE])[:, 0] * measure > 1e-16
    x, measure = x[seen], measure[seen]
    log_r = dy2.log_ratio(x, [*THETAS, TRUE], [0.0, 0.0])
    density = dy2.density(x, [[0.0, 0.0], *THETAS]) * measure[:, None]
    density /= dy2.cross_sections([[0.0, 0.0], *THETAS])
    np.testing.assert_allclose(density[:, 0] @ np.exp(log_r), 1.0, rtol=1e-9)
    inverse = np.exp(log_r[:, 3:] - log_r[:, :3])
    np.testing.assert_allclose((density[:, 1:] * inverse).sum(axis=0), 1.0, rtol=1e-9)


def test_both_means_of_the_exact_ratio_are_one_in_simulation(
    dy2: ExactLikelihood, simulated: GeneratedEvents
) -> None:
    ref, true, *_ = weights = normalised_weights(
        simulated, dy2, np.vstack([[[0.0, 0.0], TRUE], THETAS])
    ).T
    log_r = dy2.log_ratio(simulated.x, [TRUE, *THETAS], [0.0, 0.0]).T
    assert np.abs(pulls((ref * np.exp(log_r) - ref).T)).max() < 4
    assert np.abs(pulls((weights[2:] * np.exp(log_r[0] - log_r[1:]) - true).T)).max() < 4


def test_the_score_is_the_mean_of_the_joint_score(
    dy2: ExactLikelihood, simulated: GeneratedEvents
) -> None:
    components = simulated.weights @ np.linalg.inv(monomials(simulated.preset.benchmarks)).T
    step = 0.1 * np.eye(2)  # differences are exact for a polynomial of second degree
    ends = [dy2.cross_sections(TRUE + sign * step) for sign in (1, -1)]
    rate = (ends[0] - ends[1]) / 0.2 / dy2.cross_sections(TRUE)
    weights = components @ monomials(TRUE)
    joint = components @ gradients(TRUE).T / weights[:, None] - rate
    difference = weights[:, None] * (joint - dy2.score(simulated.x, TRUE))
    for feature in (np.ones(len(simulated)), simulated.x[:, 3], simulated.x[:, 1]):
        assert np.abs(pulls(feature[:, None] * difference)).max() < 4


@pytest.mark.parametrize("theta_true", [[0.0, 0.0], [0.5, -0.5], [-1.2, 3.0]])
def test_the_expected_test_statistic_is_zero_at_the_truth_only(
    dy2: ExactLikelihood, theta_true: list[float]
) -> None:
    rng = np.random.default_rng(1)
    thetas = theta_true + rng.normal(size=(200, 2)) * rng.choice([1e-3, 0.1, 1.0], (200, 1))
    expected = dy2.asimov_q([theta_true, *thetas], theta_true, 3e5)
    assert np.abs([expected.q_kinematics[0], expected.q_full[0]]).max() < 1e-9
    assert expected.q_kinematics[1:].min() > 0
    assert (expected.q_full >= expected.q_kinematics).all()


def test_kinematics_and_rate_are_the_extended_likelihood(
    dy2: ExactLikelihood, simulated: GeneratedEvents
) -> None:
    luminosity, x = 1e5, simulated.x[:600]
    thetas = np.vstack([TRUE, THETAS])
    predicted = luminosity * dy2.cross_sections(thetas)
    extended = np.log(luminosity * dy2.density(x, thetas)).sum(axis=0) - predicted
    kinematics = dy2.log_ratio(x, thetas, [0.0, 0.0]).sum(axis=0)
    q = rate_term(600, predicted) - 2 * kinematics
    np.testing.assert_allclose(q - q[0], -2 * (extended - extended[0]), rtol=1e-9)


# Expected likelihoods from weighted events


def relative_to_truth(log_likelihood: Floats) -> Floats:
    """Relative to the true point, which is the last one of the grid here."""
    return np.asarray(log_likelihood - log_likelihood[-1])


def test_the_error_of_the_corrected_likelihood_is_of_second_order_and_has_a_sign() -> None:
    rng, n = np.random.default_rng(1), 2000
    x, latent = rng.integers(10, size=n), rng.exponential(size=(n, 4))
    weights = latent * np.exp(0.1 * x[:, None] * [-1, 1, 2, 0.5])  # the last point is the truth
    ref = rng.exponential(size=n)
    shares = Binning.rectangular([np.arange(9) + 0.5]).fill(
        x[:, None], np.column_stack([weights, ref])
    )
    shares /= shares.sum(axis=1, keepdims=True)
    exact = np.log(shares[:4] / shares[4]).T
    for size in (1e-3, 0.1, 1.0):
        learned = exact + size * rng.normal(size=(10, 4))
        sums = AsimovSums(5)
        sums.add(learned[x][:, [0, 1, 2, 3, 3]], weights[:, [0, 1, 2, 3, 3]], ref)
        result = sums.result([100.0], 1)
        error = learned - result.log_normalisation - exact
        error -= error[:, [3]]
        remainder = shares[3] @ (error + np.exp(-error) - 1)
        corrected = result.expected[0].corrected
        assert corrected is not None
        found = relative_to_truth(corrected) - 100 * shares[3] @ (exact - exact[:, [3]])
        np.testing.assert_allclose(found, 100 * remainder, rtol=1e-6, atol=1e-10)
        assert (found[:3] > 0).all()


@pytest.mark.parametrize(("true", "spread"), [(0.2, 0.6), (0.0, 0.6), (0.0, 0.0)])
def test_each_event_moves_an_expected_likelihood_by_its_influence(
    true: float, spread: float
) -> None:
    n, means = 20_000, np.array([-0.4, 0.3, true])
    rng = np.random.default_rng(1)
    x, latent = rng.normal(size=(n, 1)), rng.choice([-1.0, 1.0], (n, 1))
    log_r = x * means - means**2 / 2
    weights = np.exp(log_r) * (1 + spread * latent * [1.0, -0.5, true])
    sums, points = AsimovSums(4), [0, 1, 2, 2]
    sums.add(log_r[:, points], weights[:, points], np.ones(n))
    result = sums.result([1.0], 1)
    raw, corrected = result.expected[0].raw, result.expected[0].corrected
    assert raw is not None
    assert corrected is not None
    truth = relative_to_truth(means * true - means**2 / 2)
    log_rho = log_r - log_r[:, [2]]
    mean = weights[:, [2]] * (log_rho - truth)
    influences = [
        (raw, mean),
        (raw - result.log_normalisation, mean - np.exp(log_r) + np.exp(log_r[:, [2]])),
        (corrected, mean + weights * (np.exp(-log_rho) - 1)),
    ]
    for found, influence in influences:
        beyond = relative_to_truth(found) - truth - influence.mean(axis=0)
        assert (np.abs(beyond) <= 0.05 * influence.std(axis=0) / np.sqrt(n)).all()
    before, normalised, after = (influence.var(axis=0)[:2] for _, influence in influences)
    assert (normalised < 0.2 * before).all()
    if true == 0.0:  # the reference, where all weights are equal
        cost = ((weights - np.exp(log_r)) * (np.exp(-log_rho) - 1)).var(axis=0)[:2]
        np.testing.assert_allclose(after, normalised + cost, rtol=0.05)


def test_finer_histograms_exclude_more_up_to_what_the_weights_of_the_events_do() -> None:
    rng, n = np.random.default_rng(1), 500
    x, latent = rng.uniform(size=(n, 1)), rng.exponential(size=(n, 3))
    weights = latent * np.exp(x * [0.0, 1.0, -0.5])
    data, found = Data(x, weights[:, 0], 100.0), [np.zeros(2)]
    for n_bins in (2, 8, 64, 512):
        binning = Binning.rectangular([np.arange(1, n_bins) / n_bins])
        templates = Templates(binning, binning.fill(x, weights))
        log_likelihood = templates.log_likelihood(np.eye(3), data)
        found.append(2 * (log_likelihood[0] - log_likelihood[1:]))
    shares = weights / weights.sum(axis=0)
    joint = shares[:, 0] @ np.log(shares[:, [0]] / shares[:, 1:])
    found.append(200 * joint)
    assert (np.diff(found, axis=0) > 0).all()


# The page itself


def test_the_tests_that_the_page_names_exist() -> None:
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \| `(tests/[\w/]+\.py)` \| `(test_\w+)` \|$", text, re.MULTILINE)
    assert len(rows) >= 20
    for path, name in rows:
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), name
    here = re.findall(r"^def (test_\w+)", Path(__file__).read_text(encoding="utf-8"), re.MULTILINE)
    assert {*here[:-1]} == {name for path, name in rows if path == "tests/test_method.py"}
