from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration.variants import Part
from madminer_workflow.errors import InputError
from madminer_workflow.statistics.ranking import Judged
from madminer_workflow.steps.best import Contest
from madminer_workflow.steps.report import table
from madminer_workflow.steps.sweep import Run, comparison, plot_variants, rows
from madminer_workflow.storage import read_json, read_npz

ROOT = Path(__file__).parents[2]


def limit(size: float, best_fit: float | None = 0.1) -> dict[str, Any]:
    def region(size: float) -> dict[str, Any]:
        error = None if best_fit is None else 0.5
        return {"size": size, "size_mc_error": error, "touches_border": size > 6}

    return {
        which: {
            "best_fit": {"c": best_fit},
            "regions": {"68": region(size / 2), "95": region(factor * size)},
        }
        for which, factor in (("full", 1), ("kinematics", 2))
    }


def run(combination: str, seed: int | None, size: float, level: str = "trust") -> Run:
    learned = {
        "members": [
            {"validation_loss": size, "training_seconds": 2.0},
            {"validation_loss": size + 1, "training_seconds": 3.0},
        ],
        "diagnostics": {"bias_test": {"size": 10 * size}},
        "verdict": {"level": level, "reason": "so it is"},
    }
    about = {"luminosity_ipb": 7.0, "shown": ["full", "kinematics"]}
    results = {
        "parameters": ["c"],
        **about,
        "theta_true": {"c": 0.0},
        "n_expected": 12.0,
        "limits": {"sally": limit(size) | learned, "rate": limit(9.0, None)},
        "data": {
            "high": {
                **about,
                "luminosity_ipb": 8.0,
                "limits": {"sally": limit(size / 4), "rate": limit(4.0, None)},
            }
        },
    }
    values = {"training.epochs": len(combination), "training.hidden_layers": [8]}
    name = "/".join(filter(None, [combination, seed and f"initialisation-{seed}"]))
    record = {"combination": combination, "values": values, "sweep": "", "initialisation": seed}
    return Run(name, record, results, {})


def test_mean_and_standard_deviation_over_initialisations() -> None:
    found = comparison([run("a", 1, 1.0), run("a", 2, 4.0, "caution"), run("bb", 5, 2.0)])
    assert found["sweep"] == {"name": None, "keys": ["training.epochs", "training.hidden_layers"]}
    first, second = found["combinations"]
    assert (first["name"], first["initialisations"]) == ("a", [1, 2])
    assert first["folders"] == ["a/initialisation-1", "a/initialisation-2"]
    sally = first["data"]["expected"]["limits"]["sally"]
    assert sally["size_95_full"] == {"mean": 2.5, "std": pytest.approx(3 / np.sqrt(2))}
    assert sally["size_68_kinematics"] == {"mean": 1.25, "std": pytest.approx(1.5 / np.sqrt(2))}
    assert sally["best_fit_full_c"] == {"mean": 0.1, "std": 0.0}
    assert sally["validation_loss"] == {"mean": 3.0, "std": pytest.approx(3 / np.sqrt(2))}
    assert sally["training_seconds"] == {"mean": 5.0, "std": 0.0}
    assert sally["bias_test"]["mean"] == 25
    assert sally["verdicts"] == ["trust", "caution"]
    assert (sally["touches_border_95_full"], sally["touches_border_95_kinematics"]) == (False, True)
    high = first["data"]["high"]
    assert high["luminosity_ipb"] == 8
    assert high["limits"]["sally"]["size_95_full"]["mean"] == 0.625
    rate = first["data"]["expected"]["limits"]["rate"]
    assert rate["best_fit_full_c"] == rate["validation_loss"] == {"mean": None, "std": None}
    single = second["data"]["expected"]["limits"]["sally"]["size_95_full"]
    assert single == {"mean": 2.0, "std": None}


