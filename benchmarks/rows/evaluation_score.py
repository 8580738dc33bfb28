"""The score of a parameterised ratio on the grids on which its log r is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.row import Arrays, Check, Row, Sizes, Target
from benchmarks.rows import evaluation

__all__ = ["ROW"]

Floats = NDArray[np.float64]


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Evaluates log r and its score with our model, as MadMiner does."""
    model, pairs = evaluation.network(sizes), evaluation.grids(sizes)

    def scores(*pair: Floats) -> Floats:
        return np.concatenate([block for _, _, block in model.score_blocks(*pair)])

    return lambda: {name: scores(*pair) for name, pair in pairs.items()}


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Evaluates both with MadMiner's estimator."""
    return evaluation.madminer(sizes, score=True)


def check(_: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares all scores."""
    ours, theirs = results["ours"], results["madminer"]
    scale = max(np.abs(theirs[name]).max() for name in ours)
    return [
        Check(
            f"score, {name}, relative", float(np.abs(ours[name] - theirs[name]).max() / scale), 1e-5
        )
        for name in ours
    ]


ROW = Row(
    title="evaluation of a parameterised ratio and its score",
    works={"ours": ours, "madminer": madminer},
    check=check,
    targets=(Target.faster_than("madminer", 6),),
    quick=evaluation.ROW.quick,
    full=evaluation.ROW.full,
)
