"""MadMiner 0.9.6 on current NumPy: attributes of its modules are replaced from outside.

Nothing of what is measured changes: its own functions run, with arguments that NumPy still knows.
"""

from __future__ import annotations

import copy
import logging
from typing import Any

import numpy as np

__all__ = ["patch"]


class _NumPy:
    """NumPy with what MadMiner expects of it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def histogramdd(*arguments: Any, normed: bool | None = None, **options: Any) -> Any:
        """As before NumPy 1.24, when `density` was also called `normed`."""
        return np.histogramdd(*arguments, **{"density": normed, **options})

    @staticmethod
    def round(values: Any, decimals: int = 0) -> Any:
        """As before NumPy 2.4, when int() took an array of one number."""
        rounded = np.round(values, decimals)
        return rounded.item() if np.size(rounded) == 1 else rounded


def patch() -> None:
    """Makes MadMiner run, quietly, and early stopping keep the best model instead of the last."""
    import madminer.likelihood.base
    import madminer.likelihood.histo
    import madminer.utils.histo
    import madminer.utils.ml.trainer

    logging.disable(logging.CRITICAL)
    for module in (madminer.utils.histo, madminer.likelihood.histo, madminer.likelihood.base):
        module.np = _NumPy()
    _copy_best_model(madminer.utils.ml.trainer.Trainer)


def _copy_best_model(trainer: Any) -> None:
    """Lets a trainer of MadMiner copy the weights of the best epoch, which it only refers to."""
    original = trainer.check_early_stopping

    def check_early_stopping(self: Any, *arguments: Any, **options: Any) -> Any:
        loss, model, epoch = original(self, *arguments, **options)
        return loss, copy.deepcopy(model), epoch

    trainer.check_early_stopping = check_early_stopping