def test_the_best_method_of_each_combination() -> None:
    runs = [run("a", seed, float(seed)) for seed in (1, 2, 3)] + [run("bb", 1, 1.0)]
    for one, best in zip(runs, ["sally", "sally", "rolr", "rolr"], strict=True):
        one.results["limits"]["rolr"] = one.results["limits"]["sally"]
        one.results["best"] = {"method": best, "tied": [], "values": {"sally": 0, "rolr": 0}}
    runs[3].results["best"]["tied"] = ["sally"]
    assert [row["best"] for row in rows(runs[3])][:3] == ["tie", "", "best"]
    record = comparison(runs)
    limits = record["combinations"][0]["data"]["expected"]["limits"]
    assert limits["sally"]["best"] == ["best", "best", ""]
    assert "best" not in limits["rate"]
    lines = [line.split() for line in table(record).splitlines()]
    ends = {(line[0], line[1]): line[-2:] for line in lines if "trust" in line[:-1]}
    assert ends["a", "sally"] == ["best", "2/3"]
    assert ends["bb", "sally"] == ["trust", "tie"]


def contest(run: Run, values: dict[str, float], seed: int = 1, **points: float) -> Run:
    """Adds a contest, whose replicas spread by 0.1 for `sally` and by nothing else."""
    noise = {"sally": np.tile([-0.1, 0.1], 50)}
    judged = {name: Judged(v, v + noise.get(name, np.zeros(100))) for name, v in values.items()}
    configuration: Any = SimpleNamespace(pick_best="cross_entropy", seed=seed, splits=None)
    at = np.array([[points.get("truth", 0.0)], [1.0]])
    return replace(run, contests={"expected": Contest(configuration, 12.0, at, judged)})


def test_the_best_method_of_all_combinations() -> None:
    values = [
        {"rolr": 0.5, "sally": 0.6},
        {"rolr": 0.3, "sally": 0.6},
        {"rolr": 0.35, "sally": 0.4},
    ]
    names = [("a", 1), ("a", 2), ("bb__long", 1)]
    runs = [contest(run(*one, 1.0), v) for one, v in zip(names, values, strict=True)]
    record = comparison(runs)
    best = record["best"]["expected"]
    assert (best["combination"], best["method"]) == ("bb__long", "rolr")
    spread = 0.2 / np.sqrt(2) / np.sqrt(2)  # of the mean over two initialisations
    assert best["values"][0] == {
        "combination": "a",
        "method": "rolr",
        "value": pytest.approx(0.4),
        "difference": pytest.approx(0.05),
        "error": pytest.approx(spread),
    }
    tied = [{"combination": "a", "method": "rolr"}, {"combination": "bb__long", "method": "sally"}]
    assert best["tied"] == tied
    runs[2].results["limits"]["rolr"] = runs[2].results["limits"]["sally"]
    found = [row for row in rows(runs[2], record["best"]) if row["data"] == "expected"]
    marks = {row["method"]: (row["overall"], row["criterion_difference"]) for row in found}
    assert marks == {
        "sally": ("tie", pytest.approx(0.05)),
        "rate": (None, None),
        "rolr": ("best", 0),
    }
    text = " ".join(table(record).split())
    assert "best by cross-entropy: rolr of bb long, a tie within errors: rolr of a, sally" in text


@pytest.mark.parametrize("others", [{"seed": 2}, {"truth": 0.5}])
def test_what_other_events_or_truths_judge_is_not_compared(others: dict[str, Any]) -> None:
    runs = [contest(run("a", 1, 1.0), {"sally": 0.5})]
    runs.append(contest(run("bb", 1, 1.0), {"sally": 0.4}, **others))
    assert comparison(runs)["best"] == {"expected": None}


def test_a_row_for_each_method_and_set_of_data() -> None:
    found = list(rows(run("a", 3, 1.0)))
    assert [(row["data"], row["method"]) for row in found] == [
        (data, method) for data in ("expected", "high") for method in ("sally", "rate")
    ]
    assert [row["luminosity_ipb"] for row in found] == [7, 7, 8, 8]
    assert {row["folder"] for row in found} == {"a/initialisation-3"}
    assert (found[0]["training.epochs"], found[0]["initialisation"]) == (1, 3)
    assert (found[0]["bias_test"], found[0]["training_seconds"], found[0]["verdict"]) == (
        10,
        5,
        "trust",
    )
    assert found[1]["verdict"] is None


