from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.estimators import load
from madminer_workflow.statistics import P_95, iou, region, threshold
from madminer_workflow.steps.best import best
from madminer_workflow.steps.combine import Combination, combine_members
from madminer_workflow.steps.diagnose import diagnose
from madminer_workflow.steps.evaluate import evaluate
from madminer_workflow.steps.members import off, read_members
from madminer_workflow.steps.results import results
from madminer_workflow.storage import read_json, write_json

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def combination(run: Any) -> Combination:
    return combine_members(run.configuration, run.events, read_members(run.results))


@pytest.fixture(scope="module")
def record(run: Any, combination: Combination) -> dict[str, Any]:
    rankings = {name: one.ranking for name, one in best(combination, run.events).items()}
    return results(combination, run.events, diagnose(combination, run.events), rankings)


def test_what_the_limits_are_for(run: Any, record: dict[str, Any]) -> None:
    assert record["parameters"] == ("c_u", "c_d")
    assert record["theta_true"] == {"c_u": 0.0, "c_d": 0.0}
    assert (record["luminosity_ipb"], record["seed"]) == (1000, 5)
    assert record["shown"] == ("full", "kinematics")
    assert record["events"] == {"total": 1000, "train": 0.4, "validation": 0.1, "test": 0.5}
    sigma = run.events.weights[:, 0].sum()
    assert record["n_expected"] == pytest.approx(1000 * sigma)
    assert record["data"] == {}
    assert list(record["cross_sections_pb"]) == ["theta_true", "sm", "b1", "b2", "b3", "b4", "b5"]
    totals = [sigma, *run.events.weights.sum(axis=0)]
    np.testing.assert_allclose(list(record["cross_sections_pb"].values()), totals)


@pytest.mark.parametrize("which", ["full", "kinematics"])
@pytest.mark.parametrize("name", ["alices", "sally", "histogram", "rate"])
def test_best_fit_and_regions(
    combination: Combination, record: dict[str, Any], name: str, which: Any
) -> None:
    limit = combination.data["expected"].limits[name]
    found = record["limits"][name][which]
    assert list(found["best_fit"]) == ["c_u", "c_d"]
    minimum = limit.minimum(which)
    np.testing.assert_array_equal(list(found["best_fit"].values()), minimum.theta)
    assert found["best_fit_at_border"] == minimum.at_border
    expected = region(limit.on_grid(which), limit.axes, P_95)
    assert found["regions"]["95"]["size"] == expected.size
    assert found["regions"]["95"]["box"] == expected.box
    sizes = [found["regions"][level]["size"] for level in ("68", "95")]
    assert 0 < sizes[0] <= sizes[1] <= 2.5 * 4.5 * (1 + 1e-9)
    assert "iou_95_with_exact" not in found


def test_what_a_method_was_trained_with(run: Any, record: dict[str, Any]) -> None:
    alices, sally = record["limits"]["alices"], record["limits"]["sally"]
    assert (alices["kind"], alices["estimator"]) == ("ratio", "parameterized")
    assert sally["kind"] == "score"
    assert alices["samples"] == {"train": 600, "validation": 200}
    assert alices["n_held_out_events"] == 500
    assert alices["settings"]["hidden_layers"] == [8]
    assert alices["theta_ref"] == [[0.0, 0.0]]
    assert alices["normalisation"]["largest_offset"] > 0
    assert sally["normalisation"]["largest_offset"] == 0
    for name in ("histogram", "rate"):
        assert record["limits"][name].keys() == {"full", "kinematics"}
    history = read_json(run.results[1] / "model" / "history.json")
    assert [member["member"] for member in alices["members"]] == [0, 1]
    assert [member["weight"] for member in alices["members"]] == [0.5, 0.5]
    assert [member["weight"] for member in sally["members"]] == [1.0]
    failed = {member.number for member in off(read_members(run.results[:2]))}
    assert {member["member"] for member in alices["members"] if member["off"]} == failed
    second = alices["members"][1]
    assert second["validation_loss"] == history["validation_loss"][second["best_epoch"] - 1]
    assert second["seed"] == 5


def test_information_comes_with_the_covariance(
    combination: Combination, record: dict[str, Any]
) -> None:
    assert list(record["fisher_information"]) == [f.name for f in combination.fisher]
    full = record["fisher_information"]["full"]
    np.testing.assert_allclose(full["covariance"] @ full["matrix"], np.eye(2), atol=1e-9)
    assert record["fisher_information"]["rate"]["covariance"] is None


