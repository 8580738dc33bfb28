"""Which events a cross-fitted network leaves out of its training.

With K folds, the networks 0, K, 2 K, ... leave out the first fold, 1, K + 1, ... the second, and
so on. Each K successive ones make a set in which every event is left out by one network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.sampling import folds
from madminer_workflow.seeds import seed

__all__ = ["fold_of_events", "fold_of_member", "set_of_member"]


def fold_of_member(member: int, n_folds: int) -> int:
    """Returns the fold that a network leaves out.

    Args:
        member: Number of the network.
        n_folds: Number of folds.
    """
    return member % n_folds


def set_of_member(member: int, n_folds: int) -> int:
    """Returns the number of the set of networks to which one belongs.

    Args:
        member: Number of the network.
        n_folds: Number of folds.
    """
    return member // n_folds


def fold_of_events(n_events: int, n_folds: int, method: str, base_seed: int) -> NDArray[np.int64]:
    """Returns the fold of each event, the same for all networks of a method, (event,).

    Args:
        n_events: Number of events of the file.
        n_folds: Number of folds.
        method: Name of the method.
        base_seed: Seed of the run.
    """
    return folds(n_events, n_folds, seed(base_seed, "folds", method))
