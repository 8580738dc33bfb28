from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.estimators import load
from madminer_workflow.events import Events
from madminer_workflow.statistics import P_95, Limit, grid, iou, threshold
from madminer_workflow.statistics.teststatistic import rate_term
from madminer_workflow.steps.combine import Member, combine_members, read_members
from madminer_workflow.steps.evaluate import evaluate
from madminer_workflow.steps.evaluation import Evaluation

Make = Callable[..., Any]


def member(evaluation: Evaluation, number: int = 0) -> Member:
    return Member(Path(f"{evaluation.method}_{number}"), evaluation, {"member": number}, {})


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
    assert combination.scan.luminosity_ipb == 77
    assert combination.configuration.limits == other.limits
    assert combination.limits["sally"].luminosity_ipb == 77
    assert combination.scan.n_observed == pytest.approx(77 * events.cross_sections([[0.0]])[0])


def test_limits_are_likelihoods_and_the_rate(run: Any) -> None:
    members = read_members(run.results[-1:])
    combination = combine_members(run.configuration, run.events, members)
    limit, log_likelihood = combination.limits["sally"], members[0].evaluation.log_likelihood
    thetas = grid.points(combination.scan.axes)
    np.testing.assert_array_equal(limit.theta_grid, thetas)
    predicted = 1000 * run.events.cross_sections(thetas)
    rate = rate_term(1000 * run.events.cross_sections([[0.0, 0.0]])[0], predicted)
    for q, expected in (
        (limit.q_kinematics, -2 * log_likelihood),
        (limit.q_full, -2 * log_likelihood + rate),
        (combination.limits["rate"].q_full, rate),
        (combination.limits["rate"].q_kinematics, 0 * rate),
    ):
        difference = q - expected
        np.testing.assert_allclose(difference, difference[0], atol=1e-9)
        assert q.min() >= -1e-9


def test_methods_come_in_the_order_of_the_input_file(run: Any) -> None:
    members = read_members(run.results[::-1])
    combination = combine_members(run.configuration, run.events, members)
    assert list(combination.limits) == ["alices", "sally", "histogram", "rate"]
    assert [m.model["member"] for m in combination.members["alices"]] == [0, 1]
    assert combination.exact is None
    names = [information.name for information in combination.fisher]
    assert names == ["full", "rate", "kinematics", "histogram", "sally"]


def test_a_method_without_a_result_has_no_limit(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    members = read_members(run.results[:1])
    combination = combine_members(run.configuration, run.events, members)
    assert caplog.messages == ["sally: no result was given, so it has no limit"]
    assert list(combination.limits) == ["alices", "histogram", "rate"]
    assert combination.evaluations == {"alices": members[0].evaluation}


def test_a_method_without_a_likelihood_has_no_limit(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    diverged, other = read_members(run.results[1:])
    nowhere = replace(diverged.evaluation, log_likelihood=np.full(25, np.nan))
    members = [replace(diverged, evaluation=nowhere), other]
    combination = combine_members(run.configuration, run.events, members)
    assert caplog.messages == ["alices: no likelihood at any parameter point, so it has no limit"]
    assert list(combination.limits) == ["sally", "histogram", "rate"]


def test_a_result_of_a_method_that_is_not_asked_for_is_left_out(
    run: Any, configure: Make, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configure(run.events.header, methods=["alices"])
    combination = combine_members(configuration, run.events, read_members(run.results[1:]))
    assert caplog.messages == [f"{run.results[2]}: left out, sally is not among the methods"]
    assert list(combination.limits) == ["alices", "histogram", "rate"]


def test_members_are_averaged(run: Any, held_out: Make) -> None:
    combination = combine_members(run.configuration, run.events, read_members(run.results))
    limit, evaluation = combination.limits["alices"], combination.evaluations["alices"]
    test = held_out(run.configuration, run.events)
    models = [load(folder / "model") for folder in run.results[:2]]
    ratio = np.mean([np.exp(model.log_ratio(test.x, limit.theta_grid)) for model in models], axis=0)
    weights = test.weights_at([[0.0, 0.0]])[:, 0]
    raw = np.average(np.log(ratio), axis=0, weights=weights)
    offset = np.log(np.average(ratio, axis=0, weights=weights))
    expected = -2 * evaluation.n_expected * (raw - offset)
    difference = limit.q_kinematics - expected
    np.testing.assert_allclose(difference, difference[0], rtol=1e-6, atol=1e-6)
    assert limit.q_kinematics_raw is not None


def test_the_histogram_is_that_of_the_chosen_observables(toy: Make, configure: Make) -> None:
    events = toy(2)
    both = [
        combine_members(configure(events.header, histogram_vars=names), events, [])
        for names in ("angle", ["energy", "angle"])
    ]
    sizes = [np.sum(c.limits["histogram"].q_kinematics < 4) for c in both]
    assert sizes[1] < sizes[0]


def test_the_histogram_of_one_bin_knows_nothing(toy: Make, configure: Make) -> None:
    events: Events = toy(2)
    configuration = configure(events.header, histogram_bins=1)
    limits = combine_members(configuration, events, []).limits
    np.testing.assert_allclose(limits["histogram"].q_kinematics, 0, atol=1e-9)
    np.testing.assert_allclose(limits["histogram"].q_full, limits["rate"].q_full, atol=1e-9)


def test_no_information_if_it_is_not_wanted(toy: Make, configure: Make) -> None:
    events = toy(2)
    configuration = configure(events.header, fisher_information={"bool": False})
    assert combine_members(configuration, events, []).fisher == []


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
    combination = combine_members(configuration, events, members)
    exact = combination.exact
    assert exact is not None
    np.testing.assert_allclose(exact.best_fit_full, 0, atol=0.02)
    assert min(overlap(combination.limits["alices"], exact)) > 0.95
    assert min(overlap(combination.limits["sally"], exact)) > 0.8
    assert max(overlap(combination.limits["rate"], exact)) < 0.6
    rate = exact.q_full - exact.q_kinematics
    learned_rate = combination.limits["alices"].q_full - combination.limits["alices"].q_kinematics
    near = exact.q_full < 20
    np.testing.assert_allclose((learned_rate - rate)[near], 0, atol=2)
