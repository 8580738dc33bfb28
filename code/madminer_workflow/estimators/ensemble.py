"""Ensembles: several models of one method, averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.estimators.model import Model
from madminer_workflow.estimators.registry import MethodSpec

__all__ = ["Ensemble"]

Floats = NDArray[np.float64]


class Ensemble(Model):
    """The weighted mean of models: of their ratios, not of their logarithms, or of their scores.

    A mean of ratios keeps what is exact for each of them: the ratio of densities has the mean one
    in the reference, and a sum of quadratic forms is a quadratic form.

    Attributes:
        models: The models.
        weights: Their weights, which add up to one, (model,).
    """

    def __init__(self, models: Sequence[Model], weights: ArrayLike | None = None) -> None:
        """Puts models together.

        Args:
            models: Models of the same kind with the same observables, parameters and reference.
            weights: Weights of the models, (model,); equal ones by default.

        Raises:
            ValueError: There are no models, they do not fit together, or the weights do not.
        """
        self.models = tuple(models)
        if not self.models:
            raise ValueError("an ensemble needs a model")
        weights = np.ones(len(self.models)) if weights is None else np.asarray(weights, float)
        if weights.shape != (len(self.models),) or weights.min() < 0 or weights.sum() <= 0:
            raise ValueError(f"{len(self.models)} models cannot have the weights {weights}")
        self.weights = weights / weights.sum()
        for model in self.models[1:]:
            if not _alike(self.models[0], model):
                raise ValueError("models of different kind, inputs or reference do not combine")

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.models[0].method

    @property
    def spec(self) -> MethodSpec:
        """What the method estimates, and from what."""
        return self.models[0].spec

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.models[0].parameters

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the observables."""
        return self.models[0].observables

    @property
    def theta_ref(self) -> Floats:
        """Reference points, (reference, parameter)."""
        return self.models[0].theta_ref

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields the log of the mean ratio in blocks of events, in bounded memory.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Yields:
            Which events, and their log ratios, (event, theta).
        """
        streams = [model.log_ratio_blocks(x, thetas) for model in self.models]
        for blocks in zip(*streams, strict=True):
            yield blocks[0][0], self._log_mean([block for _, block in blocks])

    def log_ratio_at(self, x: ArrayLike, thetas: ArrayLike) -> Floats:
        """Returns the log of the mean ratio with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).
        """
        return self._log_mean([model.log_ratio_at(x, thetas) for model in self.models])

    def score(self, x: ArrayLike) -> Floats:
        """Returns the mean score, (event, parameter).

        Args:
            x: Observables, (event, observable).
        """
        scores = [model.score(x) for model in self.models]
        return np.asarray(np.average(scores, axis=0, weights=self.weights))

    def _log_mean(self, log_ratios: Sequence[Floats]) -> Floats:
        """Returns the log of the weighted mean of ratios."""
        if len(log_ratios) == 1:
            return log_ratios[0]
        largest = np.maximum.reduce(log_ratios)
        total = np.zeros_like(largest)
        for weight, log_ratio in zip(self.weights, log_ratios, strict=True):
            total += weight * np.exp(log_ratio - largest)
        return np.asarray(largest + np.log(total))


def _alike(first: Model, second: Model) -> bool:
    """Returns whether two models can be averaged."""
    return (
        (first.kind, first.parameters, first.observables)
        == (second.kind, second.parameters, second.observables)
    ) and np.array_equal(first.theta_ref, second.theta_ref)
