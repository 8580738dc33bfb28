"""Figures of training: loss against epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from madminer_workflow.figures import style

__all__ = ["LossCurve", "training"]


@dataclass(frozen=True)
class LossCurve:
    """The losses of one network.

    Attributes:
        train: Loss on the training samples after each epoch, (epoch,).
        validation: Loss on the validation samples after each epoch, (epoch,).
        best_epoch: Epoch that was kept, counted from one.
    """

    train: NDArray[np.float64]
    validation: NDArray[np.float64]
    best_epoch: int


@style.styled
def training(curves: Mapping[str, Sequence[LossCurve]]) -> Figure:
    """Draws the losses of all members of each method, one panel a method.

    Args:
        curves: The losses of each member by name of the method.
    """
    figure, all_axes = style.panels(len(curves), 3, (3.8, 3.1))
    for axes, (method, members) in zip(all_axes, curves.items(), strict=True):
        for member in members:
            _draw(axes, member, style.colour(method))
        axes.set_title(style.method_label(method))
        axes.set(xlabel="epoch", ylabel="loss", ylim=_loss_range(members))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.xaxis.set_minor_locator(NullLocator())
    entries = [
        Line2D([], [], color="0.35", label="validation"),
        Line2D([], [], color="0.35", linestyle=":", label="training"),
        Line2D([], [], color="0.35", marker="o", linestyle="none", label="best epoch"),
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=3)
    return figure


def _draw(axes: Axes, member: LossCurve, colour: str) -> None:
    """Draws the losses of one network."""
    epochs = np.arange(1, len(member.validation) + 1)
    axes.plot(epochs, member.validation, color=colour, linewidth=1.4)
    axes.plot(epochs, member.train, color=colour, linewidth=1.2, linestyle=":")
    best = member.best_epoch
    axes.plot([best], [member.validation[best - 1]], "o", color=colour, markeredgecolor="white")


def _loss_range(members: Sequence[LossCurve]) -> tuple[float, float]:
    """Returns a range of losses; single large ones, as in first epochs, are cut off."""
    losses = np.concatenate([np.append(m.train, m.validation) for m in members])
    losses = losses[np.isfinite(losses)]
    low, typical = losses.min(), np.quantile(losses, 0.9)
    high = min(losses.max(), low + 1.5 * (typical - low)) if typical > low else losses.max()
    margin = 0.06 * (high - low) or 1.0
    return float(low - margin), float(high + margin)
