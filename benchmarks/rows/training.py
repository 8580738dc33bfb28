"""Training of ALICES, whose loss compares scores.

The bare products are those of the matrices in a training and nothing else. Ours are fewer: the loss
ignores the score of half of the events, which only MadMiner computes.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import events_of
from benchmarks.row import Arrays, Check, Row, Sizes, Target
from madminer_workflow.configuration.model import Training
from madminer_workflow.events import read_events, read_header
from madminer_workflow.sampling import Samples

__all__ = ["ROW"]

_VALIDATION = 0.3


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Trains with our loop."""
    from benchmarks.models import ratio

    samples, rows = _samples(sizes), np.arange(sizes["samples"])
    model, first = ratio(samples, _settings(sizes)), _n_validation(sizes)
    return lambda: _trained(model, samples, rows[first:], rows[:first])


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Trains with MadMiner's trainer, which gets its rows without further processes."""
    import torch._dynamo  # noqa: F401  which the first optimiser would import

    from benchmarks.madminer_compat import patch
    from benchmarks.models import madminer_ratio, ratio

    patch()
    samples, settings = _samples(sizes), _settings(sizes)
    estimator = madminer_ratio(ratio(samples, settings))
    rows = {name: vars(samples)[name] for name in ("x", "theta", "y", "r_xz", "t_xz")}

    def work() -> Arrays:
        with _recorded() as orders:
            losses = estimator.train(
                "alices",
                **rows,
                alpha=settings.alpha,
                n_epochs=settings.epochs,
                batch_size=settings.batch_size,
                initial_lr=settings.learning_rate,
                final_lr=settings.final_learning_rate,
                validation_split=_VALIDATION,
                early_stopping=False,
                n_workers=0,
            )
        return {
            "loss": losses[0],
            "weights": _weights(estimator.model),
            "train": np.array(orders[::2]),
            "validation": np.array(orders[1]),
        }

    return work


def products(sizes: Sizes, share: float = 1.0) -> Callable[[], Arrays]:
    """Multiplies the matrices of a training with the score of a share of the events."""
    import torch

    settings, n_validation = _settings(sizes), _n_validation(sizes)
    n_train, size = sizes["samples"] - n_validation, settings.batch_size
    n_inputs = sum(_samples(sizes).x.shape[1:], start=2)
    shapes = list(itertools.pairwise((n_inputs, *settings.hidden_layers, 1)))
    scored = int(share * size)
    evaluated = [_product(size, *shape) for shape in shapes]
    evaluated += [_product(scored, *shape[::-1]) for shape in shapes]
    learned = [_product(scored, *shape) for shape in shapes]
    learned += [_product(size, *shape[::-1]) for shape in shapes]
    learned += [_product(inner, rows, outer) for inner, outer in shapes for rows in (scored, size)]

    def work() -> Arrays:
        with torch.no_grad():
            for _ in range(settings.epochs):
                for one in (evaluated + learned) * (n_train // size):
                    one()
                for one in evaluated * (n_validation // size):
                    one()
        return {}

    return work


def our_products(sizes: Sizes) -> Callable[[], Arrays]:
    """Multiplies the matrices of our training."""
    return products(sizes, 0.5)


def _product(rows: int, inner: int, columns: int) -> Callable[[], object]:
    """Returns the function that multiplies matrices of these shapes."""
    import torch

    first, second = torch.ones(rows, inner), torch.ones(inner, columns)
    return lambda: torch.mm(first, second)


def check(sizes: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Trains as MadMiner has trained, with the same weights at first and the same batches."""
    from benchmarks.models import ratio
    from madminer_workflow.estimators import training

    theirs, samples = results["madminer"], _samples(sizes)
    rows = np.sort(theirs["train"][0])
    model, orders = ratio(samples, _settings(sizes)), iter(np.searchsorted(rows, theirs["train"]))

    def batches(tensors: training.Tensors, size: int, _: object) -> Iterator[training.Tensors]:
        order = next(orders)
        for first in range(0, len(order), size):
            yield {name: tensor[order[first : first + size]] for name, tensor in tensors.items()}

    with mock.patch.object(training, "shuffled_batches", batches):
        ours = _trained(model, samples, rows, theirs["validation"])
    off = np.abs(ours["weights"] - theirs["weights"]).max() / np.abs(theirs["weights"]).max()
    return [
        Check("loss of each epoch", float(np.abs(ours["loss"] - theirs["loss"]).max()), 1e-6),
        Check("weights, relative to the largest", float(off), 1e-4),
    ]


def _trained(
    model: Any, samples: Samples, train: NDArray[np.int64], validation: NDArray[np.int64]
) -> Arrays:
    """Trains a network; returns the losses and the weights after the last epoch."""
    from madminer_workflow.estimators.training import minimise

    tensors, others = (model.tensors(samples.take(rows)) for rows in (train, validation))
    weights = []

    def keep(_: object) -> None:
        weights.append(_weights(model.network))

    history = minimise(model, tensors, others, model.description.training, 1, keep)
    return {"loss": history.train_loss, "weights": weights[-1]}


@contextlib.contextmanager
def _recorded() -> Iterator[list[list[int]]]:
    """Records the orders in which rows are loaded: those of training and validation in turns."""
    from torch.utils.data import SubsetRandomSampler

    orders: list[list[int]] = []
    original = SubsetRandomSampler.__iter__

    def recorded(self: Any) -> Iterator[int]:
        orders.append(list(original(self)))
        return iter(orders[-1])

    with mock.patch.object(SubsetRandomSampler, "__iter__", recorded):
        yield orders


def _samples(sizes: Sizes) -> Samples:
    """Returns the samples, of which the first are for validation."""
    from benchmarks.models import ratio_samples

    return ratio_samples(read_events(read_header(events_of(sizes["events"]))), sizes["samples"])


def _n_validation(sizes: Sizes) -> int:
    """Returns the number of samples for validation."""
    return int(_VALIDATION * sizes["samples"])


def _settings(sizes: Sizes) -> Training:
    """Returns the settings of the training."""
    from benchmarks.models import RATIO

    return replace(RATIO, epochs=sizes["epochs"])


def _weights(network: Any) -> NDArray[np.float32]:
    """Returns a copy of all weights of a network."""
    return np.concatenate([one.detach().numpy().ravel() for one in network.parameters()])


ROW = Row(
    title="training of ALICES: 3 x 100 units, batches of 1024",
    works={
        "ours": ours,
        "madminer": madminer,
        "bare products": products,
        "bare products, ours": our_products,
    },
    check=check,
    targets=(Target.faster_than("madminer", 3), Target.at_most(1 / 0.7, "bare products")),
    quick={"events": 100_000, "samples": 20_000, "epochs": 1},
    full={"events": 100_000, "samples": 100_000, "epochs": 5},
)
