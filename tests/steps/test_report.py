from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.steps.combine import combine_members
from madminer_workflow.steps.members import read_members
from madminer_workflow.steps.report import _contest, table
from madminer_workflow.steps.results import results as results_of
from madminer_workflow.storage import read_json, write_json

Record = dict[str, Any]


def region(n_parameters: int, touches_border: bool = False, **changes: Any) -> Record:
    intervals = [[-0.1, 0.20001]] if n_parameters == 1 else None
    box = [[-0.1, 0.2]] * n_parameters
    return {
        "size": 0.12345,
        "size_mc_error": None,
        "box": box,
        "intervals": intervals,
        "touches_border": touches_border,
    } | changes


def limit(names: list[str], best: list[float | None], **changes: Any) -> Record:
    regions = {level: region(len(names), **changes) for level in ("68", "95")}
    at_border = changes.get("touches_border", False)
    kind = {
        "best_fit": dict(zip(names, best, strict=True)),
        "best_fit_at_border": at_border,
        "regions": regions,
    }
    return {"full": kind, "kinematics": kind}


def results(names: list[str], **limits: Record) -> Record:
    return {
        "parameters": names,
        "theta_true": dict.fromkeys(names, 0.0),
        "luminosity_ipb": 300000.0,
        "n_expected": 1903.879,
        "shown": ["full", "kinematics"],
        "limits": limits,
        "data": {},
    }


def test_two_parameters() -> None:
    shown = table(
        results(
            ["c_u", "c_d"],
            alices=limit(["c_u", "c_d"], [0.01234, -0.0001]),
            rate=limit(["c_u", "c_d"], [-0.5, 0.25], touches_border=True),
        )
    )
    assert shown.splitlines() == [
        "Expected limits for c_u = 0, c_d = 0, 300000 /pb, 1903.9 events",
        "",
        "kinematics and rate:",
        "  method  best fit         68 % area  95 %",
        "  alices  0.012, 0.000     0.123      0.123",
        "  rate    -0.500, 0.250 *  0.123 *    0.123 *",
        "",
        "kinematics only:",
        "  method  best fit      68 % area  95 %",
        "  alices  0.012, 0.000  0.123      0.123",
        "",
        "* at the border of the scan: there may be more outside",
    ]


def test_each_set_of_data_has_tables_of_its_own() -> None:
    one = limit(["a"], [0.1], intervals=[[0.0, 0.2]])
    record = results(["a"], alices=one, rate=one) | {"shown": ["full"]}
    record["data"] = {
        "expected_2": {"theta_true": {"a": 0.25}, "n_expected": 12.5, "limits": {"alices": one}},
        "observed": {"n_observed": 1234567, "limits": {"alices": one, "rate": one}},
    }
    head = ["", "kinematics and rate:", "  method  best fit  68 % interval  95 %"]
    rows = [f"  {name}  0.100     [0, 0.2]       [0, 0.2]" for name in ("alices", "rate  ")]
    assert table(record).splitlines() == [
        "Expected limits for a = 0, 300000 /pb, 1903.9 events",
        *head,
        *rows,
        "",
        "Expected limits for a = 0.25, 300000 /pb, 12.5 events",
        *head,
        rows[0],
        "",
        "Observed limits, 300000 /pb, 1234567 events",
        *head,
        *rows,
    ]


def test_verdicts_come_last() -> None:
    one = limit(["a", "b"], [0.1, 0.2], touches_border=True)
    verdicts = [
        {
            "level": "distrust",
            "reason": "bias test: q is off by 7.77 +- 0.55 (limit 0.30) and so on",
        },
        {"level": "trust", "reason": "nothing is wrong"},
    ]
    names = ("quadratic", "sally")
    limits = {name: one | {"verdict": v} for name, v in zip(names, verdicts, strict=True)}
    lines = table(results(["a", "b"], **limits, rate=one)).splitlines()
    assert lines[-6:] == [
        "* at the border of the scan: there may be more outside",
        "",
        "can they be trusted:",
        "  quadratic  distrust  bias test: q is off by 7.77 +- 0.55 (limit 0.30) and so",
        "                       on",
        "  sally      trust     nothing is wrong",
    ]
    assert max(map(len, lines)) <= 80


def test_a_best_fit_at_the_border_is_marked() -> None:
    one = limit(["a", "b"], [0.1, 0.2])
    one["full"] = one["full"] | {"best_fit_at_border": True}
    lines = table(results(["a", "b"], alices=one)).splitlines()
    assert lines[4] == "  alices  0.100, 0.200 *  0.123      0.123"
    assert lines[8] == "  alices  0.100, 0.200  0.123      0.123"
    assert lines[-1] == "* at the border of the scan: there may be more outside"


def test_one_parameter_has_intervals_one_a_line() -> None:
    intervals = [[-0.31, -0.2], [-0.1, 0.20001], [1.5, 2.25]]
    shown = table(
        results(
            ["c_u"],
            alices=limit(["c_u"], [0.0], intervals=intervals, touches_border=True),
            carl=limit(["c_u"], [0.0], intervals=[]),
        )
    )
    assert shown.splitlines()[3:8] == [
        "  method  best fit  68 % interval  95 %",
        "  alices  0.000 *   [-0.31, -0.2]  [-0.31, -0.2]",
        "                    [-0.1, 0.2]    [-0.1, 0.2]",
        "                    [1.5, 2.25] *  [1.5, 2.25] *",
        "  carl    0.000     -              -",
    ]


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_without_a_best_fit(nothing: float | None) -> None:
    shown = table(results(["a", "b"], histogram=limit(["a", "b"], [nothing, 0.1])))
    assert shown.splitlines()[4] == "  histogram  -         0.123      0.123"


