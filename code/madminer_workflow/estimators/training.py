"""The training loop, one for all methods.

It is the algorithm of MadMiner's trainer (Adam with the AMSGrad bound, a learning rate that decays
exponentially from epoch to epoch, shuffled batches), on tensors in memory: MadMiner spends most of
its time on loading single rows. Unlike MadMiner's, the best epoch's weights really are restored.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from madminer_workflow.configuration.model import Training

__all__ = ["EpochRecord", "History", "Progress", "Tensors", "Trainable", "minimise"]

Floats = NDArray[np.float64]
Tensors = Mapping[str, Tensor]

_VALIDATION_BATCH = 8192


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
        best_epoch: The epoch with the smallest validation loss, counted from one, whose weights
            are kept.
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
    def of(cls, records: Sequence[EpochRecord]) -> History:
        """Puts the records of all epochs together.

        Args:
            records: The records in the order of the epochs.
        """
        best = _best(records)
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


class Trainable(Protocol):
    """What can be trained: something with a network and a loss."""

    @property
    def method(self) -> str:
        """Name of the method, for messages."""

    @property
    def network(self) -> nn.Module:
        """The network."""

    def loss(self, batch: Tensors) -> Tensor:
        """Returns the mean loss of a batch.

        Args:
            batch: Tensors by name, (sample, …) each.
        """


def minimise(
    model: Trainable,
    train: Tensors,
    validation: Tensors,
    settings: Training,
    seed: int,
    progress: Progress,
) -> History:
    """Trains the network of a model and leaves it with the weights of the best epoch.

    Args:
        model: The model.
        train: Training samples, (sample, …) each.
        validation: Validation samples, (sample, …) each.
        settings: Epochs, batch size, learning rates, patience.
        seed: Seed of the order of the samples.
        progress: Called after every epoch.

    Raises:
        RuntimeError: A loss is not a finite number.
    """
    parameters = model.network.parameters()
    optimizer = torch.optim.Adam(parameters, lr=settings.learning_rate, amsgrad=True, fused=True)
    generator = torch.Generator().manual_seed(seed)
    records: list[EpochRecord] = []
    best_weights: dict[str, Tensor] = {}
    for epoch in range(1, settings.epochs + 1):
        batches = shuffled_batches(train, settings.batch_size, generator)
        records.append(_run_epoch(model, optimizer, epoch, batches, validation, settings))
        progress(records[-1])
        best = _best(records)
        if best.epoch == epoch:
            best_weights = copy.deepcopy(model.network.state_dict())
        if 0 < settings.early_stopping <= epoch - best.epoch:
            break
    model.network.load_state_dict(best_weights)
    return History.of(records)


def shuffled_batches(
    tensors: Tensors, batch_size: int, generator: torch.Generator
) -> Iterator[Tensors]:
    """Yields the samples once in random order, the last batch with what is left.

    The rows are gathered once, so that each batch is a contiguous slice.

    Args:
        tensors: The samples, (sample, …) each.
        batch_size: Samples a batch.
        generator: Where the order comes from.

    Yields:
        The tensors of a batch by name.
    """
    n_samples = _n_samples(tensors)
    order = torch.randperm(n_samples, generator=generator)
    yield from _slices({name: tensor[order] for name, tensor in tensors.items()}, batch_size)


def _run_epoch(
    model: Trainable,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    batches: Iterator[Tensors],
    validation: Tensors,
    settings: Training,
) -> EpochRecord:
    """Trains for one epoch and validates."""
    start = time.perf_counter()
    learning_rate = _learning_rate(settings, epoch)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    train_loss, gradient_norm = _train(model, optimizer, batches)
    validation_loss = _mean_loss(model, validation)
    if not math.isfinite(train_loss + validation_loss):
        raise RuntimeError(
            f"{model.method}: the loss is not a finite number in epoch {epoch}, "
            f"learning rate {learning_rate:.2g}; a smaller one may help"
        )
    return EpochRecord(
        epoch=epoch,
        epochs=settings.epochs,
        train_loss=train_loss,
        validation_loss=validation_loss,
        learning_rate=learning_rate,
        gradient_norm=gradient_norm,
        seconds=time.perf_counter() - start,
    )


def _learning_rate(settings: Training, epoch: int) -> float:
    """Returns the learning rate of an epoch, counted from one."""
    progress = (epoch - 1) / max(settings.epochs - 1, 1)
    decay = settings.final_learning_rate / settings.learning_rate
    return float(settings.learning_rate * decay**progress)


def _train(
    model: Trainable, optimizer: torch.optim.Optimizer, batches: Iterator[Tensors]
) -> tuple[float, float]:
    """Takes one step a batch; returns the means of the loss and of the norm of its gradient."""
    parameters = list(model.network.parameters())
    model.network.train()
    losses, norms = [], []
    for batch in batches:
        optimizer.zero_grad()
        loss = model.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.detach())
        norms.append(nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))
    return float(torch.stack(losses).mean()), float(torch.stack(norms).mean())


def _mean_loss(model: Trainable, tensors: Tensors) -> float:
    """Returns the loss of all samples, computed in batches."""
    model.network.eval()
    total = 0.0
    for batch in _slices(tensors, _VALIDATION_BATCH):
        total += _n_samples(batch) * float(model.loss(batch).detach())
    return total / _n_samples(tensors)


def _slices(tensors: Tensors, size: int) -> Iterator[Tensors]:
    """Yields slices of all tensors."""
    for start in range(0, _n_samples(tensors), size):
        yield {name: tensor[start : start + size] for name, tensor in tensors.items()}


def _n_samples(tensors: Tensors) -> int:
    """Returns the number of samples."""
    return len(next(iter(tensors.values())))


def _best(records: Sequence[EpochRecord]) -> EpochRecord:
    """Returns the first record with the smallest validation loss."""
    return min(records, key=lambda record: record.validation_loss)
