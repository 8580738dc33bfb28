"""What a trained model can do, and what all models that hold one network have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from madminer_workflow.configuration.model import Training
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.inputs import ObservableScaler, ParameterScaler
from madminer_workflow.estimators.registry import METHODS, Kind
from madminer_workflow.estimators.training import DECAY, Recipe, Tensors
from madminer_workflow.sampling.samples import Samples

__all__ = [
    "Description",
    "Model",
    "NetworkModel",
    "as_tensor",
    "as_tensors",
    "event_blocks",
    "model_class",
]

Floats = NDArray[np.float64]

_PAIRS_PER_BLOCK = 2**21
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
    def kind(self) -> Kind:
        """What the model estimates."""
        return METHODS[self.method].kind

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
    """What a model is, apart from the weights of its network.

    Attributes:
        method: Name of the method.
        estimator: Form of the ratio, a key of `MethodSpec.models`.
        member: Number of the network in an ensemble.
        seed: The seed of the whole run, from which that of the folds is derived.
        parameters: Names of the parameters.
        observables: Names of the observables.
        inputs: Names of those observables that enter the network.
        theta_ref: Reference points, (reference, parameter).
        n_train: Number of training samples.
        n_validation: Number of validation samples.
        training: Settings of the network and of the training.
        observable_scaler: How observables enter the network.
        parameter_scaler: How parameters enter the network.
    """

    method: str
    estimator: str
    member: int
    seed: int
    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    inputs: tuple[str, ...]
    theta_ref: Floats
    n_train: int
    n_validation: int
    training: Training
    observable_scaler: ObservableScaler
    parameter_scaler: ParameterScaler

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Description:
        """Returns the description that a JSON record holds.

        Args:
            record: The attributes by name.

        Raises:
            KeyError: An attribute is missing.
            TypeError: There are others.
            ValueError: A value is not one.
        """
        training = record["training"]
        special = {
            "parameters": tuple(record["parameters"]),
            "observables": tuple(record["observables"]),
            "inputs": tuple(record["inputs"]),
            "theta_ref": np.asarray(record["theta_ref"], float),
            "training": Training(**{**training, "hidden_layers": tuple(training["hidden_layers"])}),
            "observable_scaler": ObservableScaler.from_record(record["observable_scaler"]),
            "parameter_scaler": ParameterScaler.from_record(record["parameter_scaler"]),
        }
        return cls(**{**record, **special})


class NetworkModel(Model):
    """A model that holds one network: the base of the families of estimators.

    A family says how parameters are scaled, which network it uses, which tensors and which loss
    train it, and how the trained network is evaluated.

    Attributes:
        description: What the model is.
        network: Its network.
        recipe: How the network is optimised.
    """

    recipe: Recipe = DECAY

    def __init__(self, description: Description) -> None:
        """Builds the network with initial weights.

        Args:
            description: What the model is.
        """
        self.description = description
        self.network = self.build_network()

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

    @staticmethod
    def choose_inputs(samples: Samples) -> NDArray[np.int64]:
        """Returns the columns of the observables that enter the network; all if not overridden.

        Args:
            samples: The training samples.
        """
        return np.arange(len(samples.observables))

    @staticmethod
    @abstractmethod
    def scale_parameters(samples: Samples) -> ParameterScaler:
        """Returns how parameters enter the network.

        Args:
            samples: The training samples.
        """

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Returns the network of the description, with initial weights."""

    @abstractmethod
    def tensors(self, samples: Samples) -> Tensors:
        """Returns what the loss needs of samples, (sample, …) each.

        Args:
            samples: Training or validation samples.
        """

    @abstractmethod
    def loss(self, batch: Tensors) -> Tensor:
        """Returns the mean loss of a batch.

        Args:
            batch: Some rows of the tensors.
        """

    def finish(self, samples: Samples) -> None:
        """Does what remains when the network is trained; nothing if not overridden.

        Args:
            samples: The training samples.
        """

    def _inputs(self, x: ArrayLike) -> Tensor:
        """Returns observables as they enter the network, (event, input)."""
        columns = [self.observables.index(name) for name in self.description.inputs]
        return as_tensor(self.description.observable_scaler(np.asarray(x)[:, columns]))

    def _thetas(self, thetas: ArrayLike) -> Tensor:
        """Returns parameter points as they enter the network, (theta, parameter)."""
        return as_tensor(self.description.parameter_scaler(thetas))

    def _scores(self, scores: ArrayLike | None) -> Tensor | None:
        """Returns joint scores as the derivatives by what enters the network, if there are any."""
        if scores is None:
            return None
        return as_tensor(self.description.parameter_scaler.scale_scores(scores))


def model_class(method: str, estimator: str) -> type[NetworkModel]:
    """Returns the class of the models of a method.

    Args:
        method: Name of the method.
        estimator: Form of the ratio.

    Raises:
        InputError: There is no such method, or it has no such form.
    """
    if method not in METHODS:
        raise InputError(f"method: '{method}', allowed: {', '.join(METHODS)}")
    models = METHODS[method].models
    if estimator not in models:
        raise InputError(f"estimator: '{estimator}', allowed: {', '.join(models)}")
    module, name = models[estimator].split(":")
    found: type[NetworkModel] = getattr(import_module(f"{__package__}.{module}"), name)
    return found


def event_blocks(n_events: int, n_thetas: int) -> Iterator[slice]:
    """Yields slices of events whose log ratios at all parameter points fit into little memory.

    Args:
        n_events: Number of events.
        n_thetas: Number of parameter points.
    """
    step = max(1, _PAIRS_PER_BLOCK // max(n_thetas, 1))
    for start in range(0, n_events, step):
        yield slice(start, min(start + step, n_events))


def as_tensor(array: ArrayLike) -> Tensor:
    """Returns an array in single precision.

    Args:
        array: The array.
    """
    return torch.from_numpy(np.array(array, dtype=np.float32))


def as_tensors(**tensors: Tensor | None) -> Tensors:
    """Returns those tensors that there are.

    Args:
        tensors: The tensors by name, or None.
    """
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}
