"""The training loop, one for all methods.

It runs on tensors in memory: MadMiner spends most of its time on loading single rows. There are two
recipes. `DECAY` is the algorithm of MadMiner's trainer (Adam with the AMSGrad bound, a learning
rate that decays exponentially from epoch to epoch); unlike MadMiner's, the best epoch's weights
really are restored. `ONE_CYCLE` lets the learning rate rise and fall once (Smith, Topin,
arXiv:1708.07120) and keeps a running average of the weights, so that nothing is chosen by
validation samples.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from madminer_workflow.configuration.model import Training
from madminer_workflow.estimators.history import EpochRecord, History, Progress
from madminer_workflow.estimators.optimizer import Adam

__all__ = ["DECAY", "ONE_CYCLE", "Recipe", "Tensors", "Trainable", "minimise"]

Tensors = Mapping[str, Tensor]

_VALIDATION_BATCH = 1024  # what all layers give for as many samples fits the cache of a core
_RISE = 0.3  # part of the steps in which the learning rate of one cycle rises


@dataclass(frozen=True)
class Recipe:
    """How weights are optimised.

    Attributes:
        one_cycle: Whether the learning rate rises and falls once, instead of decaying.
        weight_decay: Decay of the weights in units of the learning rate.
        largest_gradient: Norm to which larger gradients are cut; infinite for never.
        averaging: Decay of the running average of the weights, which is kept in the end; zero if
            the weights of the best epoch are kept instead.
    """

    one_cycle: bool = False
    weight_decay: float = 0.0
    largest_gradient: float = math.inf
    averaging: float = 0.0


DECAY = Recipe()
"""The recipe of MadMiner."""

ONE_CYCLE = Recipe(one_cycle=True, weight_decay=1e-4, largest_gradient=1.0, averaging=0.999)
"""The recipe of cross-fitted members."""


class Trainable(Protocol):
    """What can be trained: something with a network and a loss."""

    @property
    def method(self) -> str:
        """Name of the method, for messages."""

    @property
    def network(self) -> nn.Module:
        """The network."""

    @property
    def recipe(self) -> Recipe:
        """How the network is optimised."""

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
    optimisation = _Optimisation(
        model, settings, math.ceil(_n_samples(train) / settings.batch_size)
    )
    generator = torch.Generator().manual_seed(seed)
    records: list[EpochRecord] = []
    best_weights = optimisation.weights()
    for epoch in range(1, settings.epochs + 1):
        batches = shuffled_batches(train, settings.batch_size, generator)
        records.append(_run_epoch(optimisation, epoch, batches, validation))
        progress(records[-1])
        best = records[-1] if model.recipe.averaging else _best(records)
        if best.epoch == epoch:
            best_weights = optimisation.weights()
        if 0 < settings.early_stopping <= epoch - best.epoch:
            break
    optimisation.set(best_weights)
    return History.of(records, best)


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


class _Optimisation:
    """Optimiser, learning rate and running average of one training."""

    def __init__(self, model: Trainable, settings: Training, steps_per_epoch: int) -> None:
        """Starts with the weights that the network has."""
        self.model, self.settings, recipe = model, settings, model.recipe
        self._adam = Adam(
            model.network.parameters(),
            amsgrad=not recipe.one_cycle,
            weight_decay=recipe.weight_decay,
        )
        self._steps_per_epoch, self._step = steps_per_epoch, 0
        self._average = self._adam.weights.clone()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        settings = self.settings
        final = settings.final_learning_rate / settings.learning_rate
        if self.model.recipe.one_cycle:
            progress = self._step / max(self._steps_per_epoch * settings.epochs, 1)
            rising = progress < _RISE
            phase = progress / _RISE if rising else (1 - progress) / (1 - _RISE)
            lowest = 1 / 25 if rising else final
            factor = lowest + (1 - lowest) * 0.5 * (1 - math.cos(math.pi * phase))
        else:
            epoch = self._step // self._steps_per_epoch
            factor = final ** (epoch / max(settings.epochs - 1, 1))
        return settings.learning_rate * factor

    def step(self, batch: Tensors) -> tuple[Tensor, Tensor]:
        """Changes the weights; returns the loss and the norm of its gradient."""
        self._adam.gradient.zero_()
        loss = self.model.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = self._adam.cut(self.model.recipe.largest_gradient)
        self._adam.step(self.learning_rate)
        self._step += 1
        if self.model.recipe.averaging:
            # The first weights are forgotten soon.
            decay = min(self.model.recipe.averaging, (1 + self._step) / (10 + self._step))
            self._average.lerp_(self._adam.weights, 1 - decay)
        return loss.detach(), norm

    def weights(self) -> Tensor:
        """Returns a copy of the weights, averaged if the recipe says so."""
        kept = self._average if self.model.recipe.averaging else self._adam.weights
        return kept.clone()

    @contextlib.contextmanager
    def using(self, weights: Tensor) -> Iterator[None]:
        """Lets the network have other weights for a while."""
        own = self._adam.weights.clone()
        self.set(weights)
        yield
        self.set(own)

    def set(self, weights: Tensor) -> None:
        """Sets the weights of the network."""
        self._adam.weights.copy_(weights)


def _run_epoch(
    optimisation: _Optimisation, epoch: int, batches: Iterator[Tensors], validation: Tensors
) -> EpochRecord:
    """Trains for one epoch and validates."""
    model, start = optimisation.model, time.perf_counter()
    learning_rate = optimisation.learning_rate
    model.network.train()
    losses, norms = zip(*(optimisation.step(batch) for batch in batches), strict=True)
    train_loss, norm = (float(torch.stack(values).mean()) for values in (losses, norms))
    validation_loss = _validation_loss(optimisation, validation)
    if not math.isfinite(train_loss + validation_loss):
        raise RuntimeError(
            f"{model.method}: the loss is not a finite number in epoch {epoch}, "
            f"learning rate {learning_rate:.2g}; a smaller one may help"
        )
    return EpochRecord(
        epoch=epoch,
        epochs=optimisation.settings.epochs,
        train_loss=train_loss,
        validation_loss=validation_loss,
        learning_rate=learning_rate,
        gradient_norm=norm,
        seconds=time.perf_counter() - start,
    )


def _validation_loss(optimisation: _Optimisation, validation: Tensors) -> float:
    """Returns the loss of the validation samples with the weights that would be kept."""
    with optimisation.using(optimisation.weights()):
        return _mean_loss(optimisation.model, validation)


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
