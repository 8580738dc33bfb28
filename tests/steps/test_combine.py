from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from madminer_workflow.configuration import load as load_configuration
from madminer_workflow.errors import InputError
from madminer_workflow.estimators import load
from madminer_workflow.events import Events
from madminer_workflow.statistics import (
    P_95,
    KinematicLikelihood,
    Limit,
    grid,
    histograms,
    iou,
    threshold,
)
from madminer_workflow.statistics.asimov import N_REPLICAS
from madminer_workflow.statistics.teststatistic import rate_term
from madminer_workflow.steps.combine import combine_members
from madminer_workflow.steps.evaluate import evaluate
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.steps.members import Member, read_members
from madminer_workflow.storage import read_json, write_json

Make = Callable[..., Any]


def member(evaluation: Evaluation, number: int = 0) -> Member:
    history = {"validation_loss": [1.0, 0.5], "best_validation_loss": 0.5}
    return Member(
        Path(f"{evaluation.method}_{number}"),
        evaluation,
        {"member": number, "weighted": False},
        history,
    )


def overlap(limit: Limit, exact: Limit) -> list[float]:
    level = threshold(P_95, len(limit.axes))
    pairs = [(limit.q_full, exact.q_full), (limit.q_kinematics, exact.q_kinematics)]
    return [iou(*pair, level, limit.axes) for pair in pairs]


def test_members_are_read_with_their_models(run: Any) -> None:
    members = read_members(run.results)
    assert [(m.evaluation.method, m.model["member"]) for m in members] == [
        ("alices", 0),
        ("alices", 1),
        ("sally", 0),
    ]
    assert len(members[0].history["train_loss"]) == 2


def test_the_same_member_twice_is_refused(run: Any, tmp_path: Path) -> None:
    other = tmp_path / "another name"
    shutil.copytree(run.results[1], other)
    with pytest.raises(InputError) as refused:
        read_members([*run.results, other])
    assert str(refused.value) == (
        f"{other}: member 1 of alices, which {run.results[1]} holds as well"
    )


def test_results_of_other_data_are_refused(run: Any) -> None:
    members = read_members(run.results)
    limits = replace(run.configuration.limits, resolutions=(5, 4))
    with pytest.raises(InputError) as refused:
        combine_members(replace(run.configuration, limits=limits), run.events, members)
    assert str(refused.value) == (
        f"{run.results[0]}: asymptotic_limits.resolutions: evaluated for (5, 5), expected (5, 4)"
    )


def test_results_of_different_luminosities_are_refused(run: Any) -> None:
    first, *rest = read_members(run.results)
    limits = replace(first.evaluation.limits, luminosity_ipb=7.0)
    other = replace(first, evaluation=replace(first.evaluation, limits=limits))
    with pytest.raises(InputError, match=r"luminosity: evaluated for 1000.0, expected 7.0"):
        combine_members(run.configuration, run.events, [other, *rest])


def test_the_luminosity_is_that_of_the_evaluations(
    toy: Make, configure: Make, oracle: Make
) -> None:
    events = toy(1)
    configuration = configure(events.header, methods=["sally"])
    other = configure(events.header, methods=["sally"], luminosity=77)
    members = [member(evaluate(other, oracle(events, "sally"), events))]
    combination = combine_members(configuration, events, members)
    data = combination.data["expected"]
    assert data.scan.luminosity_ipb == 77
    assert combination.configuration.limits == other.limits
    assert data.limits["sally"].luminosity_ipb == 77
    assert data.scan.n_observed == pytest.approx(77 * events.cross_sections([[0.0]])[0])


def test_limits_are_likelihoods_and_the_rate(run: Any) -> None:
    members = read_members(run.results[-1:])
    combination = combine_members(run.configuration, run.events, members)
    data = combination.data["expected"]
    limit = data.limits["sally"]
    log_likelihood = members[0].evaluation.likelihoods["expected"].log_likelihood
    thetas = grid.points(data.scan.axes)
    np.testing.assert_array_equal(limit.theta_grid, thetas)
    predicted = 1000 * run.events.cross_sections(thetas)
    rate = rate_term(1000 * run.events.cross_sections([[0.0, 0.0]])[0], predicted)
    for q, expected in (
        (limit.q_kinematics, -2 * log_likelihood),
        (limit.q_full, -2 * log_likelihood + rate),
        (data.limits["rate"].q_full, rate),
        (data.limits["rate"].q_kinematics, 0 * rate),
    ):
        difference = q - expected
        np.testing.assert_allclose(difference, difference[0], atol=1e-9)
        assert q.min() >= -1e-9


