"""The table of methods: what each estimates, from what, and which class does it.

This module imports neither PyTorch nor MadMiner, so that every step can look a method up. A new
method is one entry here and, unless an existing class serves, one class. Estimators of one's own
(`routines.py`) have entries of the same form, made when their class is found.

Sources: CARL (Cranmer, Pavez, Louppe, arXiv:1506.02169); ROLR, CASCAL, RASCAL, SALLY, SALLINO
(Brehmer, Cranmer, Louppe, Pavez, arXiv:1805.00013, 1805.00020); SCANDAL (with those authors,
arXiv:1805.12244); ALICE, ALICES (Stoye, Brehmer, Louppe, Pavez, Cranmer, arXiv:1808.00973).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["METHODS", "Kind", "MethodSpec", "of_own"]

Kind = Literal["ratio", "score", "density"]

_RATIO = {"parameterized": "ratio:ParameterizedRatio", "quadratic": "quadratic:QuadraticRatio"}
_WEIGHTED = dict.fromkeys(_RATIO, "weighted:WeightedQuadraticRatio")
_SCORE = dict.fromkeys(_RATIO, "score:LocalScore")
_DENSITY = dict.fromkeys(_RATIO, "density:ConditionalDensity")
_OWN = dict.fromkeys(_RATIO, "own_model:OwnModel")


@dataclass(frozen=True)
class MethodSpec:
    """A method of inference.

    Attributes:
        name: Its name, as in the input file.
        kind: What the trained model gives: log ratios, scores, or densities.
        models: Class of the model for each value of `estimator` in the input file, written
            `module:class` and relative to this package; it is imported when it is needed.
        loss: Its loss function in `madminer.utils.ml.losses`; empty for a loss of its own.
        score_loss: The loss function that is added with the weight alpha, if there is one.
        uses_joint_ratio: Whether its samples must carry the joint likelihood ratio.
        uses_joint_score: Whether its samples must carry the joint score.
        weighted: Whether it learns from all weighted events instead of unweighted samples; its
            members are then cross-fitted, each on all folds of the events but its own.
    """

    name: str
    kind: Kind
    models: Mapping[str, str]
    loss: str
    score_loss: str | None = None
    uses_joint_ratio: bool = False
    uses_joint_score: bool = False
    weighted: bool = False


_SPECS = (
    MethodSpec("carl", "ratio", _RATIO, "ratio_xe"),
    MethodSpec("rolr", "ratio", _RATIO, "ratio_mse", uses_joint_ratio=True),
    MethodSpec("alice", "ratio", _RATIO, "ratio_augmented_xe", uses_joint_ratio=True),
    MethodSpec("cascal", "ratio", _RATIO, "ratio_xe", "ratio_score_mse_num", uses_joint_score=True),
    MethodSpec("rascal", "ratio", _RATIO, "ratio_mse", "ratio_score_mse_num", True, True),
    MethodSpec("alices", "ratio", _RATIO, "ratio_augmented_xe", "ratio_score_mse_num", True, True),
    MethodSpec("sally", "score", _SCORE, "local_score_mse", uses_joint_score=True),
    MethodSpec("sallino", "score", _SCORE, "local_score_mse", uses_joint_score=True),
    MethodSpec("quadratic", "ratio", _WEIGHTED, "", weighted=True),
    MethodSpec("scandal", "density", _DENSITY, "flow_nll", "flow_score_mse", uses_joint_score=True),
)

METHODS: Mapping[str, MethodSpec] = {spec.name: spec for spec in _SPECS}
"""All methods by name."""


def of_own(name: str, **traits: Any) -> MethodSpec:
    """Returns the entry of an estimator of one's own, which is in no table.

    Args:
        name: Its name, as in the input file.
        traits: What it gives and which samples it needs: attributes of `MethodSpec`.
    """
    return MethodSpec(name, models=_OWN, loss="", **traits)
