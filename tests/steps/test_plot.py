from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from madminer_workflow.configuration import load
from madminer_workflow.configuration.model import Plotting
from madminer_workflow.errors import InputError
from madminer_workflow.statistics import Limit
from madminer_workflow.steps import plot as module
from madminer_workflow.steps.combine import Combination, combine_members
from madminer_workflow.steps.evaluate import evaluate_file
from madminer_workflow.steps.members import read_members
from madminer_workflow.steps.plot import figures, plot, products_folder
from madminer_workflow.steps.report import table
from madminer_workflow.storage import read_json, read_npz, sha256, write_json

Make = Callable[..., Any]

FIGURES = [
    "correlations",
    "diagnostics_alices",
    "diagnostics_sally",
    "fisher",
    "limits_full",
    "limits_kinematics",
    "limits_separate_full",
    "limits_separate_kinematics",
    "overview",
    "p_values_full",
    "p_values_kinematics",
    "training",
]
NOTHING = Plotting(False, None, False, False, (), True)


def write_names(folder: Path, figures: Mapping[str, Any], n_processes: int) -> None:
    """Writes empty files in place of figures."""
    assert n_processes >= 1
    for name in figures:
        write_json(folder / name, {})


@pytest.fixture(scope="module")
def products(run: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The record and the folder of a plotting step; not to be changed."""
    folder = tmp_path_factory.mktemp("products")
    return plot(run.configuration, run.events, run.results, folder, run.input_file)


@pytest.fixture(scope="module")
def combination(run: Any) -> Combination:
    return combine_members(run.configuration, run.events, read_members(run.results))


@pytest.fixture
def quick(run: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """A function that plots the results of one method into a folder, without drawing much."""
    monkeypatch.setattr(module, "figures", lambda *_: [("figure", Figure())])
    methods = tuple(m for m in run.configuration.methods if m.name == "sally")
    configuration = replace(run.configuration, methods=methods)

    def make(output_dir: Path) -> Path:
        return plot(configuration, run.events, run.results[2:], output_dir, run.input_file)[1]

    return make


def names(combination: Combination, **changes: Any) -> list[str]:
    settings = replace(combination.configuration, plotting=replace(NOTHING, **changes))
    return [name for name, _ in figures(replace(combination, configuration=settings), {})]


@pytest.mark.parametrize(
    ("output_dir", "expected"),
    [
        ("run", "run/plotting"),
        ("plotting", "plotting"),
        ("run/plotting/", "run/plotting"),
        ("run/plotting/..", "run/plotting"),
        ("run/my plotting", "run/my plotting/plotting"),
    ],
)
def test_the_folder_of_the_products(tmp_path: Path, output_dir: str, expected: str) -> None:
    assert products_folder(tmp_path / output_dir) == (tmp_path / expected).resolve()


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plotting").mkdir()
    monkeypatch.chdir(tmp_path / "plotting")
    assert products_folder(Path()) == tmp_path / "plotting"


def test_products(products: tuple[dict[str, Any], Path]) -> None:
    _, folder = products
    assert folder.name == "plotting"
    assert {path.name for path in folder.iterdir()} == {"results.json", "limits", "figures"}
    limits = sorted(path.name for path in (folder / "limits").iterdir())
    assert limits == ["alices.npz", "histogram.npz", "rate.npz", "sally.npz"]
    drawn = sorted(path.name for path in (folder / "figures").iterdir())
    assert drawn == sorted(f"{name}.{kind}" for name in FIGURES for kind in ("pdf", "png"))
    assert all(path.stat().st_size > 5000 for path in (folder / "figures").iterdir())


def test_limits_can_be_read_back(
    products: tuple[dict[str, Any], Path], combination: Combination
) -> None:
    for name, expected in combination.data["expected"].limits.items():
        arrays = read_npz(products[1] / "limits" / f"{name}.npz")
        assert arrays["theta_grid"].shape == (25, 2)
        for key in ("q_full", "q_kinematics", "p_full", "p_kinematics"):
            assert arrays[key].shape == (25,)
            assert np.isfinite(arrays[key]).all()
        assert arrays["parameters"].tolist() == ["c_u", "c_d"]
        assert arrays["luminosity_ipb"] == 1000
        np.testing.assert_array_equal(arrays["theta_true"], [0, 0])
        np.testing.assert_array_equal(arrays["q_full"], expected.q_full)
        limit = Limit.from_arrays(arrays)
        assert limit.name == name
        np.testing.assert_allclose(limit.theta_grid, expected.theta_grid, atol=1e-15)


@pytest.fixture(scope="module")
def several(run: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The record and the folder for two true points and observed events, with one method."""
    folder, header = tmp_path_factory.mktemp("several"), run.events.header
    (folder / "observed.csv").write_text("angle,energy\n" + "0.5,2.5\n" * 80)
    document = read_json(run.input_file) | {"methods": ["alices"]}
    document["observed"] = {"data": "observed.csv"}
    document["asymptotic_limits"] |= {"theta_true": [[0, 0], [0.5, 0.5]]}
    document["plotting"] = {"all_methods_separate": False, "correlations": False}
    write_json(folder / "input.json", document)
    configuration = load(folder / "input.json", header)
    for model in run.models[:2]:
        evaluate_file(configuration, model, run.events, folder)
    results = sorted((folder / "results").iterdir())
    with pytest.MonkeyPatch.context() as patch:  # drawing is slow, and tested elsewhere
        patch.setattr(module, "write_figures", write_names)
        return plot(configuration, run.events, results, folder, folder / "input.json")


def test_further_sets_of_data_have_folders_and_figures_of_their_own(
    several: tuple[dict[str, Any], Path],
) -> None:
    _, folder = several
    names = ["alices.npz", "histogram.npz", "rate.npz"]
    limits = folder / "limits"
    assert sorted(path.name for path in limits.iterdir()) == [
        names[0],
        "expected_2",
        *names[1:2],
        "observed",
        names[2],
    ]
    for data, true in (("expected_2", [0.5, 0.5]), ("observed", [np.nan] * 2)):
        assert sorted(path.name for path in (limits / data).iterdir()) == names
        for path in (limits / data).iterdir():
            np.testing.assert_array_equal(read_npz(path)["theta_true"], true)
    drawn = {path.name for path in (folder / "figures").iterdir()}
    once = {"limits_full", "limits_kinematics", "p_values_full", "p_values_kinematics", "overview"}
    each = {f"{name}{end}" for name in once for end in ("", "_expected_2", "_observed")}
    assert drawn == each | {
        "diagnostics_alices",
        "fisher",
        "observed_full",
        "observed_kinematics",
        "training",
    }


def test_arrays_of_further_sets_of_data(several: tuple[dict[str, Any], Path]) -> None:
    expected = {
        f"q_{which}_{form}"
        for which in ("full", "kinematics")
        for form in ("raw", "plug_in", "corrected", "mc_std", "std")
    }
    for data in (".", "expected_2", "observed"):
        arrays = read_npz(several[1] / "limits" / data / "alices.npz")
        optional = {name for name in arrays if name.count("_") > 1 and name.startswith("q_")}
        optional |= {name for name in arrays if name.endswith(("_raw", "_std", "_corrected"))}
        wanted = {n for n in expected if data != "observed" or not n.endswith("corrected")}
        assert optional == wanted
        for name in wanted:
            assert arrays[name].shape == (25,)
            assert np.isfinite(arrays[name]).all()


def test_the_table_has_all_sets_of_data(several: tuple[dict[str, Any], Path]) -> None:
    shown = table(read_json(several[1] / "results.json"))
    headings = [line for line in shown.splitlines() if "events" in line]
    assert [line.partition(",")[0] for line in headings] == [
        "Expected limits for c_u = 0",
        "Expected limits for c_u = 0.5",
        "Observed limits",
    ]
    assert headings[2].endswith(" 80 events")
    assert shown.partition("can they be trusted:")[0].count("\n  alices") == 3 * 2
    assert max(map(len, shown.splitlines())) <= 80


def test_observed_events_are_among_the_inputs(several: tuple[dict[str, Any], Path]) -> None:
    record, folder = several
    path = folder.parent / "observed.csv"
    assert record["provenance"]["inputs"]["observed"] == {
        "name": "observed.csv",
        "sha256": sha256(path),
    }


def test_results_say_where_they_come_from(run: Any, products: tuple[dict[str, Any], Path]) -> None:
    written = read_json(products[1] / "results.json")
    assert list(written["limits"]) == ["alices", "sally", "histogram", "rate"]
    assert written["provenance"]["inputs"] == {
        "data_file": {"name": "events.h5", "sha256": sha256(run.events.header.path)},
        "input_file": {"name": "input.json", "sha256": sha256(run.input_file)},
    }
    assert written["provenance"] == products[0]["provenance"]


def test_the_same_results_give_the_same_numbers(
    run: Any,
    products: tuple[dict[str, Any], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "figures", lambda *_: [])
    record, folder = plot(
        run.configuration, run.events, run.results[::-1], tmp_path, run.input_file
    )
    for path in (products[1] / "limits").iterdir():
        first, second = read_npz(path), read_npz(folder / "limits" / path.name)
        np.testing.assert_equal(second, first)
    np.testing.assert_equal(record["limits"], products[0]["limits"])


@pytest.mark.parametrize(("name", "n_calls"), [("write_npz", 2), ("write_figures", 1)])
def test_results_come_last(
    quick: Callable[[Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    n_calls: int,
) -> None:
    folder = quick(tmp_path)
    content = {"results.json", "limits", "figures"}
    assert {path.name for path in folder.iterdir()} == content
    original, calls = getattr(module, name), []

    def killed(*arguments: Any, **arrays: Any) -> None:
        calls.append(arguments)
        if len(calls) == n_calls:
            raise KeyboardInterrupt
        original(*arguments, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(KeyboardInterrupt):
            quick(tmp_path)
    assert {path.name for path in folder.iterdir()} == content - {"results.json"}
    quick(tmp_path)
    assert {path.name for path in folder.iterdir()} == content


def test_bad_results_leave_what_was_there(
    run: Any, quick: Callable[[Path], Path], tmp_path: Path
) -> None:
    before = sha256(quick(tmp_path) / "results.json")
    twice, none = [run.results[0]] * 2, [tmp_path]
    for folders, output_dir in ((twice, tmp_path), (none, tmp_path / "new")):
        with pytest.raises(InputError, match=r"holds as well|result\.json: cannot be read"):
            plot(run.configuration, run.events, folders, output_dir, run.input_file)
    assert sha256(tmp_path / "plotting" / "results.json") == before
    assert not (tmp_path / "new").exists()


def test_every_flag_has_its_figures(combination: Combination) -> None:
    assert names(combination) == ["training", "fisher"]
    assert names(combination, all_methods=True) == [
        "limits_full",
        "p_values_full",
        "limits_kinematics",
        "p_values_kinematics",
        "overview",
        "training",
        "fisher",
    ]
    assert names(combination, all_methods_separate=True)[:2] == [
        "limits_separate_full",
        "limits_separate_kinematics",
    ]
    assert "correlations" not in names(combination, correlations=True)
    assert "correlations" in names(combination, correlations=True, correlations_methods=("sally",))
    assert names(replace(combination, fisher=[])) == ["training"]
    assert names(replace(combination, members={})) == ["fisher"]


def test_only_the_limits_that_are_asked_for_are_drawn(combination: Combination) -> None:
    data = {name: replace(one, shown=("kinematics",)) for name, one in combination.data.items()}
    drawn = names(replace(combination, data=data), all_methods=True)
    assert drawn[:2] == ["limits_kinematics", "p_values_kinematics"]
    assert "limits_full" not in drawn


@pytest.mark.parametrize("rates", [True, False])
def test_observed_limits_are_drawn_with_the_expected_ones(
    combination: Combination, monkeypatch: pytest.MonkeyPatch, rates: bool
) -> None:
    from madminer_workflow import figures as draw

    expected = combination.data["expected"]
    limits = {
        name: replace(limit, theta_true=np.full(2, np.nan))
        for name, limit in expected.limits.items()
    }
    scan = replace(expected.scan, theta_true=np.full(2, np.nan))
    observed = replace(expected, scan=scan, limits=limits, exact=limits["rate"])
    both = replace(combination, data={"expected": expected, "observed": observed})
    seen: list[Any] = []
    monkeypatch.setattr(draw, "observed", lambda *arguments: seen.append(arguments))
    assert names(both, rates=rates)[:2] == ["observed_full", "observed_kinematics"]
    shown, found, which, *exact, _ = seen[1]
    assert which == "kinematics"
    assert [limit.name for limit in shown] == [
        name for name in expected.limits if rates or name != "rate"
    ]
    assert all(found[i] is limit for i, limit in enumerate(limits.values()))
    assert exact == [expected.exact, limits["rate"]]


@pytest.mark.parametrize("rates", [True, False])
def test_what_is_drawn_of_each_method(
    combination: Combination, monkeypatch: pytest.MonkeyPatch, rates: bool
) -> None:
    from madminer_workflow import figures as draw

    seen: dict[str, Any] = {}
    for name in ("limits", "training", "ratios", "fisher"):
        monkeypatch.setattr(draw, name, lambda first, *_, key=name: seen.update({key: first}))
    methods = ("sally", "alices")
    names(
        combination,
        all_methods=True,
        correlations=True,
        correlations_methods=methods,
        rates=rates,
    )
    shown = ["alices", "sally", "histogram", *(["rate"] if rates else [])]
    assert [limit.name for limit in seen["limits"]] == shown
    assert {name: len(curves) for name, curves in seen["training"].items()} == {
        "alices": 2,
        "sally": 1,
    }
    assert [(c.method, c.quantity) for c in seen["ratios"]] == [
        ("alices", "log r"),
        ("sally", "c_u"),
        ("sally", "c_d"),
    ]
    assert seen["ratios"][0].joint.shape == seen["ratios"][0].learned.shape == (100,)


def test_units_are_those_of_the_event_file(run: Any) -> None:
    assert module.units_of(run.events) is None
    header = replace(run.events.header, process={"unit": "TeV^-2"})
    assert module.units_of(replace(run.events, header=header)) == {"c_u": "TeV^-2", "c_d": "TeV^-2"}
