from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import Ensemble, load
from madminer_workflow.events import Events
from madminer_workflow.sampling import PARTS, Samples
from madminer_workflow.statistics import grid
from madminer_workflow.statistics.asimov import N_REPLICAS
from madminer_workflow.steps import evaluate as evaluate_module
from madminer_workflow.steps.data import conditions
from madminer_workflow.steps.evaluate import (
    Part,
    evaluate,
    evaluate_file,
    expectation,
    point_events,
    sums_over,
)
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.storage import sha256

Make = Callable[..., Any]


def points(configuration: Configuration) -> np.ndarray:
    limits = configuration.limits
    return grid.points(grid.axes(limits.region, limits.resolutions))


def expected(evaluation: Evaluation) -> Any:
    """The likelihood of the expected data, whose arrays are taken to exist."""
    return evaluation.likelihoods["expected"]


def rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in x}


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_the_likelihood_is_the_mean_log_ratio(
    toy: Make, configure: Make, oracle: Make, held_out: Make, n_parameters: int
) -> None:
    events = toy(n_parameters)
    configuration = configure(events.header, asymptotic_limits={"resolutions": 4})
    test = held_out(configuration, events)
    thetas = points(configuration)
    evaluation = evaluate(configuration, oracle(test), events)
    weights = test.weights_at(configuration.limits.thetas_true)[:, 0]
    log_ratio = np.log(test.weights_at(thetas) / test.cross_sections(thetas))
    log_ratio -= np.log(weights / weights.sum())[:, None]
    n_expected = 1000 * events.cross_sections(configuration.limits.thetas_true)[0]
    assert list(evaluation.likelihoods) == ["expected"]
    likelihood = expected(evaluation)
    assert likelihood.n_events == pytest.approx(n_expected)
    assert evaluation.n_events == 500
    mean = n_expected * np.average(log_ratio, axis=0, weights=weights)
    assert likelihood.log_likelihood.shape == (4**n_parameters,)
    np.testing.assert_allclose(likelihood.log_likelihood, mean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", ["alices", "sally", "sallino"])
def test_each_true_point_has_data_of_its_own(
    toy: Make, configure: Make, oracle: Make, held_out: Make, method: str
) -> None:
    events, true = toy(2), [[0.3, -0.2], [0, 0], [-0.5, 1]]
    keys = {"methods": [method], "fisher_information": {"bool": False}}

    def evaluated(theta_true: Any) -> Evaluation:
        limits = {"resolutions": 4, "theta_true": theta_true}
        configuration = configure(events.header, asymptotic_limits=limits, **keys)
        return evaluate(configuration, oracle(held_out(configuration, events), method), events)

    together = evaluated(true)
    assert list(together.likelihoods) == ["expected", "expected_2", "expected_3"]
    for likelihood, theta in zip(together.likelihoods.values(), true, strict=True):
        alone = expected(evaluated(theta))
        assert likelihood.n_events == pytest.approx(1000 * events.cross_sections([theta])[0])
        np.testing.assert_allclose(likelihood.log_likelihood, alone.log_likelihood, atol=1e-9)


def test_the_exact_ratio_gives_the_exact_limit(
    drell_yan: Make, configure: Make, truth: Make, held_out: Make
) -> None:
    events = drell_yan("dy2")
    configuration = configure(events.header, luminosity=3e5)
    model = truth(events.header, "alices")
    evaluation = evaluate(configuration, model, events)
    thetas, limits = points(configuration), configuration.limits
    (theta_true,) = limits.thetas_true
    exact = model.likelihood.asimov_q(thetas, theta_true, limits.luminosity_ipb)
    q = -2 * expected(evaluation).plug_in
    # An event with the share s of the weight changes q by -2 N s (log r - r), since E_ref[r] = 1.
    test = held_out(configuration, events)
    shares = test.weights_at([theta_true])[:, 0]
    shares /= shares.sum()
    log_ratio = model.exact_log_ratio(test.x, thetas)
    change = log_ratio - np.exp(log_ratio)
    change -= shares @ change
    error = 2 * exact.n_expected * np.sqrt(shares**2 @ change**2)
    assert np.abs((q - exact.q_kinematics) / np.maximum(error, 1e-9)).max() < 4
    assert np.median(error / exact.q_kinematics) < 0.05
    assert evaluation.largest_offset < 0.02
    # Log ratios are relative to the true point, at which there is nothing to correct.
    q = -2 * expected(evaluation).log_likelihood
    error = 2 * expected(evaluation).replicas_corrected.std(axis=0)
    assert np.abs((q - exact.q_kinematics) / np.maximum(error, 1e-9)).max() < 4
    assert np.median(error / exact.q_kinematics) < 0.05


def test_normalisation_removes_what_does_not_depend_on_the_event(
    toy: Make, configure: Make, oracle: Make, held_out: Make
) -> None:
    events = toy(2)
    configuration = configure(events.header)
    test = held_out(configuration, events)
    bias = lambda thetas: 0.05 + 0.1 * thetas[:, 0] * thetas[:, 1]  # noqa: E731
    right, wrong = (
        evaluate(configuration, oracle(test, **changes), events) for changes in ({}, {"bias": bias})
    )
    np.testing.assert_allclose(right.log_normalisation, 0, atol=1e-12)
    np.testing.assert_allclose(wrong.log_normalisation, bias(points(configuration)), atol=1e-12)
    first, second = expected(right), expected(wrong)
    np.testing.assert_allclose(first.plug_in, first.raw, atol=1e-9)
    np.testing.assert_allclose(second.plug_in, first.plug_in, atol=1e-9)
    np.testing.assert_allclose(second.corrected, first.corrected, atol=1e-9)
    difference = second.raw - first.raw
    np.testing.assert_allclose(difference, first.n_events * bias(points(configuration)))


def test_the_reference_may_be_a_mixture(
    toy: Make, configure: Make, oracle: Make, held_out: Make
) -> None:
    events = toy(2)
    configuration = configure(events.header)
    test = held_out(configuration, events)
    reference = events.header.benchmark_values[[0, 2, 4]]
    one, three = (
        evaluate(configuration, oracle(test, **changes), events)
        for changes in ({}, {"theta_ref": reference})
    )
    np.testing.assert_allclose(three.log_normalisation, 0, atol=1e-12)
    shift = expected(three).log_likelihood - expected(one).log_likelihood
    np.testing.assert_allclose(shift, shift[0], rtol=1e-9)
    assert abs(shift[0]) > 0.1


def test_the_likelihood_grows_with_the_luminosity(
    toy: Make, configure: Make, oracle: Make, held_out: Make
) -> None:
    events = toy(1)
    both = []
    for luminosity in (1000, 3000):
        methods = ["carl", "sally"]
        configuration = configure(events.header, luminosity=luminosity, methods=methods)
        test = held_out(configuration, events)
        both.append([evaluate(configuration, oracle(test, name), events) for name in methods])
    for small, large in zip(*both, strict=True):
        one, three = expected(small), expected(large)
        np.testing.assert_allclose(three.log_likelihood, 3 * one.log_likelihood)
        assert three.n_events == pytest.approx(3 * one.n_events)


def test_the_observed_likelihood_is_the_sum_of_log_ratios(
    toy: Make, configure: Make, observe: Make, oracle: Make, held_out: Make
) -> None:
    events: Events = toy(2)
    x = held_out(configure(events.header), events).x[7:40]
    configuration = configure(events.header, observed=observe(events.header, x))
    test, thetas = held_out(configuration, events), points(configuration)
    bias = lambda thetas: 0.05 + 0.1 * thetas[:, 0] * thetas[:, 1]  # noqa: E731
    model = oracle(test, bias=bias)
    evaluation = evaluate(configuration, model, events)
    assert list(evaluation.likelihoods) == ["expected", "observed"]
    observed = evaluation.likelihoods["observed"]
    log_ratio = (model.exact_log_ratio(x, thetas) + bias(thetas)).sum(axis=0)
    assert observed.n_events == 33
    assert observed.raw is not None
    assert observed.replicas_plug_in is not None
    np.testing.assert_allclose(observed.raw, log_ratio, atol=1e-9)
    np.testing.assert_allclose(observed.log_likelihood, log_ratio - 33 * bias(thetas), atol=1e-9)
    assert observed.replicas_plug_in.shape == (N_REPLICAS, 25)
    assert observed.corrected is None
    alone = evaluate(configure(events.header), oracle(test, bias=bias), events)
    for name, values in vars(expected(alone)).items():
        np.testing.assert_array_equal(vars(expected(evaluation))[name], values)


def test_observed_events_are_normalised_with_the_held_out_ones(
    run: Any, configure: Make, observe: Make, held_out: Make
) -> None:
    header, x = run.events.header, run.events.x[:20]
    configuration = configure(header, observed=observe(header, x))
    model, thetas = load(run.models[0]), points(configuration)
    test = held_out(configuration, run.events)
    weights = test.weights_at(model.theta_ref)[:, 0]
    norm = np.average(np.exp(model.log_ratio(test.x, thetas)), axis=0, weights=weights)
    total = model.log_ratio(x, thetas).sum(axis=0) - 20 * np.log(norm)
    observed = evaluate(configuration, model, run.events).likelihoods["observed"]
    np.testing.assert_allclose(observed.log_likelihood, total, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["sally", "sallino"])
def test_simulated_events_that_are_observed_fill_histograms_as_expected_ones_do(
    toy: Make, configure: Make, observe: Make, oracle: Make, held_out: Make, method: str
) -> None:
    events: Events = toy(1)
    configuration = configure(events.header, methods=[method])
    test = held_out(configuration, events)
    model = oracle(test, method)
    times = np.round(test.weights_at([[0.0]])[:, 0] / test.weights.sum() * 1e5).astype(int)
    x = np.repeat(test.x, times, axis=0)
    configuration = configure(events.header, methods=[method], observed=observe(events.header, x))
    likelihoods = evaluate(configuration, model, events).likelihoods
    observed, mean = likelihoods["observed"], likelihoods["expected"]
    assert observed.n_events == len(x)
    observed_q, mean_q = (-2 * (one.log_likelihood / one.n_events) for one in (observed, mean))
    np.testing.assert_allclose(
        observed_q - observed_q[0], mean_q - mean_q[0], atol=0.01 * np.ptp(mean_q)
    )


@pytest.mark.parametrize("number", [0, 2])
def test_networks_take_no_observed_events(
    run: Any, configure: Make, observe: Make, number: int
) -> None:
    header = run.events.header
    configuration = configure(header, observed=observe(header, np.empty((0, 2))))
    observed = evaluate(configuration, load(run.models[number]), run.events).likelihoods["observed"]
    assert observed.n_events == 0
    np.testing.assert_array_equal(observed.log_likelihood, np.zeros(25))


def test_learned_and_joint_log_ratios_belong_to_the_same_pairs(
    toy: Make, configure: Make, oracle: Make, held_out: Make
) -> None:
    events = toy(2)
    configuration = configure(events.header)
    evaluation = evaluate(configuration, oracle(held_out(configuration, events)), events)
    assert evaluation.joint.shape == (100,)
    np.testing.assert_allclose(evaluation.learned, evaluation.joint, rtol=1e-9, atol=1e-12)
    assert np.std(evaluation.joint) > 0.1


def test_learned_and_joint_scores_belong_to_the_same_events(
    toy: Make, configure: Make, oracle: Make, held_out: Make
) -> None:
    events = toy(3)
    configuration = configure(events.header)
    evaluation = evaluate(configuration, oracle(held_out(configuration, events), "sally"), events)
    assert evaluation.joint.shape == (100, 3)
    # The mean that is subtracted is that of the held-out events on both sides.
    np.testing.assert_allclose(evaluation.learned, evaluation.joint, rtol=1e-9, atol=1e-12)
    likelihood = expected(evaluation)
    assert likelihood.raw is likelihood.corrected is None
    assert likelihood.replicas_plug_in is likelihood.replicas_corrected is None
    assert evaluation.log_normalisation is None


@pytest.mark.parametrize("method", ["sally", "sallino"])
def test_the_exact_score_gives_the_exact_limit_and_information(
    drell_yan: Make, configure: Make, truth: Make, method: str
) -> None:
    events = drell_yan("dy1")
    keys = {"luminosity": 3e5, "methods": [method], "asymptotic_limits": {"resolutions": 41}}
    configuration = configure(events.header, **keys)
    model = truth(events.header, method)
    evaluation = evaluate(configuration, model, events)
    limits, thetas = configuration.limits, points(configuration)
    (theta_true,) = limits.thetas_true
    exact = model.likelihood.asimov_q(thetas, theta_true, limits.luminosity_ipb).q_kinematics
    q = -2 * expected(evaluation).log_likelihood
    np.testing.assert_allclose(q - q.min(), exact - exact.min(), rtol=0.1, atol=0.2)
    information = evaluation.fisher
    truly = model.likelihood.fisher_information(theta_true, limits.luminosity_ipb)
    assert information is not None
    assert information.name == method
    assert np.abs((information.matrix - truly.full) / information.uncertainty).max() < 4
    assert information.uncertainty[0, 0] < 0.05 * truly.full[0, 0]


@pytest.mark.parametrize("keys", [{"bool": False}, {"theta_true": [0.1, 0.0]}])
def test_no_information_where_the_score_is_not_known(
    toy: Make, configure: Make, oracle: Make, held_out: Make, keys: dict[str, Any]
) -> None:
    events = toy(2)
    configuration = configure(events.header, fisher_information=keys)
    model = oracle(held_out(configuration, events), "sally")
    assert evaluate(configuration, model, events).fisher is None


@pytest.mark.parametrize("method", ["alices", "sally"])
def test_only_events_that_no_training_uses(
    run: Any, oracle: Make, held_out: Make, method: str
) -> None:
    test = held_out(run.configuration, run.events)
    model = oracle(test, method)
    evaluate(run.configuration, model, run.events)
    seen = rows(model.seen[0])
    assert seen == rows(test.x)
    for folder in (run.folder / "samples").iterdir():
        samples = {part: rows(Samples.load(folder, part).x) for part in PARTS}
        assert not seen & (samples["train"] | samples["validation"])
        assert samples["test"] <= seen


def test_weights_near_a_point(toy: Make) -> None:
    events: Events = toy(2)
    theta = np.array([0.2, -0.3])
    near = point_events(theta, 7.0, events)
    np.testing.assert_array_equal(near.weights, events.weights_at([theta])[:, 0])
    step = 1e-5 * np.eye(2)
    difference = events.weights_at(theta + step) - events.weights_at(theta - step)
    np.testing.assert_allclose(near.gradients, difference / 2e-5, rtol=1e-5, atol=1e-12)
    assert near.luminosity_ipb == 7.0


def test_a_model_of_other_events_is_refused(toy: Make, configure: Make, oracle: Make) -> None:
    events, other = toy(2), toy(1)
    configuration = configure(events.header)
    with pytest.raises(InputError, match=r"model of alices, .* with c_u, energy, angle"):
        evaluate(configuration, oracle(other), events)
    renamed = replace(events, header=replace(events.header, observables=("energy", "phi")))
    with pytest.raises(InputError, match="other parameters or observables than the model"):
        evaluate(configuration, oracle(events), renamed)


def test_a_model_of_another_method_is_refused(
    toy: Make, configure: Make, oracle: Make, held_out: Make
) -> None:
    events = toy(2)
    configuration = configure(events.header)
    model = oracle(held_out(configuration, events), "carl")
    with pytest.raises(InputError, match="methods: carl, the method of the model, is not among"):
        evaluate(configuration, model, events)


def test_an_ensemble_averages_ratios(run: Any, held_out: Make) -> None:
    models = [load(folder) for folder in run.models[:2]]
    assert [model.method for model in models] == ["alices", "alices"]
    evaluation = evaluate(run.configuration, Ensemble(models), run.events)
    test = held_out(run.configuration, run.events)
    ratios = [np.exp(model.log_ratio(test.x, points(run.configuration))) for model in models]
    weights = test.weights_at(run.configuration.limits.thetas_true)[:, 0]
    mean = np.average(np.log(np.mean(ratios, axis=0)), axis=0, weights=weights)
    likelihood = expected(evaluation)
    np.testing.assert_allclose(likelihood.raw, likelihood.n_events * mean, rtol=1e-6)


def test_a_result_holds_the_model_that_it_is_of(run: Any) -> None:
    assert [folder.name for folder in run.results] == ["alices_0", "alices_1", "sally_0"]
    for model, result in zip(run.models, run.results, strict=True):
        files = sorted(str(path.relative_to(result)) for path in result.rglob("*.*"))
        assert files[:2] == ["model/history.json", "model/model.json"]
        assert files[2:] == ["model/weights.pt", "result.json", "result.npz"]
        assert sha256(model / "weights.pt") == sha256(result / "model" / "weights.pt")
    first = evaluate(run.configuration, load(run.models[0]), run.events)
    read = Evaluation.load(run.results[0])
    for name, values in vars(expected(first)).items():
        np.testing.assert_array_equal(vars(expected(read))[name], values)
    assert read.limits == run.configuration.limits


def test_a_failure_leaves_the_result_that_was_there(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = evaluate_file(run.configuration, run.models[0], run.events, tmp_path)
    before = sha256(folder / "result.npz")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copytree", killed)
    changed = replace(run.configuration, seed=6)
    with pytest.raises(KeyboardInterrupt):
        evaluate_file(changed, run.models[0], run.events, tmp_path)
    assert sha256(folder / "result.npz") == before
    assert [path.name for path in folder.parent.iterdir()] == ["alices_0"]


def test_a_folder_without_a_model(run: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.json: cannot be read"):
        evaluate_file(run.configuration, tmp_path, run.events, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("degrees", "works"), [((16, 24), True), ((2,), False)])
def test_sums_on_fine_grids_are_interpolated_where_that_is_precise(
    toy: Make,
    configure: Make,
    oracle: Make,
    monkeypatch: pytest.MonkeyPatch,
    degrees: tuple[int, ...],
    works: bool,
) -> None:
    events = toy(2)
    region = {f"theta_{i}": {"min": -0.5, "max": 0.5} for i in range(2)}
    limits = {"resolutions": 50, "region": region}
    configuration = configure(events.header, asymptotic_limits=limits)
    parts = [Part(oracle(events), events, np.arange(len(events)))]
    data = conditions(configuration, events)
    monkeypatch.setattr(evaluate_module, "_DEGREES", ())
    exact = sums_over(configuration, parts, data)
    monkeypatch.setattr(evaluate_module, "_DEGREES", degrees)
    found = sums_over(configuration, parts, data)
    assert (found.distance(exact) == 0.0) is not works
    assert found.distance(exact) < 2e-6
    first, second = (
        expectation(configuration, "a", one, data).expected[0] for one in (found, exact)
    )
    np.testing.assert_allclose(first.log_likelihood, second.log_likelihood, atol=1e-3)
    np.testing.assert_allclose(first.halves, second.halves, atol=1e-2)
