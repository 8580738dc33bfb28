from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration.model import Limits
from madminer_workflow.errors import InputError
from madminer_workflow.statistics import AsimovSums, FisherInformation, KinematicLikelihood
from madminer_workflow.steps.evaluation import Evaluation
from madminer_workflow.storage import read_json, read_npz, write_json, write_npz

LIMITS = Limits(((-1.0, 1.5), (-2.0, 2.5)), (2, 3), ((0.0, 0.1), (0.5, 0.0)), 1e3, (True, False))
INFORMATION = FisherInformation("sally", np.zeros(2), np.eye(2), 0.1 * np.eye(2), "Estimated.")
VALUES = np.linspace(-3.0, 0.0, 6)
EXPECTED = KinematicLikelihood(
    n_events=52.5,
    plug_in=VALUES,
    raw=VALUES + 0.5,
    corrected=VALUES - 0.1,
    replicas_plug_in=np.outer([1.0, 1.1], VALUES),
    replicas_corrected=np.outer([0.9, 1.2], VALUES),
)
OBSERVED = KinematicLikelihood(
    47, VALUES, raw=VALUES, replicas_plug_in=np.outer([0.8, 1.1], VALUES)
)
UNKNOWN = replace(EXPECTED, plug_in=np.array([np.nan, *range(5)]))


def some_sums() -> AsimovSums:
    sums = AsimovSums(7)
    rng = np.random.default_rng(1)
    sums.add(rng.normal(size=(100, 7)), rng.uniform(size=(100, 7)), np.ones(100))
    return sums


def evaluation(**changes: Any) -> Evaluation:
    pairs = np.linspace(-1.0, 1.0, 4)
    ratio = Evaluation(
        method="alices",
        limits=LIMITS,
        n_events=10,
        keys={"expected": (0.0, 0.1), "expected_2": (0.5, 0.0), "observed": "observed-0.npz"},
        likelihoods={"expected": EXPECTED, "expected_2": UNKNOWN, "observed": OBSERVED},
        log_normalisation=0.01 * VALUES,
        sums=None,
        joint=pairs,
        learned=2 * pairs,
        fisher=None,
    )
    return replace(ratio, **changes)


def assert_equal(first: Evaluation, second: Evaluation) -> None:
    assert vars(first).keys() == vars(second).keys()
    for name, value in vars(first).items():
        if name == "likelihoods":
            assert list(second.likelihoods) == list(value)
            for data, likelihood in value.items():
                np.testing.assert_equal(vars(second.likelihoods[data]), vars(likelihood))
        elif isinstance(value, AsimovSums):
            np.testing.assert_equal(vars(second)[name].arrays(), value.arrays())
        elif isinstance(value, FisherInformation):
            np.testing.assert_equal(vars(vars(second)[name]), vars(value))
        else:
            np.testing.assert_equal(vars(second)[name], value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"likelihoods": {"expected": EXPECTED}},
        {"sums": some_sums()},
        {
            "likelihoods": {"expected": KinematicLikelihood(52.5, VALUES)},
            "log_normalisation": None,
            "fisher": INFORMATION,
        },
        {"joint": np.ones((4, 2)), "learned": np.zeros((4, 2))},
    ],
)
def test_what_is_saved_is_loaded(tmp_path: Path, changes: dict[str, Any]) -> None:
    saved = evaluation(**changes)
    saved.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "result.npz"]
    assert_equal(Evaluation.load(tmp_path), saved)


def test_the_largest_offset_is_that_of_the_normalisation() -> None:
    assert evaluation().largest_offset == pytest.approx(0.03)
    offsets = np.array([0.01, -0.2, np.nan, -np.inf, 0.1, 0.0])
    assert evaluation(log_normalisation=offsets).largest_offset == pytest.approx(0.2)
    assert evaluation(log_normalisation=None).largest_offset == 0.0


@pytest.mark.parametrize("name", ["result.json", "result.npz"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    evaluation().save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: cannot be read"):
        Evaluation.load(tmp_path)


@pytest.mark.parametrize("name", ["plug_in", "n_events"])
def test_a_missing_part_of_a_likelihood(tmp_path: Path, name: str) -> None:
    evaluation().save(tmp_path)
    arrays = read_npz(tmp_path / "result.npz")
    del arrays[f"observed.{name}"]
    write_npz(tmp_path / "result.npz", **arrays)
    with pytest.raises(InputError, match=rf"not the result of an evaluation \(.*'{name}'\)"):
        Evaluation.load(tmp_path)


@pytest.mark.parametrize("name", ["joint", "learned"])
def test_a_missing_array(tmp_path: Path, name: str) -> None:
    evaluation().save(tmp_path)
    arrays = read_npz(tmp_path / "result.npz")
    write_npz(tmp_path / "result.npz", **{key: arrays[key] for key in arrays.keys() - {name}})
    with pytest.raises(InputError, match=rf"not the result of an evaluation \('{name}'\)"):
        Evaluation.load(tmp_path)


@pytest.mark.parametrize(
    "change", [{"limits": None}, {"limits": {}}, {"more": 1}, {"fisher": {"name": "rate"}}]
)
def test_a_record_of_something_else(tmp_path: Path, change: dict[str, Any]) -> None:
    evaluation().save(tmp_path)
    record = read_json(tmp_path / "result.json")
    for content in (record | change, list(record)):
        write_json(tmp_path / "result.json", content)
        with pytest.raises(InputError, match="not the result of an evaluation"):
            Evaluation.load(tmp_path)
