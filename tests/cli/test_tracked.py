from __future__ import annotations

from typing import Any

from madminer_workflow.cli.tracked import metrics_of


def region(size: float) -> dict[str, Any]:
    return {"regions": {"68": {"size": size / 2}, "95": {"size": size}}}


def test_numbers_of_methods_and_baselines() -> None:
    tests = {"chi2": [[10.0, None], [30.0, 8.0]], "ndf": [[10, 10], [20, 0]]}
    results = {
        "limits": {
            "alices": {
                "full": region(4.0) | {"iou_95_with_exact": 0.75},
                "kinematics": region(8.0),
                "normalisation": {"largest_offset": 0.01},
                "diagnostics": {"closure": {"tests": tests}, "bias_test": {"size": 0.5}},
            },
            "rate": {"full": region(1.0), "kinematics": region(2.0)},
        },
        "best": {"criterion": "closure", "values": {"alices": {"value": 3.0}}},
    }
    found = dict(metrics_of(results))
    assert found == {
        "area_68/alices": 2.0,
        "area_95/alices": 4.0,
        "iou_95/alices": 0.75,
        "area_68_kinematics/alices": 4.0,
        "area_95_kinematics/alices": 8.0,
        "normalisation/alices": 0.01,
        "closure_chi2/alices": 1.5,
        "bias_test/alices": 0.5,
        "area_68/rate": 0.5,
        "area_95/rate": 1.0,
        "area_68_kinematics/rate": 1.0,
        "area_95_kinematics/rate": 2.0,
        "closure/alices": 3.0,
    }
    assert dict(metrics_of({"limits": {}, "best": None})) == {}


def test_numbers_of_combinations() -> None:
    sizes = {f"size_95_{which}": {"mean": 2.0} for which in ("full", "kinematics")}
    values = [{"combination": "epochs-5", "method": "sally", "value": 0.5}]
    results = {
        "combinations": [
            {"name": "epochs-5", "data": {"expected": {"limits": {"sally": sizes}}}},
        ],
        "best": {"expected": {"criterion": "cross_entropy", "values": values}, "other": None},
    }
    assert dict(metrics_of(results)) == {
        "area_95/epochs-5/sally": 2.0,
        "area_95_kinematics/epochs-5/sally": 2.0,
        "cross_entropy/epochs-5/sally": 0.5,
    }
