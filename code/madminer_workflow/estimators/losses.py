"""Losses: those of MadMiner, put together as the table of methods says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from madminer_workflow.estimators.madminer_parts import losses
from madminer_workflow.estimators.registry import METHODS

__all__ = ["Loss", "loss_of", "uses_score"]

Loss = Callable[..., Tensor]


def loss_of(method: str, alpha: float) -> Loss:
    """Returns the loss of a method, plus alpha times that of its score if it has one.

    Args:
        method: The method.
        alpha: Weight of the score; zero switches it off.

    Returns:
        A function with the arguments of MadMiner's loss functions of this kind: (s_hat, log_r_hat,
        t0_hat, t1_hat, y, r, t0, t1) for ratios, (t_hat, t) for scores, (log_p_hat, t_hat, t) for
        densities.
    """
    spec = METHODS[method]
    terms: list[tuple[float, Loss]] = [(1.0, getattr(losses, spec.loss))]
    if spec.score_loss is not None and alpha != 0:
        terms.append((alpha, getattr(losses, spec.score_loss)))
    return lambda *arguments: _weighted_sum(terms, arguments)


def uses_score(method: str, alpha: float) -> bool:
    """Returns whether the loss of a method compares scores.

    Args:
        method: The method.
        alpha: Weight of the score.
    """
    return METHODS[method].score_loss is not None and alpha != 0


def _weighted_sum(
    terms: Sequence[tuple[float, Loss]], arguments: Sequence[Tensor | None]
) -> Tensor:
    """Returns the sum of loss functions with weights."""
    (weight, first), *others = terms
    total = weight * first(*arguments)
    for weight, other in others:
        total = total + weight * other(*arguments)
    return total
