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
from madminer_workflow.steps.evaluate import evaluate, evaluate_file, point_events
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.storage import sha256

Make = Callable[..., Any]


def points(configuration: Configuration) -> np.ndarray:
    limits = configuration.limits
    return grid.points(grid.axes(limits.region, limits.resolutions))


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
    weights = test.weights_at([configuration.limits.theta_true])[:, 0]
    log_ratio = np.log(test.weights_at(thetas) / test.cross_sections(thetas))
    log_ratio -= np.log(weights / weights.sum())[:, None]
    n_expected = 1000 * events.cross_sections([configuration.limits.theta_true])[0]
    assert evaluation.n_expected == pytest.approx(n_expected)
    assert evaluation.n_events == 500
    expected = n_expected * np.average(log_ratio, axis=0, weights=weights)
    assert evaluation.log_likelihood.shape == (4**n_parameters,)
    np.testing.assert_allclose(evaluation.log_likelihood, expected, rtol=1e-9, atol=1e-9)


def test_the_exact_ratio_gives_the_exact_limit(
    drell_yan: Make, configure: Make, truth: Make, held_out: Make
) -> None:
    events = drell_yan("dy2")
    configuration = configure(events.header, luminosity=3e5)
    model = truth(events.header, "alices")
    evaluation = evaluate(configuration, model, events)
    thetas, limits = points(configuration), configuration.limits
    exact = model.likelihood.asimov_q(thetas, limits.theta_true, limits.luminosity_ipb)
    q = -2 * evaluation.log_likelihood
    # An event with the share s of the weight changes q by -2 N s (log r - r), since E_ref[r] = 1.
    test = held_out(configuration, events)
    shares = test.weights_at([limits.theta_true])[:, 0]
    shares /= shares.sum()
    log_ratio = model.exact_log_ratio(test.x, thetas)
    change = log_ratio - np.exp(log_ratio)
    change -= shares @ change
    error = 2 * exact.n_expected * np.sqrt(shares**2 @ change**2)
    assert np.abs((q - exact.q_kinematics) / np.maximum(error, 1e-9)).max() < 4
    assert np.median(error / exact.q_kinematics) < 0.05
    assert evaluation.largest_offset < 0.02


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
    np.testing.assert_allclose(right.log_likelihood, right.log_likelihood_raw, atol=1e-9)
    np.testing.assert_allclose(wrong.log_likelihood, right.log_likelihood, atol=1e-9)
    np.testing.assert_allclose(wrong.log_normalisation, bias(points(configuration)), atol=1e-12)
    difference = wrong.log_likelihood_raw - right.log_likelihood_raw
    np.testing.assert_allclose(difference, right.n_expected * bias(points(configuration)))


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
    shift = three.log_likelihood - one.log_likelihood
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
        np.testing.assert_allclose(large.log_likelihood, 3 * small.log_likelihood)
        assert large.n_expected == pytest.approx(3 * small.n_expected)


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
    assert evaluation.log_likelihood_raw is None
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
    exact = model.likelihood.asimov_q(thetas, limits.theta_true, limits.luminosity_ipb)
    q, expected = -2 * evaluation.log_likelihood, exact.q_kinematics
    np.testing.assert_allclose(q - q.min(), expected - expected.min(), rtol=0.1, atol=0.2)
    information = evaluation.fisher
    truly = model.likelihood.fisher_information(limits.theta_true, limits.luminosity_ipb)
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
    weights = test.weights_at([run.configuration.limits.theta_true])[:, 0]
    mean = np.average(np.log(np.mean(ratios, axis=0)), axis=0, weights=weights)
    expected = evaluation.n_expected * mean
    np.testing.assert_allclose(evaluation.log_likelihood_raw, expected, rtol=1e-6)


def test_a_result_holds_the_model_that_it_is_of(run: Any) -> None:
    assert [folder.name for folder in run.results] == ["alices_0", "alices_1", "sally_0"]
    for model, result in zip(run.models, run.results, strict=True):
        files = sorted(str(path.relative_to(result)) for path in result.rglob("*.*"))
        assert files[:2] == ["model/history.json", "model/model.json"]
        assert files[2:] == ["model/weights.pt", "result.json", "result.npz"]
        assert sha256(model / "weights.pt") == sha256(result / "model" / "weights.pt")
    first = evaluate(run.configuration, load(run.models[0]), run.events)
    read = Evaluation.load(run.results[0])
    np.testing.assert_array_equal(read.log_likelihood, first.log_likelihood)
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
