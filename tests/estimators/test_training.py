from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from madminer_workflow.configuration.model import Training
from madminer_workflow.estimators import fit
from madminer_workflow.estimators.networks import seeded
from madminer_workflow.estimators.ratio import ParameterizedRatio
from madminer_workflow.estimators.training import (
    DECAY,
    ONE_CYCLE,
    EpochRecord,
    Recipe,
    Tensors,
    minimise,
    shuffled_batches,
)
from madminer_workflow.seeds import seed


class Line:
    """A straight line whose validation loss can be prescribed."""

    method = "line"

    def __init__(self, validation_losses: Sequence[float] = (), recipe: Recipe = DECAY) -> None:
        self.network, self.recipe = nn.Linear(1, 1), recipe
        self._prescribed = iter(validation_losses)

    def loss(self, batch: Tensors) -> Tensor:
        if not self.network.training:
            return torch.tensor(next(self._prescribed, 1.0))
        return (self.network(batch["x"]) - 3 * batch["x"]).square().mean()


def run(
    model: Line, settings: Training, progress: Callable[[EpochRecord], object] = lambda _: None
) -> Any:
    tensors = {"x": torch.linspace(-1, 1, 100)[:, None]}
    return minimise(model, tensors, tensors, settings, 1, progress)


@pytest.fixture
def settings(make_learner: Callable[..., Any]) -> Training:
    training: Training = make_learner(epochs=6, batch_size=30).training
    return training


def test_the_best_epoch_is_restored(settings: Training) -> None:
    model, weights = Line([5.0, 4.0, 3.0, 6.0, 3.0, 7.0]), []
    history = run(model, settings, lambda _: weights.append(model.network.weight.item()))
    assert (history.best_epoch, history.best_validation_loss) == (3, 3.0)
    assert model.network.weight.item() == weights[2]
    assert weights[2] not in weights[3:]


def test_training_stops_after_as_many_epochs_without_progress_as_it_has_patience(
    settings: Training,
) -> None:
    losses = [5.0, 4.0, 4.5, 4.5, 1.0, 0.5]
    assert len(run(Line(losses), replace(settings, early_stopping=2)).train_loss) == 4
    assert len(run(Line(losses), replace(settings, early_stopping=3)).train_loss) == 6
    assert len(run(Line(losses), replace(settings, early_stopping=0)).train_loss) == 6


def test_the_learning_rate_decays_exponentially(settings: Training) -> None:
    history = run(Line(), replace(settings, learning_rate=1e-2, final_learning_rate=1e-4))
    np.testing.assert_allclose(history.learning_rate, np.geomspace(1e-2, 1e-4, 6))
    assert run(Line(), replace(settings, epochs=1)).learning_rate == settings.learning_rate


def test_the_learning_rate_of_one_cycle_rises_and_falls(settings: Training) -> None:
    settings = replace(settings, epochs=100, learning_rate=1e-2, final_learning_rate=1e-4)
    rates = run(Line(recipe=ONE_CYCLE), settings).learning_rate
    assert (np.diff(rates[:31]) > 0).all()
    assert (np.diff(rates[30:]) < 0).all()
    assert rates[[0, 30]] == pytest.approx([1e-2 / 25, 1e-2])
    assert rates[-1] == pytest.approx(1e-4, rel=0.1)


def test_one_cycle_keeps_the_last_epoch_and_does_not_choose(settings: Training) -> None:
    losses = [5.0, 1.0, 3.0, 6.0, 3.0, 7.0]
    history = run(Line(losses, ONE_CYCLE), settings)
    assert (history.best_epoch, history.best_validation_loss) == (6, 7.0)


def test_the_weights_are_the_running_average_of_those_of_all_steps(settings: Training) -> None:
    settings = replace(settings, epochs=6, batch_size=100)  # one step an epoch
    model, steps = Line(recipe=replace(ONE_CYCLE, averaging=0.3)), []
    average = model.network.weight.item()
    run(model, settings, lambda _: steps.append(model.network.weight.item()))
    for number, weight in enumerate(steps, start=1):
        decay = min(0.3, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * weight
    assert len(set(steps)) == 6
    assert model.network.weight.item() == pytest.approx(average, rel=1e-5)


def test_large_gradients_are_cut(settings: Training) -> None:
    recipe = Recipe(largest_gradient=1e-30)  # so small that Adam does not divide by it
    model = Line(recipe=recipe)
    before = model.network.weight.item()
    history = run(model, settings)
    assert model.network.weight.item() == pytest.approx(before, rel=1e-6)
    assert history.gradient_norm.min() > 0.1  # reported as it was


def test_every_epoch_is_reported(settings: Training) -> None:
    records: list[EpochRecord] = []
    history = run(Line(), settings, records.append)
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5, 6]
    for name in ("train_loss", "validation_loss", "learning_rate", "gradient_norm", "seconds"):
        assert getattr(history, name).tolist() == [getattr(record, name) for record in records]
    assert (history.gradient_norm > 0).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_training_with_method_and_epoch(
    settings: Training, bad: float
) -> None:
    with pytest.raises(RuntimeError, match="line: the loss is not a finite number in epoch 2"):
        run(Line([1.0, bad]), settings)


