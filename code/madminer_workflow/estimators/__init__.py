"""Neural estimators of likelihood ratios, scores and densities.

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
    from madminer_workflow.estimators.model import Model
    from madminer_workflow.estimators.persistence import load, save
    from madminer_workflow.estimators.training import EpochRecord, History

__all__ = [
    "METHODS",
    "Ensemble",
    "EpochRecord",
    "Fitted",
    "History",
    "MethodSpec",
    "Model",
    "fit",
    "load",
    "save",
]

_HOMES = {
    "Ensemble": "ensemble",
    "EpochRecord": "training",
    "Fitted": "fitting",
    "History": "training",
    "Model": "model",
    "fit": "fitting",
    "load": "persistence",
    "save": "persistence",
}


def __getattr__(name: str) -> Any:
    """Imports a name from the module that is its home."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
