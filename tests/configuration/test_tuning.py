from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from madminer_workflow.configuration.routines import rules
from madminer_workflow.configuration.schema import validate
from madminer_workflow.configuration.tuning import Tuning, tuning
from madminer_workflow.errors import InputError

RATE = {"min": 1e-4, "max": 0.1, "log": True}


def found(space: dict[str, Any], method: str = "alices", **keys: Any) -> Tuning:
    document = {"methods": ["alices", "quadratic"], "tuning": {"space": space, **keys}}
    validate(document)
    return tuning(document, method)


def test_a_space_has_ranges_choices_and_conditions_in_the_keys_of_the_method() -> None:
    search = found(
        {
            "training.learning_rate": RATE,
            "training.activation": {"choices": ["silu", "tanh"]},
            "training.epochs": {"min": 5, "max": 20, "when": {"training.activation": ["tanh"]}},
        }
    )
    rate, activation, epochs = search.space
    assert rate.key == "alices.training.learning_rate"
    assert (rate.low, rate.high, rate.log, rate.whole) == (1e-4, 0.1, True, False)
    assert activation.choices == ("silu", "tanh")
    assert (epochs.step, epochs.whole) == (1, True)
    assert epochs.is_tried({"alices.training.activation": "tanh"})
    assert not epochs.is_tried({"alices.training.activation": "silu"})
    assert not epochs.is_tried({})
    assert (search.objective, search.sampler, search.pruning) == ("cross_entropy", "tpe", True)


def test_keys_that_the_method_does_not_use_are_left_out() -> None:
    space = {
        "training.alpha": {"min": 0.1, "max": 10, "log": True},
        "quadratic.training.n_folds": {"choices": [2, 3]},
        "training.learning_rate": RATE,
    }
    assert [one.key for one in found(space, "quadratic").space] == [
        "quadratic.training.n_folds",
        "quadratic.training.learning_rate",
    ]
    assert found(space, "quadratic").pruning
    assert not found(space).pruning  # the loss means something else for every alpha


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"samples.train": {"choices": [10]}}, "samples.train: cannot be tuned"),
        ({"splits.test": {"choices": [0.1]}}, "splits.test: cannot be tuned"),
        ({"training.seed": {"choices": [1]}}, "training.seed: cannot be tuned"),
        ({"training.epoch": {"choices": [1]}}, "did you mean 'epochs'?"),
        ({"training.epochs": {"choices": [0]}}, "choices[0]: 0, expected an integer >= 1"),
        ({"training.epochs": {"choices": [3, 3]}}, "choices[1]: 3 is given twice"),
        ({"training.epochs": {"min": 3}}, "expected `choices`, or `min` and `max`"),
        ({"training.epochs": {"choices": [3], "max": 4}}, "max: does not go with `choices`"),
        ({"training.epochs": {"min": 5, "max": 5}}, "max: 5, expected more than min, 5"),
        ({"training.epochs": {"min": 1, "max": 5, "step": 0.5}}, "step: 0.5, expected a whole"),
        ({"training.alpha": {"min": 1, "max": 5, "step": 7}}, "step: 7, expected 4 at most"),
        ({"training.epochs": {"min": 1.5, "max": 5}}, "min: 1.5, expected an integer"),
        ({"training.alpha": {"min": 0, "max": 1, "log": True}}, "min: 0, expected a number > 0"),
        ({"training.alpha": {**RATE, "step": 0.1}}, "step: 0.1, expected none"),
        ({"training.alpha": {**RATE, "when": {"estimator": ["x"]}}}, "not tried before"),
        ({"quadratic.training.epochs": {"choices": [3]}}, "no key that alices uses"),
    ],
)
def test_what_cannot_be_tried_is_refused_on_one_line(space: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        found(space)
    assert message in str(caught.value)
    assert str(caught.value).startswith("tuning.space")
    assert "\n" not in str(caught.value)


def test_a_range_ends_where_a_step_does() -> None:
    steps = {"min": 100, "max": 410, "step": 100}, {"min": 0.1, "max": 0.39, "step": 0.1}
    keys = "training.batch_size", "training.learning_rate"
    size, rate = found(dict(zip(keys, steps, strict=True))).space
    assert (size.high, size.n_values) == (400, 4)
    assert (rate.high, rate.n_values) == (0.3, 3)


def test_what_is_special_about_the_method_wins() -> None:
    space = {"training.epochs": {"choices": [1, 2]}, "quadratic.training.epochs": {"choices": [3]}}
    assert [one.choices for one in found(space, "quadratic").space] == [(3,)]
    assert [one.choices for one in found(space, "alices").space] == [(1, 2)]


def test_a_grid_needs_steps_and_an_end() -> None:
    sizes = {"training.batch_size": {"min": 1, "max": 33330}}
    sizes |= {"training.epochs": {"choices": [1, 2, 3]}}
    with pytest.raises(InputError, match=r"space: 99990 combinations, expected 10000 of a grid"):
        found(sizes, sampler="grid")
    with pytest.raises(InputError, match=r"learning_rate: a range, expected `step` for a grid"):
        found({"training.learning_rate": RATE}, sampler="grid")


def test_the_file_must_declare_a_search_for_one_of_its_methods() -> None:
    with pytest.raises(InputError, match="tuning: missing"):
        tuning({"methods": ["alices"]}, "alices")
    with pytest.raises(InputError, match="methods: 'sally' is not among them"):
        found({"training.learning_rate": RATE}, "sally")


def test_settings_of_an_estimator_of_ones_own() -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "boosted.py"

    def searched(**space: Any) -> Tuning:
        document: dict[str, Any] = {"methods": ["trees"], "tuning": {"space": space}}
        document["trees"] = {"class": f"{example}:Boosted"}
        validate(document, rules(document))
        return tuning(document, "trees")

    settings = {"trees.settings.trees": {"min": 5, "max": 20}}
    settings["trees.settings.learning_rate"] = {"min": 0.01, "max": 1, "log": True}
    unused = {"training.learning_rate": RATE, "estimator": {"choices": ["quadratic"]}}
    trees, rate = searched(**settings, **unused).space
    assert (trees.key, trees.whole, trees.step) == ("trees.settings.trees", True, 1)
    assert not rate.whole
    for key, row, message in (
        ("trees.settings.tree", {"choices": [5]}, "tree: unknown key, did you mean 'trees'?"),
        ("trees.settings.trees", {"min": 0, "max": 5}, "trees: 0, expected an integer >= 1"),
        ("trees.settings.leaves", {"choices": [2, 2.5]}, "leaves: 2.5, expected an integer"),
    ):
        with pytest.raises(InputError, match=r"^tuning\.space\.trees\.settings\..*") as caught:
            searched(**{key: row})
        assert message in str(caught.value)


def test_the_study_behind_the_defaults_is_a_valid_input() -> None:
    path = Path(__file__).parents[2] / "docs" / "examples" / "tuning.yml"
    document = yaml.safe_load(path.read_text())
    validate(document)
    assert f"```yaml\n{path.read_text()}```" in (path.parents[1] / "tuning.md").read_text()
    for method in ("quadratic", "alices", "sally"):
        assert [one.key.rpartition(".")[2] for one in tuning(document, method).space] == [
            "learning_rate",
            "batch_size",
            "hidden_layers",
            "activation",
        ]