@pytest.mark.parametrize(
    ("low", "high", "best"),
    [(-40.0, 40.0, "12.3"), (-400.0, 400.0, "12"), (0.0, 2e-3, "12.34568"), (1.0, 1.0, "12.35")],
)
def test_digits_follow_the_size_of_the_region(low: float, high: float, best: str) -> None:
    shown = table(
        results(["a", "b"], carl=limit(["a", "b"], [12.345678] * 2, box=[[low, high]] * 2))
    )
    assert f"  carl    {best}, {best}  " in shown


def test_only_what_is_asked_for_is_shown() -> None:
    record = results(["a"], alices=limit(["a"], [0.0])) | {"shown": ["kinematics"]}
    assert "kinematics only" in table(record)
    assert "kinematics and rate" not in table(record)
    assert "*" not in table(record)


@pytest.mark.parametrize("n_parameters", [1, 2, 3, 6])
def test_at_most_80_columns(n_parameters: int) -> None:
    names = [f"a_long_name_of_the_wilson_coefficient_{i}" for i in range(n_parameters)]
    intervals = [[-0.00123, 0.00456], [-123.0, 1.23e-5]] if n_parameters == 1 else None
    methods = ("histogram", "alices")
    one = limit(names, [-12.345] * n_parameters, touches_border=True, intervals=intervals)
    record = results(names, **dict.fromkeys(methods, one))
    true = dict.fromkeys(names, -1.2345)
    record["data"] = {
        "expected_2": {"theta_true": true, "n_expected": 1903879.1, "limits": record["limits"]},
        "observed": {"n_observed": 1903879, "limits": record["limits"]},
    }
    shown = table(record)
    assert max(map(len, shown.splitlines())) <= 80
    words = shown.replace("\n", " ")
    assert words.count("-12.345") == 3 * 2 * 2 * n_parameters
    assert all(f"{name} = 0," in words for name in names)
    assert all(f"{name} = -1.2345," in words for name in names)


def test_what_is_computed_and_what_is_read_give_the_same(run: Any, tmp_path: Path) -> None:
    combination = combine_members(run.configuration, run.events, read_members(run.results[2:]))
    record = results_of(combination, run.events, {}, {})
    write_json(tmp_path / "results.json", record)
    assert table(record) == table(read_json(tmp_path / "results.json"))
    assert "\n  sally      " in table(record)


@pytest.mark.parametrize(
    ("size", "error", "shown"),
    [(4.4812, 0.034, "4.48 +- 0.03"), (10.96, 0.21, "11.0 +- 0.2"), (812.3, 14.0, "812 +- 14")],
)
def test_a_size_has_as_many_digits_as_its_error(size: float, error: float, shown: str) -> None:
    names = ["a", "b"]
    one = limit(names, [0.0, 0.0], size=size, size_mc_error=error)
    assert f"  {shown}" in table(results(names, quadratic=one))


def ranked(criterion: str, **values: tuple[float, float, float]) -> Record:
    names = ("value", "difference", "error")
    found = {name: dict(zip(names, three, strict=True)) for name, three in values.items()}
    tied = [n for n, (_, difference, error) in values.items() if 0 < difference < 2 * error]
    return {"criterion": criterion, "method": "quadratic", "tied": tied, "values": found}


def test_the_best_method_and_ties_are_marked() -> None:
    best = ranked(
        "cross_entropy",
        quadratic=(math.log(2) - 1e-3, 0.0, 0.0),
        alices=(math.log(2) - 0.9e-3, 1e-4, 2e-5),
        sally=(math.log(2) - 0.99e-3, 1e-5, 2e-5),
    )
    one = limit(["a", "b"], [0.1, 0.2])
    lines = table(
        results(["a", "b"], quadratic=one, alices=one, sally=one, rate=one) | {"best": best}
    ).splitlines()
    assert lines[4:8] == [
        "  quadratic  0.100, 0.200  0.123      0.123  best",
        "  alices     0.100, 0.200  0.123      0.123",
        "  sally      0.100, 0.200  0.123      0.123  tie",
        "  rate       0.100, 0.200  0.123      0.123",
    ]
    assert lines[-2:] == [
        "best by cross-entropy: quadratic, a tie within errors: sally; % of its",
        "  information missing: alices 10 +- 2, sally 1 +- 2",
    ]
    best = ranked("closure", quadratic=(0.5, 0.0, 0.0), alices=(3.75, 3.25, 0.125))
    lines = table(results(["a", "b"], quadratic=one, alices=one) | {"best": best}).splitlines()
    assert lines[-1] == "best by closure: quadratic; larger closure chi-square: alices 3.2 +- 0.1"


def test_one_method_has_no_rivals() -> None:
    best = ranked("closure", quadratic=(0.5, 0.0, 0.0))
    assert "best by" not in table(results(["a"], quadratic=limit(["a"], [0.1])) | {"best": best})


def test_a_best_method_that_has_learned_nothing() -> None:
    values = {
        "alice": {"value": 0.7007, "difference": 0.0, "error": 0.0},
        "scandal": {"value": 1.6138, "difference": 0.9131, "error": 0.0724},
    }
    line = "best by cross-entropy: alice; larger cross-entropy: scandal 0.91 +- 0.07"
    assert _contest("cross_entropy", "alice", [], values) == ["", line]
