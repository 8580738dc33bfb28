"""Training of one model, whatever its method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.configuration.model import Learner
from madminer_workflow.estimators.history import History, Progress
from madminer_workflow.estimators.model import TrainedModel, model_class
from madminer_workflow.sampling.samples import Samples

__all__ = ["Fitted", "fit"]

_N_EXAMPLES = 3


@dataclass(frozen=True)
class Fitted:
    """A trained model and how its training went.

    Attributes:
        model: The model.
        history: The course of its training.
        example: Observables of some samples that it was trained on, (sample, observable).
    """

    model: TrainedModel
    history: History
    example: NDArray[np.float64]


def fit(
    learner: Learner,
    train: Samples,
    validation: Samples,
    member: int = 0,
    progress: Progress = lambda _: None,
) -> Fitted:
    """Trains one model.

    Args:
        learner: The method and its settings.
        train: The training samples.
        validation: The validation samples; they choose the epoch whose weights are kept.
        member: Number of the model in an ensemble; each has its own random numbers.
        progress: Called after every epoch.

    Raises:
        InputError: The form of its ratio or the activation function is unknown, or the samples
            lack what the method needs.
        RuntimeError: The loss is not a finite number.
    """
    family = model_class(learner.spec, learner.estimator)
    model, history = family.fit(learner, train, validation, member, progress)
    return Fitted(model, history, train.x[:_N_EXAMPLES])