def test_methods_come_in_the_order_of_the_input_file(run: Any) -> None:
    members = read_members(run.results[::-1])
    combination = combine_members(run.configuration, run.events, members)
    assert list(combination.data) == ["expected"]
    data = combination.data["expected"]
    assert list(data.limits) == list(data.all()) == ["alices", "sally", "histogram", "rate"]
    assert [m.model["member"] for m in combination.members["alices"]] == [0, 1]
    assert data.exact is None
    names = [information.name for information in combination.fisher]
    assert names == ["full", "rate", "kinematics", "histogram", "sally"]


def test_a_method_without_a_result_has_no_limit(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    members = read_members(run.results[:1])
    combination = combine_members(run.configuration, run.events, members)
    assert caplog.messages == ["sally: no result was given, so it has no limit"]
    assert list(combination.data["expected"].limits) == ["alices", "histogram", "rate"]
    assert combination.evaluations == {"alices": members[0].evaluation}


def test_a_method_without_a_likelihood_has_no_limit(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    diverged, other = read_members(run.results[1:])
    nowhere = {"expected": KinematicLikelihood(1.0, np.full(25, np.nan))}
    members = [
        replace(diverged, evaluation=replace(diverged.evaluation, likelihoods=nowhere)),
        other,
    ]
    combination = combine_members(run.configuration, run.events, members)
    assert caplog.messages == ["alices: no likelihood at any parameter point, so it has no limit"]
    assert list(combination.data["expected"].limits) == ["sally", "histogram", "rate"]


def test_a_result_of_a_method_that_is_not_asked_for_is_left_out(
    run: Any, configure: Make, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configure(run.events.header, methods=["alices"])
    combination = combine_members(configuration, run.events, read_members(run.results[1:]))
    assert caplog.messages == [f"{run.results[2]}: left out, sally is not among the methods"]
    assert list(combination.data["expected"].limits) == ["alices", "histogram", "rate"]


def test_members_are_averaged(run: Any, held_out: Make) -> None:
    combination = combine_members(run.configuration, run.events, read_members(run.results))
    limit = combination.data["expected"].limits["alices"]
    n_expected = combination.data["expected"].scan.n_observed
    test = held_out(run.configuration, run.events)
    models = [load(folder / "model") for folder in run.results[:2]]
    ratio = np.mean([np.exp(model.log_ratio(test.x, limit.theta_grid)) for model in models], axis=0)
    weights = test.weights_at([[0.0, 0.0]])[:, 0]
    raw = np.average(np.log(ratio), axis=0, weights=weights)
    offset = np.log(np.average(ratio, axis=0, weights=weights))
    assert limit.q_kinematics_raw is not None
    for q, expected in (
        (limit.q_kinematics_plug_in, -2 * n_expected * (raw - offset)),
        (limit.q_kinematics_raw, -2 * n_expected * raw),
    ):
        difference = q - expected
        np.testing.assert_allclose(difference, difference[0], rtol=1e-6, atol=1e-6)


def test_q_spreads_as_it_does_between_members(run: Any) -> None:
    members = read_members(run.results)
    together, *alone = (
        combine_members(run.configuration, run.events, some).data["expected"].limits["alices"]
        for some in (members, members[:1], members[1:])
    )
    for which in ("full", "kinematics"):
        singles = [getattr(limit, f"q_{which}") for limit in alone]
        spread = np.abs(singles[0] - singles[1]) / np.sqrt(2)
        np.testing.assert_allclose(getattr(together, f"q_{which}_std"), spread, atol=1e-9)
        assert [getattr(limit, f"q_{which}_std") for limit in alone] == [None, None]


def test_q_of_a_ratio_has_a_monte_carlo_error_and_q_of_a_score_has_none(run: Any) -> None:
    combination = combine_members(run.configuration, run.events, read_members(run.results))
    alices, sally = (combination.data["expected"].limits[name] for name in ("alices", "sally"))
    replicas = alices.replicas["q_full"]
    assert replicas.shape == (N_REPLICAS, 25)
    np.testing.assert_allclose(alices.q_full_mc_std, replicas.std(axis=0))
    assert sally.q_full_mc_std is sally.q_full_std is None


def test_a_member_whose_training_failed_is_named_and_counts(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, other = read_members(run.results)
    history = {"validation_loss": [9.0, 8.0], "best_validation_loss": 8.0}
    members = [first, replace(second, history=history), other]
    combination = combine_members(run.configuration, run.events, members)
    assert caplog.messages == [
        "alices: the training of member 1 has failed, its validation loss is 8 and the smallest "
        f"one {first.validation_loss:.5g}"
    ]
    assert combination.data["expected"].limits["alices"].q_full_std is not None


def test_every_set_of_data_has_all_limits(run: Any, observe: Make, tmp_path: Path) -> None:
    header, x = run.events.header, run.events.x[:9]
    document = read_json(run.input_file) | {"observed": observe(header, x)}
    document["asymptotic_limits"] |= {"theta_true": [[0, 0], [0.5, 0.5]]}
    write_json(tmp_path / "input.json", document)
    configuration = load_configuration(tmp_path / "input.json", header)
    models = [load(folder / "model") for folder in run.results[1:]]
    members = [member(evaluate(configuration, model, run.events)) for model in models]
    combination = combine_members(configuration, run.events, members)
    assert list(combination.data) == ["expected", "expected_2", "observed"]
    predicted = 1000 * run.events.cross_sections(
        combination.data["expected"].limits["rate"].theta_grid
    )
    true = 1000 * run.events.cross_sections([[0.0, 0.0], [0.5, 0.5]])
    for (name, data), n_events in zip(combination.data.items(), [*true, 9], strict=True):
        assert list(data.limits) == ["alices", "sally", "histogram", "rate"]
        assert data.scan.n_observed == pytest.approx(n_events)
        for one in members:
            limit = data.limits[one.evaluation.method]
            log_likelihood = one.evaluation.likelihoods[name].log_likelihood
            for q, term in (
                (limit.q_full, rate_term(n_events, predicted)),
                (limit.q_kinematics, 0),
            ):
                difference = q - (term - 2 * log_likelihood)
                np.testing.assert_allclose(difference, difference[0], atol=1e-8)
                assert q.min() >= 0
            np.testing.assert_array_equal(limit.theta_true, data.scan.theta_true)
    first, second = (combination.data[name].limits for name in ("expected", "expected_2"))
    np.testing.assert_array_equal(second["rate"].theta_true, [0.5, 0.5])
    assert (first["alices"].q_full != second["alices"].q_full).any()


def test_the_histogram_counts_observed_events(toy: Make, configure: Make, observe: Make) -> None:
    events: Events = toy(2)
    header, x = events.header, events.x[:50]
    keys = {"histogram_vars": "angle", "histogram_bins": 4}
    configuration = configure(header, observed=observe(header, x), **keys)
    limit = combine_members(configuration, events, []).data["observed"].limits["histogram"]
    made = histograms.templates(events.x[:, 1:], events.weights, (4,))
    counts = np.bincount(made.binning.index(x[:, 1:]), minlength=4)
    assert counts.sum() == 50
    probabilities = made.probabilities(header.weights(limit.theta_grid))
    difference = limit.q_kinematics + 2 * np.log(probabilities) @ counts
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)


def test_no_observed_events_are_data_too(run: Any, configure: Make, observe: Make) -> None:
    header = run.events.header
    configuration = configure(header, observed=observe(header, np.empty((0, 2))))
    models = [load(folder / "model") for folder in run.results[1:]]
    members = [member(evaluate(configuration, model, run.events)) for model in models]
    limits = combine_members(configuration, run.events, members).data["observed"].limits
    predicted = 1000 * run.events.cross_sections(limits["rate"].theta_grid)
    for limit in limits.values():
        assert (limit.q_kinematics == 0).all()
        np.testing.assert_allclose(np.diff(limit.q_full), np.diff(2 * predicted), atol=1e-9)


def test_observed_events_unlike_all_simulated_ones_are_named(
    toy: Make, configure: Make, observe: Make, caplog: pytest.LogCaptureFixture
) -> None:
    events: Events = toy(2)
    x = events.x[:5].copy()
    x[2, 0] = 1e4
    configuration = configure(events.header, observed=observe(events.header, x))
    combination = combine_members(configuration, events, [])
    low, high = events.x[:, 0].min(), events.x[:, 0].max()
    assert [message for message in caplog.messages if "no result" not in message] == [
        "observed.data: energy: 1 of 5 observed events outside of the simulated range "
        f"[{low:g}, {high:g}], up to 10000"
    ]
    assert np.isfinite(combination.data["observed"].limits["histogram"].q_full).all()


@pytest.mark.parametrize(("evaluated", "given"), [(3, None), (None, 3), (3, 4)])
def test_results_of_other_observed_events_are_refused(
    run: Any, configure: Make, observe: Make, evaluated: int | None, given: int | None
) -> None:
    def configured(n: int | None) -> Any:
        header = run.events.header
        keys = {} if n is None else {"observed": observe(header, run.events.x[:n])}
        return configure(header, **keys)

    model = load(run.results[2] / "model")
    members = [member(evaluate(configured(evaluated), model, run.events))]
    found, expected = ("none" if n is None else f"{n} events" for n in (evaluated, given))
    with pytest.raises(InputError) as refused:
        combine_members(configured(given), run.events, members)
    assert str(refused.value) == (
        f"sally_0: observed.data: evaluated for {found}, expected {expected}"
    )


@pytest.mark.parametrize("true", [[[0, 0], [0.5, 0.5]], [0.5, 0.5]])
def test_results_of_other_true_points_are_refused(run: Any, configure: Make, true: Any) -> None:
    limits = {"resolutions": 5, "theta_true": true}
    configuration = configure(run.events.header, asymptotic_limits=limits)
    with pytest.raises(InputError, match=r"asymptotic_limits.theta_true: evaluated for \(\(0.0, 0"):
        combine_members(configuration, run.events, read_members(run.results))


def test_the_histogram_is_that_of_the_chosen_observables(toy: Make, configure: Make) -> None:
    events = toy(2)
    both = [
        combine_members(configure(events.header, histogram_vars=names), events, [])
        for names in ("angle", ["energy", "angle"])
    ]
    sizes = [np.sum(c.data["expected"].limits["histogram"].q_kinematics < 4) for c in both]
    assert sizes[1] < sizes[0]


def test_the_histogram_of_one_bin_knows_nothing(toy: Make, configure: Make) -> None:
    events: Events = toy(2)
    configuration = configure(events.header, histogram_bins=1)
    limits = combine_members(configuration, events, []).data["expected"].limits
    np.testing.assert_allclose(limits["histogram"].q_kinematics, 0, atol=1e-9)
    np.testing.assert_allclose(limits["histogram"].q_full, limits["rate"].q_full, atol=1e-9)


def test_no_information_if_it_is_not_wanted(toy: Make, configure: Make) -> None:
    events = toy(2)
    configuration = configure(events.header, fisher_information={"bool": False})
    assert combine_members(configuration, events, []).fisher == []


def test_the_exact_likelihood_counts_observed_events(
    drell_yan: Make, configure: Make, observe: Make, truth: Make
) -> None:
    events: Events = drell_yan("dy2")
    header, x = events.header, events.x[:30]
    limits = {"resolutions": [5, 4]}
    configuration = configure(header, asymptotic_limits=limits, observed=observe(header, x))
    exact = combine_members(configuration, events, []).data["observed"].exact
    assert exact is not None
    likelihood = truth(header, "alices").likelihood
    sigma = likelihood.cross_sections(exact.theta_grid)
    q = -2 * np.log(likelihood.density(x, exact.theta_grid) / sigma).sum(axis=0)
    rate = rate_term(30, 1000 * sigma)
    for found, expected in ((exact.q_kinematics, q), (exact.q_full, q + rate)):
        np.testing.assert_allclose(found - found[0], expected - expected[0], atol=1e-8)


def test_events_that_fail_the_cuts_have_no_exact_limit(
    drell_yan: Make, configure: Make, observe: Make, caplog: pytest.LogCaptureFixture
) -> None:
    events: Events = drell_yan("dy2")
    x = events.x[:5].copy()
    x[1, 0], x[3, 1] = 900.0, -1.5
    limits, observed = {"resolutions": 3}, observe(events.header, x)
    configuration = configure(events.header, asymptotic_limits=limits, observed=observed)
    data = combine_members(configuration, events, []).data
    assert data["observed"].exact is None
    assert data["expected"].exact is not None
    assert caplog.messages[-1] == (
        "observed.data: 2 of 5 events do not pass the cuts of the process, so there is no exact "
        "limit"
    )


@pytest.mark.slow
@pytest.mark.parametrize("theta_true", [[0.0, 0.0], [0.5, -0.8]])
def test_the_truth_of_observed_events_lies_where_the_p_value_says(
    drell_yan: Make, configure: Make, observe: Make, truth: Make, theta_true: list[float]
) -> None:
    events: Events = drell_yan("dy2")
    header, rng = events.header, np.random.default_rng(1)
    weights = events.weights_at([theta_true])[:, 0]
    n_events = rng.poisson(3e5 * weights.sum())
    x = events.x[rng.choice(len(events), n_events, p=weights / weights.sum())]
    region = {f"theta_{i}": {"min": true - 1, "max": true + 1} for i, true in enumerate(theta_true)}
    limits = {"resolutions": 11, "theta_true": theta_true, "region": region}
    keys = {"luminosity": 3e5, "asymptotic_limits": limits, "observed": observe(header, x)}
    configuration = configure(header, **keys)
    members = [member(evaluate(configuration, truth(header, "alices"), events))]
    data = combine_members(configuration, events, members).data["observed"]
    assert data.exact is not None
    alices, exact = data.limits["alices"], data.exact
    (at_truth,) = np.flatnonzero(np.isclose(exact.theta_grid, theta_true).all(axis=1))
    for which in ("full", "kinematics"):
        found, expected = getattr(alices, f"q_{which}"), getattr(exact, f"q_{which}")
        error = getattr(alices, f"q_{which}_mc_std")
        assert (np.abs(found - expected) < 4 * error + 0.05).all()
        assert (chi2.sf([expected[at_truth], found[at_truth]], 2) > 0.01).all()
        assert (chi2.sf(expected, 2) < 0.05).mean() > 0.1


@pytest.mark.slow
def test_the_best_model_has_the_limit_of_the_exact_likelihood(
    drell_yan: Make, configure: Make, truth: Make
) -> None:
    events = drell_yan("dy2")
    keys = {"asymptotic_limits": {"resolutions": [25, 20]}, "histogram_vars": "m_ll"}
    configuration = configure(events.header, luminosity=3e5, **keys)
    methods = ("alices", "sally")
    members = [
        member(evaluate(configuration, truth(events.header, name), events)) for name in methods
    ]
    data = combine_members(configuration, events, members).data["expected"]
    limits, exact = data.limits, data.exact
    assert exact is not None
    assert data.all() == {**limits, "exact": exact}
    np.testing.assert_allclose(exact.best_fit_full, 0, atol=0.02)
    plug_in = {
        name: getattr(limits["alices"], f"{name}_plug_in") for name in ("q_full", "q_kinematics")
    }
    assert min(overlap(replace(limits["alices"], **plug_in), exact)) > 0.95
    assert min(overlap(limits["alices"], exact)) > 0.9  # a correction of nothing adds fluctuations
    assert min(overlap(limits["sally"], exact)) > 0.8
    assert max(overlap(limits["rate"], exact)) < 0.6
    rate = exact.q_full - exact.q_kinematics
    learned_rate = limits["alices"].q_full - limits["alices"].q_kinematics
    near = exact.q_full < 20
    np.testing.assert_allclose((learned_rate - rate)[near], 0, atol=2)