def test_what_is_not_known_is_null(tmp_path: Path, record: dict[str, Any]) -> None:
    assert np.isnan(list(record["limits"]["rate"]["kinematics"]["best_fit"].values())).all()
    write_json(tmp_path / "results.json", record)
    written = read_json(tmp_path / "results.json")
    assert written["limits"]["rate"]["kinematics"]["best_fit"] == {"c_u": None, "c_d": None}
    assert written["limits"]["alices"]["full"] == record["limits"]["alices"]["full"] | {
        "regions": written["limits"]["alices"]["full"]["regions"]
    }


def test_the_exact_limit_is_compared(run: Any, combination: Combination) -> None:
    data = combination.data["expected"]
    exact = replace(data.limits["sally"], name="exact")
    with_exact = {"expected": replace(data, exact=exact)}
    found = results(replace(combination, data=with_exact), run.events, {}, {})["limits"]
    assert list(found) == ["alices", "sally", "histogram", "rate", "exact"]
    assert found["sally"]["full"]["iou_95_with_exact"] == 1
    assert found["exact"]["kinematics"]["iou_95_with_exact"] == 1
    q = data.limits["histogram"].q_kinematics
    expected = iou(q, exact.q_kinematics, threshold(P_95, 2), exact.axes)
    assert found["histogram"]["kinematics"]["iou_95_with_exact"] == expected
    assert 0 < expected < 1


def test_further_sets_of_data(run: Any, configure: Make, observe: Make, tmp_path: Path) -> None:
    events, header = run.events, run.events.header
    limits = {"resolutions": 5, "theta_true": [[0, 0], [0.5, -0.5]]}
    observed = observe(header, events.x[:7])
    configuration = configure(header, asymptotic_limits=limits, observed=observed)
    model = load(run.results[2] / "model")
    sally = replace(
        read_members(run.results[2:])[0], evaluation=evaluate(configuration, model, events)
    )
    combination = combine_members(configuration, events, [sally])
    record = results(combination, events, {}, {})
    assert record["theta_true"] == {"c_u": 0.0, "c_d": 0.0}
    assert list(record["data"]) == ["expected_2", "observed"]
    second, seen = record["data"].values()
    common = {"luminosity_ipb", "shown", "is_experiment", "limits", "best"}
    assert second.keys() == common | {"theta_true", "n_expected"}
    assert second["theta_true"] == {"c_u": 0.5, "c_d": -0.5}
    sigma = events.cross_sections([[0.5, -0.5]])[0]
    assert second["n_expected"] == pytest.approx(1000 * sigma)
    assert seen.keys() == common | {"n_observed"}
    assert seen["n_observed"] == 7
    for name, found in record["data"].items():
        assert list(found["limits"]) == ["sally", "histogram", "rate"]
        for limit in found["limits"].values():
            assert limit.keys() == {"full", "kinematics"}
        minimum = combination.data[name].limits["sally"].minimum("full")
        best = found["limits"]["sally"]["full"]["best_fit"]
        np.testing.assert_array_equal(list(best.values()), minimum.theta)
    write_json(tmp_path / "results.json", record)
    assert "NaN" not in (tmp_path / "results.json").read_text()


@pytest.mark.parametrize("n_parameters", [1, 3])
def test_other_numbers_of_parameters(toy: Make, configure: Make, n_parameters: int) -> None:
    events = toy(n_parameters)
    keys = {"resolutions": 5, "theta_true": [0.1] * n_parameters}
    configuration = configure(events.header, asymptotic_limits=keys)
    record = results(combine_members(configuration, events, []), events, {}, {})
    rate = record["limits"]["rate"]["full"]
    names = ("c_u", "c_d", "c_e")[:n_parameters]
    assert tuple(rate["best_fit"]) == record["parameters"] == names
    assert record["theta_true"] == dict.fromkeys(names, 0.1)
    assert len(rate["regions"]["68"]["box"]) == n_parameters
    assert (rate["regions"]["68"]["intervals"] is None) == (n_parameters > 1)


def test_the_best_method_is_marked(record: dict[str, Any]) -> None:
    best = record["best"]
    assert best["criterion"] == "cross_entropy"
    assert set(best["values"]) == {"alices", "sally"}
    assert best["values"][best["method"]]["difference"] == 0.0