def test_all_columns_are_explained() -> None:
    page = (ROOT / "docs" / "sweeps.md").read_text()
    row, *_ = rows(run("a", 3, 1.0))
    general = {
        re.sub("_(full|kinematics)", "_<which>", re.sub("_(68|95)", "_<level>", column))
        for column in row
    }
    general = {re.sub("_c$", "_<parameter>", column) for column in general}
    general = {"<key>" if column.startswith("training.") else column for column in general}
    table = page.partition("### `sweep.csv`")[2].partition("### ")[0]
    assert set(re.findall(r"^\| `([^`]*)`", table, re.M)) == general


def test_the_table_fits_on_a_terminal() -> None:
    name = "learning_rate-0.001__hidden_layers-64x64x64"
    text = table(comparison([run("small", 1, 1.0), run("small", 2, 4.0), run(name, 1, 3.0)]))
    assert text.splitlines() == [
        "Expected limits for c = 0, 7 /pb, 12 events",
        "",
        "  combination             method  95 % interval  kinematics  trust",
        "  small                   sally   2 +- 2         5 +- 4 *    trust",
        "  learning_rate-0.001     sally   3.0 +- 0.5     6.0 +- 0.5  trust",
        "  hidden_layers-64x64x64",
        "  all                     rate    9 *            18 *",
        "",
        "mean and standard deviation over initialisations",
        "",
        "* at the border of the scan: there may be more outside",
    ]


@pytest.fixture
def parts(run: Any) -> list[Part]:
    """Two variants of a run, which differ in nothing but their results."""
    return [
        Part(
            name,
            run.configuration,
            {
                "combination": "",
                "values": {},
                "initialisation": seed,
                "sweep": "",
                "results": [number],
            },
        )
        for seed, (name, number) in enumerate([("initialisation-0", 0), ("initialisation-1", 1)])
    ]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_products_of_each_variant_and_their_mean(
    run: Any, parts: list[Part], tmp_path: Path
) -> None:
    record, folder = plot_variants(parts, run.events, run.results, tmp_path, run.input_file)
    assert folder == tmp_path / "plotting"
    (standing,) = record["best"]["expected"]["values"]
    assert standing["difference"] == standing["error"] == 0
    (written,) = read_json(folder / "results.json")["combinations"]
    assert written["folders"] == record["combinations"][0]["folders"] == [p.name for p in parts]
    single = [read_npz(folder / part.name / "limits" / "alices.npz") for part in parts]
    mean = read_npz(folder / "limits" / "alices.npz")
    for name in ("q_full", "q_kinematics"):
        q = np.stack([limit[name] for limit in single])
        np.testing.assert_array_equal(mean[name], q.mean(axis=0))
        np.testing.assert_array_equal(mean[f"{name}_std"], np.std(q, axis=0, ddof=1))
    assert "q_full_std" not in read_npz(folder / "limits" / "rate.npz")
    about = read_json(folder / "initialisation-1" / "combination.json")
    assert about == {"combination": "", "values": {}, "initialisation": 1, "sweep": ""}
    with open(folder / "sweep.csv", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    first = read_json(folder / "initialisation-0" / "results.json")["limits"]["alices"]
    assert [row["method"] for row in found] == ["alices", "histogram", "rate"] * 2
    size = first["kinematics"]["regions"]["68"]["size"]
    assert float(found[0]["size_68_kinematics"]) == size
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert {"sweep", "limits_full", "overview"} <= names
    assert "training" not in names


def test_a_missing_result_is_refused(run: Any, parts: list[Part], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 results, expected those of all combinations"):
        plot_variants(parts, run.events, run.results[:1], tmp_path, run.input_file)
