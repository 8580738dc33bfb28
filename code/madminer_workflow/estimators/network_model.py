"""What all models that hold one network have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from madminer_workflow.configuration.model import Device, Learner, Training
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.devices import device_of
from madminer_workflow.estimators.history import History, Progress
from madminer_workflow.estimators.inputs import ObservableScaler, ParameterScaler
from madminer_workflow.estimators.model import Description, TrainedModel, common
from madminer_workflow.estimators.networks import seeded
from madminer_workflow.estimators.threads import single_thread
from madminer_workflow.estimators.training import DECAY, Recipe, Tensors, minimise
from madminer_workflow.sampling.samples import Samples
from madminer_workflow.seeds import seed
from madminer_workflow.storage import read_weights, write_weights

__all__ = ["WEIGHTS", "NetworkDescription", "NetworkModel", "as_tensors"]

WEIGHTS = "weights.pt"


@dataclass(frozen=True)
class NetworkDescription(Description):
    """What a network is, apart from its weights.

    Attributes:
        training: Settings of the network and of the training.
        estimator: Form of the ratio, a key of `MethodSpec.models`.
        inputs: Names of those observables that enter the network.
        observable_scaler: How observables enter the network.
        parameter_scaler: How parameters enter the network.
    """

    training: Training
    estimator: str
    inputs: tuple[str, ...]
    observable_scaler: ObservableScaler
    parameter_scaler: ParameterScaler

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> NetworkDescription:
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
            "inputs": tuple(record["inputs"]),
            "training": Training(**{**training, "hidden_layers": tuple(training["hidden_layers"])}),
            "observable_scaler": ObservableScaler.from_record(record["observable_scaler"]),
            "parameter_scaler": ParameterScaler.from_record(record["parameter_scaler"]),
        }
        return cls(**{**record, **common(record), **special})

    @property
    def settings(self) -> dict[str, object]:
        """The form of the ratio, and the settings of the training by the way to them."""
        return {"estimator": self.estimator, **super().settings}


class NetworkModel(TrainedModel):
    """A model that holds one network: the base of the families of networks.

    A family says how parameters are scaled, which network it uses, which tensors and which loss
    train it, and how the trained network is evaluated.

    Attributes:
        description: What the model is.
        network: Its network.
        recipe: How the network is optimised.
        device: Where the network is, and what it computes with.
    """

    description: NetworkDescription
    recipe: Recipe = DECAY

    def __init__(self, description: NetworkDescription) -> None:
        """Builds the network with initial weights.

        Args:
            description: What the model is.
        """
        self.description = description
        self.device = torch.device("cpu")
        self.network = self.build_network()

    def on(self, device: Device) -> Self:
        """Returns the model, after moving its network to a device.

        Args:
            device: The device, as in the input file.

        Raises:
            InputError: There is none here.
        """
        self.device = device_of(device)
        self.network.to(self.device)
        return self

    @classmethod
    @single_thread()
    def fit(
        cls, learner: Learner, train: Samples, validation: Samples, member: int, progress: Progress
    ) -> tuple[Self, History]:
        """Trains the network and keeps the weights of the best epoch; the model is on the CPU.

        Args:
            learner: The method and its settings.
            train: The training samples.
            validation: The validation samples; they choose the epoch whose weights are kept.
            member: Number of the network in an ensemble.
            progress: Called after every epoch.

        Raises:
            InputError: The activation function is unknown, or the samples lack something.
            RuntimeError: The loss is not a finite number.
        """
        columns = cls.choose_inputs(train)
        description = NetworkDescription.of(
            learner,
            train,
            validation,
            member,
            estimator=learner.estimator,
            inputs=tuple(train.observables[column] for column in columns),
            observable_scaler=ObservableScaler.of(train.x[:, columns]),
            parameter_scaler=cls.scale_parameters(train),
        )
        training, names = description.training, ("training", learner.name, member)
        with seeded(seed(training.seed, *names, "weights")):
            model = cls(description).on(learner.device)
        samples = model.tensors(train), model.tensors(validation)
        order = seed(training.seed, *names, "order")
        history = minimise(model, *samples, training, order, progress)
        model.network.eval()
        model.finish(train)
        return model.on("cpu"), history

    def write(self, folder: Path) -> None:
        """Writes the weights of the network.

        Args:
            folder: The folder to write into.
        """
        write_weights(folder / WEIGHTS, self.network.state_dict())

    @classmethod
    def read(cls, folder: Path, record: Mapping[str, Any]) -> Self:
        """Returns the model whose weights `write` wrote.

        Args:
            folder: Its folder.
            record: Its description.

        Raises:
            InputError: The weights are missing, damaged, or those of another network.
        """
        model = cls(NetworkDescription.from_record(record))
        path = folder / WEIGHTS
        weights = read_weights(path)
        try:
            model.network.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(f"{path}: not the weights of the network of its model") from error
        model.network.eval()
        return model

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
        return self._tensor(self.description.observable_scaler(np.asarray(x)[:, columns]))

    def _thetas(self, thetas: ArrayLike) -> Tensor:
        """Returns parameter points as they enter the network, (theta, parameter)."""
        return self._tensor(self.description.parameter_scaler(thetas))

    def _scores(self, scores: ArrayLike | None) -> Tensor | None:
        """Returns joint scores as the derivatives by what enters the network, if there are any."""
        if scores is None:
            return None
        return self._tensor(self.description.parameter_scaler.scale_scores(scores))

    def _tensor(self, array: ArrayLike) -> Tensor:
        """Returns an array in single precision, where the network is."""
        return torch.from_numpy(np.array(array, dtype=np.float32)).to(self.device)


def as_tensors(**tensors: Tensor | None) -> Tensors:
    """Returns those tensors that there are.

    Args:
        tensors: The tensors by name, or None.
    """
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}
