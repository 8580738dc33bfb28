"""What a trained model can do, and how it is made, written and read, whatever its method."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.configuration.model import Device, Learner, Members
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.history import History, Progress
from madminer_workflow.estimators.registry import METHODS, Kind, MethodSpec
from madminer_workflow.sampling.samples import Samples

__all__ = ["Description", "Model", "TrainedModel", "common", "event_blocks", "model_class"]

Floats = NDArray[np.float64]

_PAIRS_PER_BLOCK = 2**21
_LAYER = 64  # units of a layer, whose values for each event take memory also at a single point
"""Pairs of event and parameter point in a block of log ratios: 16 MB in double precision."""


class Model(Protocol):
    """A trained estimator, or several that are averaged.

    Models of the kinds `ratio` and `density` give log ratios, those of the kind `score` scores; the
    other methods raise NotImplementedError.
    """

    @property
    def method(self) -> str:
        """Name of the method."""

    @property
    def spec(self) -> MethodSpec:
        """What the method estimates, and from what."""
        return METHODS[self.method]

    @property
    def kind(self) -> Kind:
        """What the model estimates."""
        return self.spec.kind

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the observables."""

    @property
    def theta_ref(self) -> Floats:
        """Points whose equal-weight mixture is the reference density, (reference, parameter).

        Scores and densities have a single one.
        """

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields log p(x|theta) / p(x|reference) in blocks of events, in bounded memory.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Yields:
            Which events, and their log ratios, (event, theta).

        Raises:
            NotImplementedError: The model gives scores.
        """
        raise NotImplementedError(f"{self.method} does not give log ratios")

    def log_ratio_at(self, x: ArrayLike, thetas: ArrayLike) -> Floats:
        """Returns log p(x|theta) / p(x|reference) with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).

        Raises:
            NotImplementedError: The model gives scores.
        """
        raise NotImplementedError(f"{self.method} does not give log ratios")

    def score(self, x: ArrayLike) -> Floats:
        """Returns the score grad log p(x|theta) at the reference point, (event, parameter).

        Args:
            x: Observables, (event, observable).

        Raises:
            NotImplementedError: The model gives log ratios.
        """
        raise NotImplementedError(f"{self.method} does not give scores")

    def log_ratio(self, x: ArrayLike, thetas: ArrayLike) -> Floats:
        """Returns log p(x|theta) / p(x|reference) on a grid, (event, theta).

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Raises:
            NotImplementedError: The model gives scores.
        """
        result = np.empty((len(np.asarray(x)), len(np.asarray(thetas))))
        for events, block in self.log_ratio_blocks(x, thetas):
            result[events] = block
        return result


@dataclass(frozen=True)
class Description:
    """What a trained model is, apart from what it has learned.

    Attributes:
        method: Name of the method.
        member: Number of the model in an ensemble.
        seed: The seed of the whole run, from which that of the folds is derived.
        parameters: Names of the parameters.
        observables: Names of the observables.
        theta_ref: Reference points, (reference, parameter).
        n_train: Number of training samples.
        n_validation: Number of validation samples.
        training: Settings of the training.
    """

    method: str
    member: int
    seed: int
    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    theta_ref: Floats
    n_train: int
    n_validation: int
    training: Members

    @classmethod
    def of(
        cls, learner: Learner, train: Samples, validation: Samples, member: int, **special: Any
    ) -> Self:
        """Returns the description of a model that is to be trained.

        Args:
            learner: The method and its settings.
            train: The training samples.
            validation: The validation samples.
            member: Number of the model in an ensemble.
            special: Attributes that only some models have.
        """
        return cls(
            method=learner.name,
            member=member,
            seed=learner.seed,
            parameters=train.parameters,
            observables=train.observables,
            theta_ref=train.theta_ref,
            n_train=len(train.x),
            n_validation=len(validation.x),
            training=learner.training,
            **special,
        )

    def record(self) -> dict[str, Any]:
        """Returns the attributes by name, as JSON is to hold them."""
        return dict(vars(self))

    @property
    def settings(self) -> dict[str, object]:
        """The settings of the training by the way to them."""
        return {f"training.{name}": value for name, value in vars(self.training).items()}


def common(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what all descriptions have, from a JSON record, where JSON has other types.

    Args:
        record: The attributes by name.

    Raises:
        KeyError: An attribute is missing.
        ValueError: A value is not one.
    """
    return {
        "parameters": tuple(record["parameters"]),
        "observables": tuple(record["observables"]),
        "theta_ref": np.asarray(record["theta_ref"], float),
    }


class TrainedModel(Model):
    """One model that was trained, which can be written and read.

    Attributes:
        description: What the model is.
    """

    description: Description

    @classmethod
    @abstractmethod
    def fit(
        cls, learner: Learner, train: Samples, validation: Samples, member: int, progress: Progress
    ) -> tuple[Self, History]:
        """Returns a trained model and the course of its training.

        Args:
            learner: The method and its settings.
            train: The training samples.
            validation: The validation samples.
            member: Number of the model in an ensemble; each has its own random numbers.
            progress: Called after every epoch.
        """

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Writes what the model has learned.

        Args:
            folder: The folder to write into.
        """

    @classmethod
    @abstractmethod
    def read(cls, folder: Path, record: Mapping[str, Any]) -> Self:
        """Returns the model that `write` wrote.

        Args:
            folder: Its folder.
            record: Its description.

        Raises:
            InputError: A file is missing or damaged.
            KeyError: Something is missing in the description.
            TypeError: The description has something more.
            ValueError: A value of the description is not one.
        """

    def on(self, device: Device) -> Self:  # noqa: ARG002
        """Returns the model, after moving to a device what can be moved.

        Args:
            device: The device, as in the input file.

        Raises:
            InputError: There is none here.
        """
        return self

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.description.method

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.description.parameters

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the observables."""
        return self.description.observables

    @property
    def theta_ref(self) -> Floats:
        """Reference points, (reference, parameter)."""
        return self.description.theta_ref


def model_class(spec: MethodSpec, estimator: str) -> type[TrainedModel]:
    """Returns the class of the models of a method.

    Args:
        spec: The method.
        estimator: Form of the ratio.

    Raises:
        InputError: It has no such form.
    """
    if estimator not in spec.models:
        raise InputError(f"estimator: '{estimator}', allowed: {', '.join(spec.models)}")
    module, name = spec.models[estimator].split(":")
    found: type[TrainedModel] = getattr(import_module(f"{__package__}.{module}"), name)
    return found


def event_blocks(n_events: int, n_thetas: int) -> Iterator[slice]:
    """Yields slices of events whose log ratios at all parameter points fit into little memory.

    Args:
        n_events: Number of events.
        n_thetas: Number of parameter points.
    """
    step = max(1, _PAIRS_PER_BLOCK // max(n_thetas, _LAYER))
    for start in range(0, n_events, step):
        yield slice(start, min(start + step, n_events))
