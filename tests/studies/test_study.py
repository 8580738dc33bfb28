from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.configuration import load
from madminer_workflow.configuration.sweep import points
from madminer_workflow.errors import InputError
from madminer_workflow.events import read_header
from madminer_workflow.studies import Parameters, choices, combine, linspace, seeds

BASE = Parameters(methods=["quadratic"], training={"epochs": 20})


def refusal(call: Any) -> str:
    """Returns the message with which a call is refused."""
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_study_is_a_mapping_from_names_to_parameters() -> None:
    study = BASE.vary("training.epochs", [10, 20, 40]).vary("seed", seeds(2))
    assert len(study) == 6
    assert list(study)[:3] == ["epochs-10__seed-1", "epochs-10__seed-2", "epochs-20__seed-1"]
    assert study["epochs-40__seed-2"] == BASE.replace({"training.epochs": 40, "seed": 2})
    assert study.table["epochs-10__seed-2"] == {"training.epochs": 10, "seed": 2}
    assert repr(study) == "<Study of training.epochs, seed: 6 combinations>"
    assert "epochs-11__seed-1" not in study


def test_more_values_leave_the_other_names_and_parameters_alone() -> None:
    few, many = (BASE.vary("luminosity", linspace(1000, 3000, n)) for n in (3, 5))
    assert list(many) == [f"luminosity-{value}" for value in (1000, 1500, 2000, 2500, 3000)]
    assert {name: many[name] for name in few} == dict(few)


@pytest.mark.parametrize(
    ("key", "values", "names"),
    [
        ("training.learning_rate", np.array([0.1, 1e-5]), ["0.1", "1e-05"]),
        ("training.hidden_layers", [[8], (64, 64)], ["8", "64x64"]),
        ("training.activation", choices("tanh", "silu"), ["tanh", "silu"]),
        ("plotting.rates", [True, False], ["true", "false"]),
        ("asymptotic_limits.theta_true", choices(0, sm=[0, 0], far=[[1, -1]]), ["0", "sm", "far"]),
        ("asymptotic_limits.theta_true", [[0.5, -0.5]], ["0.5x-0.5"]),
        ("histogram_vars", ["m_ll", "p/t", "b"], ["m_ll", "254d755c", "b"]),
        ("splits", [{"train": 0.6, "test": 0.3}], ["a51cf915"]),
    ],
)
def test_names_are_readable_where_values_are(key: str, values: Any, names: list[str]) -> None:
    word = key.rpartition(".")[2]
    assert list(BASE.vary(key, values)) == [f"{word}-{name}" for name in names]


def test_keys_that_end_alike_are_named_in_full() -> None:
    study = BASE.vary("training.n_members", [1]).vary("quadratic.training.n_members", [2])
    assert list(study) == ["training.n_members-1__quadratic.training.n_members-2"]


def test_long_names_are_cut_and_stay_different() -> None:
    names = [f"observable_{number:02d}_with_a_long_name" for number in range(3)]
    study = BASE
    keys = ("histogram_vars", "fisher_information.observable", "observed.data")
    study = BASE.vary(keys[0], names).vary(keys[1], names).vary(keys[2], names)
    assert len(set(study)) == 27
    assert all(len(name) <= 120 for name in study)


def test_zip_and_grid() -> None:
    epochs, rates = (
        BASE.vary("training.epochs", [1, 2]),
        BASE.vary("training.learning_rate", [0.3, 0.2]),
    )
    grid, pairs = combine(epochs, rates), combine(epochs, rates, how="zip")
    assert [tuple(row.values()) for row in grid.table.values()] == [
        (1, 0.3),
        (1, 0.2),
        (2, 0.3),
        (2, 0.2),
    ]
    assert [tuple(row.values()) for row in pairs.table.values()] == [(1, 0.3), (2, 0.2)]
    assert len(combine(pairs, BASE.vary("seed", seeds(3)))) == 6


