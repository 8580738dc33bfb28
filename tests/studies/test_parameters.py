from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.studies import Parameters, describe

BASE = Parameters(methods=["quadratic"], training={"epochs": 20})


def refusal(call: Any) -> str:
    """Returns the message with which a call is refused."""
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "methods: missing, expected a list (each one of alice, alices, "),
        ({"training": {"epochs": 0}}, "training.epochs: 0, expected an integer >= 1"),
        ({"training": {"epochs": np.float64(0.5)}}, "training.epochs: 0.5, expected an integer"),
        ({"trainig": {}}, "trainig: unknown key, did you mean 'training'? allowed: methods, "),
        ({"luminosity": float("nan")}, "luminosity: NaN, expected a number > 0"),
        ({"luminosity": {1}}, "{1}, expected numbers, texts, true or false, lists and mappings"),
    ],
)
def test_values_are_checked_when_they_are_given(values: dict[str, Any], message: str) -> None:
    methods = {"methods": ["alice"]} if values else {}
    assert refusal(lambda: Parameters(**methods, **values)).startswith(message)


def test_parameters_cannot_be_changed() -> None:
    given = {"epochs": 20}
    parameters = Parameters(methods=["quadratic"], training=given)
    given["epochs"] = 1
    parameters.document["training"]["epochs"] = 2
    assert parameters["training.epochs"] == 20
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameters._text = "{}"  # type: ignore[misc]


def test_the_same_content_is_equal() -> None:
    other = Parameters(training={"epochs": np.int64(20)}, methods=("quadratic",))
    assert other == BASE
    assert len({other, BASE, BASE.replace({"training.epochs": 10})}) == 2
    assert list(other.document) == ["methods", "training"]
    assert eval(repr(other)) == BASE


def test_values_and_defaults() -> None:
    parameters = Parameters(
        methods=["alices", "quadratic"],
        samples={"train": 7},
        training={"alpha": 2, "n_folds": 3},
        alices={"training": {"alpha": 0}},
        plotting={"rates": False},
        asymptotic_limits={"region": {"c_u": {"min": -1, "max": 1}}},
    )
    expected = {
        "training.alpha": 2,
        "alices.training.alpha": 0,
        "quadratic.training.alpha": 2,
        "quadratic.training.n_folds": 3,
        "training.epochs": 20,
        "alices.training.epochs": 20,
        "quadratic.training.epochs": 32,
        "scandal.training.alpha": 2,
        "quadratic.samples.train": 7,
        "quadratic.samples.test": 10000,
        "plotting.rates": False,
        "seed": 1,
        "splits.test": 0.2,
        "asymptotic_limits.region.c_u.max": 1,
        "alices.training": {"alpha": 0},
    }
    assert {key: parameters[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("training.epoch", "training.epoch: unknown key, did you mean 'epochs'? allowed: hidden"),
        ("histogram_vars", "histogram_vars: not given, and its default is the first observable of"),
        ("luminosity", "luminosity: not given, and its default is that of the event file if it"),
        ("observed.data", "observed.data: not given, and its default is none"),
        (
            "asymptotic_limits.region.c_u.min",
            "asymptotic_limits.region.c_u.min: not given, and its default is none",
        ),
    ],
)
def test_what_has_no_value_is_refused(key: str, message: str) -> None:
    assert refusal(lambda: BASE[key]).startswith(message)


def test_replaced_values_are_checked() -> None:
    changed = BASE.replace({"seed": 5, "quadratic.training.n_members": 3, "luminosity": 1e4})
    assert changed.document == {
        "methods": ["quadratic"],
        "seed": 5,
        "training": {"epochs": 20},
        "luminosity": 1e4,
        "quadratic": {"training": {"n_members": 3}},
    }
    assert BASE["seed"] == 1
    message = "quadratic.training.n_folds: 1, expected an integer >= 2"
    assert refusal(lambda: BASE.replace({"quadratic.training.n_folds": 1})) == message
    assert refusal(lambda: BASE.replace({"sed": 1})).startswith("sed: unknown key, did you mean")
    theta = {"sampling_method": "random_morphing_points", "prior": []}
    listed = Parameters(methods=["alice"], alice={"theta_0": theta})
    assert refusal(lambda: listed.replace({"alice.theta_0.prior.c_u": {}})) == (
        "alice.theta_0.prior.c_u: prior has no keys but is []"
    )


def test_input_files_may_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("{methods: [alice], observed: {data: data.csv}}")
    (tmp_path / "b.yml").write_text("training: {epochs: 0}")
    read = Parameters.read(tmp_path / "a.yml", profile="smoke")
    assert (read["observed.data"], read["samples.train"]) == (str(tmp_path / "data.csv"), 5000)
    message = f"{tmp_path}/b.yml: training.epochs: 0, expected an integer >= 1"
    assert refusal(lambda: Parameters.read(tmp_path / "a.yml", tmp_path / "b.yml")) == message


def test_descriptions_come_from_the_schema() -> None:
    epochs = describe("quadratic.training.epochs")
    assert (epochs.allowed, epochs.unit, epochs.default) == ("an integer >= 1", "", 20)
    assert epochs.help == "Largest number of passes over the training samples."
    luminosity = describe("luminosity")
    assert luminosity.unit == "1/pb"
    assert luminosity.default == "that of the event file if it states one, else 10000.0"
    assert describe("asymptotic_limits.region.c_u.min").unit == "that of the parameter"
    assert describe("histogram_vars").default == "the first observable of the event file"
    assert refusal(lambda: describe("trainin.epochs")).startswith("trainin: unknown key, did you")
