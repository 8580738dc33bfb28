"""The course of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EpochRecord", "History", "Progress"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EpochRecord:
    """What happened in one epoch.

    Attributes:
        epoch: The epoch, counted from one.
        epochs: The largest number of epochs.
        train_loss: Mean loss of the batches, while the weights changed.
        validation_loss: Loss of the validation samples at the end.
        learning_rate: The learning rate.
        gradient_norm: Mean norm of the gradient of the loss by the weights.
        seconds: Wall time.
    """

    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float


@dataclass(frozen=True)
class History:
    """The course of a training.

    Attributes:
        train_loss: Mean loss of the batches, (epoch,).
        validation_loss: Loss of the validation samples, (epoch,).
        learning_rate: The learning rate, (epoch,).
        gradient_norm: Mean norm of the gradient, (epoch,).
        seconds: Wall time, (epoch,).
        best_epoch: The epoch whose weights are kept, counted from one: that with the smallest
            validation loss, or the last one if weights are averaged.
        best_validation_loss: Its validation loss.
    """

    train_loss: Floats
    validation_loss: Floats
    learning_rate: Floats
    gradient_norm: Floats
    seconds: Floats
    best_epoch: int
    best_validation_loss: float

    @classmethod
    def of(cls, records: Sequence[EpochRecord], best: EpochRecord) -> History:
        """Puts the records of all epochs together.

        Args:
            records: The records in the order of the epochs.
            best: The record of the epoch whose weights are kept.
        """
        return cls(
            train_loss=np.array([record.train_loss for record in records]),
            validation_loss=np.array([record.validation_loss for record in records]),
            learning_rate=np.array([record.learning_rate for record in records]),
            gradient_norm=np.array([record.gradient_norm for record in records]),
            seconds=np.array([record.seconds for record in records]),
            best_epoch=best.epoch,
            best_validation_loss=best.validation_loss,
        )


Progress = Callable[[EpochRecord], object]
"""What is called after every epoch."""