def test_derived_parameters_follow_what_varies() -> None:
    study = BASE.vary("training.learning_rate", [0.01, 0.1]).derive(
        "training.final_learning_rate", lambda p: p["training.learning_rate"] / 10
    )
    study = combine(study, BASE.vary("seed", seeds(2))).derive(
        "training.batch_size", lambda p: 100 * p["seed"]
    )
    chosen = study["learning_rate-0.1__seed-2"]
    assert chosen["training.final_learning_rate"] == pytest.approx(0.01)
    assert chosen["training.batch_size"] == 200
    assert study.table["learning_rate-0.1__seed-2"] == {"training.learning_rate": 0.1, "seed": 2}
    message = "training.batch_size: -1, expected an integer >= 1"
    assert refusal(lambda: study.derive("samples.test", lambda _: 0)).startswith("samples.test: 0")
    seeded = BASE.vary("seed", [1])
    assert refusal(lambda: seeded.derive("training.batch_size", lambda _: -1)) == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BASE.vary("seed", []), "vary: no values, expected one or more"),
        (lambda: BASE.vary("seed", [1, -1]), "seed: -1, expected an integer >= 0 and <= 92233"),
        (lambda: BASE.vary("sead", [1]), "sead: unknown key, did you mean 'seed'? allowed: "),
        (lambda: BASE.vary("seed", [1, 1]), "seed-1: this combination is given twice, expected"),
        (lambda: BASE.vary("seed", [1]).vary("seed", [2]), "seed: varies twice, expected once"),
        (
            lambda: BASE.vary("training", [{}]).vary("training.epochs", [2]),
            "training.epochs: varies twice, expected once",
        ),
        (
            lambda: BASE.vary("seed", [1]).derive("seed", lambda _: 1),
            "seed: varies twice, expected once",
        ),
        (
            lambda: combine(BASE.vary("seed", [1]), BASE.vary("luminosity", [1, 2]), how="zip"),
            "combine: 1 and 2 values, expected as many of each",
        ),
        (
            lambda: combine(BASE.vary("seed", [1]), how="product"),  # type: ignore[arg-type]
            "combine: 'product', allowed: grid, zip",
        ),
        (
            lambda: combine(BASE.vary("seed", [1]), BASE.replace({"seed": 2}).vary("seed", [1])),
            "combine: expected studies of the same parameters",
        ),
        (lambda: combine(), "combine: expected studies of the same parameters"),
    ],
)
def test_impossible_studies_are_refused(call: Any, message: str) -> None:
    assert refusal(call).startswith(message)


def test_a_study_is_written_as_input_files(
    event_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("energy,angle\n1,0\n")
    base = BASE.replace({"observed": {"data": "data.csv"}, "luminosity": 1})
    priors = {"sampling_method": "morphing_points", "sampling_arg": [[0.5, 0.5]]}
    study = base.vary("training.epochs", [1, 2]).vary(
        "quadratic.theta_0", choices(point=priors, sm={"sampling_method": "benchmark"})
    )
    study.check(event_file)
    files = study.write("a study/of two")
    assert [path.stem for path in files] == list(study)
    rows = json.loads(Path("a study/of two/study.json").read_text())
    assert rows[0] == {
        "name": "epochs-1__theta_0-point",
        "input_file": "epochs-1__theta_0-point.yml",
        "values": {"training.epochs": 1, "quadratic.theta_0": priors},
    }
    header = read_header(event_file)
    for path, row in zip(files, rows, strict=True):
        configuration = load(path, header)
        assert Parameters.read(path) == study[row["name"]]
        assert configuration.observed is not None
        assert configuration.methods[0].training.epochs == row["values"]["training.epochs"]
    before = [path.read_bytes() for path in files]
    assert [path.read_bytes() for path in study.write("a study/of two")] == before


def test_a_study_is_checked_against_events(event_file: Path) -> None:
    study = BASE.vary("asymptotic_limits.theta_true", [[0, 0], [1, 99]])
    assert refusal(lambda: study.check(event_file)) == (
        "theta_true-1x99: asymptotic_limits.theta_true[1]: 99, expected a value of c_d in its "
        "range [-2, 2.5]"
    )


def test_a_study_as_one_run_with_a_sweep(tmp_path: Path) -> None:
    study = BASE.vary("training.epochs", [10, 20]).vary("samples.test", choices(few=5, many=50))
    study = study.derive("training.batch_size", lambda p: 10 * p["training.epochs"])
    path = study.swept("sizes").write(tmp_path / "sizes.yml")
    found = points(Parameters.read(path).document)
    assert [one.name for one in found] == list(study)
    for one in found:
        assert Parameters(**one.document(BASE.document)) == study[one.name]
    assert {one.sweep for one in found} == {"sizes"}
    again = study.swept().vary("seed", [1, 2])
    assert refusal(again.swept) == "sweep: given, expected none where combinations become one"


def test_parameters_check_their_sweep() -> None:
    sweep = {"grid": {"training.epoch": [1]}}
    assert refusal(lambda: BASE.replace({"sweep": sweep})).startswith(
        "sweep.grid.training.epoch: unknown key, did you mean 'epochs'?"
    )