def test_batches_have_every_sample_once_in_an_order_of_the_generator() -> None:
    tensors = {"x": torch.arange(10), "y": torch.arange(10) ** 2}

    def order(seed: int) -> list[int]:
        batches = list(shuffled_batches(tensors, 4, torch.Generator().manual_seed(seed)))
        assert [len(batch["x"]) for batch in batches] == [4, 4, 2]
        assert all(torch.equal(batch["x"] ** 2, batch["y"]) for batch in batches)
        return torch.cat([batch["x"] for batch in batches]).tolist()

    assert sorted(order(1)) == list(range(10))
    assert order(1) == order(1) != order(2)


def test_the_validation_loss_is_the_mean_over_all_samples(
    gaussian: Any, make_samples: Any, make_learner: Any
) -> None:
    train, validation = (make_samples(gaussian(1), "alices", n) for n in (500, 10_000))
    learner = make_learner(epochs=1)
    fitted = fit(learner, train, validation)
    batch = fitted.model.tensors(validation)
    expected = float(fitted.model.loss(batch).detach())
    assert fitted.history.validation_loss[0] == pytest.approx(expected, rel=1e-5)


def test_the_same_seed_gives_the_same_weights(
    gaussian: Any, make_samples: Any, make_learner: Any
) -> None:
    train = make_samples(gaussian(1), "alices", 1000)

    def weights(seed: int, member: int) -> Tensor:
        fitted = fit(make_learner(seed=seed, epochs=2), train, train, member)
        return torch.cat([p.detach().flatten() for p in fitted.model.network.parameters()])

    assert torch.equal(weights(1, 0), weights(1, 0))
    assert not torch.equal(weights(1, 0), weights(1, 1))
    assert not torch.equal(weights(1, 0), weights(2, 0))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_algorithm_is_that_of_madminer(
    gaussian: Any, make_samples: Any, make_learner: Any
) -> None:
    samples = make_samples(gaussian(2), "alices", 2000)
    learner = make_learner(alpha=5.0, epochs=4, batch_size=300)
    ours = fit(learner, samples, samples)
    assert ours.history.best_epoch == 4  # MadMiner keeps the last one
    weights, order = (
        seed(learner.seed, "training", "alices", 0, use) for use in ("weights", "order")
    )
    with seeded(weights):
        theirs = ParameterizedRatio(ours.model.description)
    _train_with_madminer(theirs.network, theirs.tensors(samples), learner.training, order)
    for name, weight in ours.model.network.state_dict().items():
        difference = (weight - theirs.network.state_dict()[name]).abs().max()
        assert difference < 1e-6, name


def _train_with_madminer(
    network: nn.Module, tensors: Tensors, settings: Training, order: int
) -> None:
    """Trains with MadMiner's own steps on the batches that `minimise` takes."""
    from madminer.utils.ml.trainer import SingleParameterizedRatioTrainer
    from madminer.utils.ml.utils import get_loss, get_optimizer

    functions, _, weights = get_loss("alices", settings.alpha)
    trainer = SingleParameterizedRatioTrainer(network, run_on_gpu=False, n_workers=0)
    trainer.check_data(tensors)
    optimizer, options = get_optimizer("amsgrad", None)
    adam = optimizer(network.parameters(), lr=settings.learning_rate, **options)
    generator = torch.Generator().manual_seed(order)
    rates = settings.learning_rate, settings.final_learning_rate
    for epoch in range(settings.epochs):
        trainer.set_lr(adam, trainer.calculate_lr(epoch, settings.epochs, *rates))
        for batch in shuffled_batches(tensors, settings.batch_size, generator):
            trainer.batch_train(dict(batch), functions, weights, adam)
