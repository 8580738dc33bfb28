"""Estimators of likelihood ratios, scores and densities: neural ones, and those of one's own.

The table of methods can be imported without PyTorch and MadMiner, which cost seconds; the other
names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from madminer_workflow.estimators.registry import METHODS, MethodSpec

if TYPE_CHECKING:
    from madminer_workflow.estimators.ensemble import Ensemble
    from madminer_workflow.estimators.fitting import Fitted, fit
    from madminer_workflow.estimators.history import EpochRecord, History
    from madminer_workflow.estimators.model import Model
    from madminer_workflow.estimators.own import (
        DensityEstimator,
        QuadraticEstimator,
        RatioEstimator,
        Report,
        ScoreEstimator,
    )
    from madminer_workflow.estimators.persistence import load, save
    from madminer_workflow.estimators.settings import parameter

__all__ = [
    "METHODS",
    "DensityEstimator",
    "Ensemble",
    "EpochRecord",
    "Fitted",
    "History",
    "MethodSpec",
    "Model",
    "QuadraticEstimator",
    "RatioEstimator",
    "Report",
    "ScoreEstimator",
    "fit",
    "load",
    "parameter",
    "save",
]

_HOMES = {
    "DensityEstimator": "own",
    "Ensemble": "ensemble",
    "EpochRecord": "history",
    "Fitted": "fitting",
    "History": "history",
    "Model": "model",
    "QuadraticEstimator": "own",
    "RatioEstimator": "own",
    "Report": "own",
    "ScoreEstimator": "own",
    "fit": "fitting",
    "load": "persistence",
    "parameter": "settings",
    "save": "persistence",
}


def __getattr__(name: str) -> Any:
    """Imports a name from the module that is its home."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
