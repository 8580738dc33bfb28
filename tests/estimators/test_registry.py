from __future__ import annotations

import subprocess
import sys

import pytest

from madminer_workflow import estimators
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.model import model_class
from madminer_workflow.estimators.network_model import NetworkModel
from madminer_workflow.estimators.registry import METHODS


def test_the_table_has_all_methods() -> None:
    kinds = {name: spec.kind for name, spec in METHODS.items()}
    ratios = ("alice", "alices", "carl", "cascal", "quadratic", "rascal", "rolr")
    assert kinds == {
        **dict.fromkeys(ratios, "ratio"),
        **dict.fromkeys(("sally", "sallino"), "score"),
        "scandal": "density",
    }


@pytest.mark.parametrize("estimator", ["parameterized", "quadratic"])
@pytest.mark.parametrize("name", METHODS)
def test_each_method_has_a_class_for_each_form(name: str, estimator: str) -> None:
    assert issubclass(model_class(METHODS[name], estimator), NetworkModel)


def test_what_samples_must_carry_follows_from_the_losses() -> None:
    for spec in METHODS.values():
        from_score = spec.score_loss is not None or "score" in spec.loss
        assert spec.uses_joint_score == from_score
        assert spec.uses_joint_ratio == (spec.loss in ("ratio_mse", "ratio_augmented_xe"))


def test_unknown_forms_are_input_errors() -> None:
    with pytest.raises(InputError, match="estimator: 'cubic', allowed: parameterized, quadratic"):
        model_class(METHODS["alice"], "cubic")


def test_looking_a_method_up_imports_neither_torch_nor_madminer() -> None:
    code = (
        "import sys; from madminer_workflow.estimators import METHODS; "
        "print(sorted({'torch', 'madminer', 'scipy'} & set(sys.modules)))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert output.strip() == "[]"


def test_importing_the_networks_leaves_a_later_import_of_madminer_as_it_is() -> None:
    code = (
        "import sys; import madminer_workflow.estimators.networks; assert 'madminer' not in "
        "sys.modules; from madminer import MadMiner; print(MadMiner.__name__)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    assert subprocess.check_output(command, text=True).strip() == "MadMiner"


def test_public_names_are_there() -> None:
    for name in estimators.__all__:
        assert getattr(estimators, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        estimators.nothing  # noqa: B018
