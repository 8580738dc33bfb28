"""Score estimators: SALLY and SALLINO."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.dense import Dense, tiles
from madminer_workflow.estimators.inputs import ParameterScaler
from madminer_workflow.estimators.losses import loss_of
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.estimators.network_model import NetworkModel, as_tensors
from madminer_workflow.estimators.networks import score_network
from madminer_workflow.estimators.threads import single_thread
from madminer_workflow.estimators.training import Tensors
from madminer_workflow.sampling.samples import Samples

__all__ = ["LocalScore"]


class LocalScore(NetworkModel):
    """The score at one parameter point as a network of the observables, MadMiner's."""

    @staticmethod
    def scale_parameters(samples: Samples) -> ParameterScaler:
        """Returns the scaling of parameters that gives scores the mean square one.

        Args:
            samples: The training samples.

        Raises:
            InputError: The samples carry no joint score.
        """
        if samples.t_xz is None:
            raise InputError(f"{samples.method}: the samples carry no joint score")
        return ParameterScaler.of_scores(samples.theta_ref[0], samples.t_xz)

    def build_network(self) -> nn.Module:
        """Returns the network of the description, with initial weights."""
        training = self.description.training
        return score_network(
            len(self.description.inputs),
            len(self.parameters),
            training.hidden_layers,
            training.activation,
        )

    def tensors(self, samples: Samples) -> Tensors:
        """Returns what the loss needs of samples, (sample, …) each.

        Args:
            samples: Training or validation samples.
        """
        return as_tensors(x=self._inputs(samples.x), t_xz=self._scores(samples.t_xz))

    def loss(self, batch: Tensors) -> Tensor:
        """Returns the mean loss of a batch.

        Args:
            batch: Some rows of the tensors.
        """
        return loss_of(self.method, 0.0)(self.network(batch["x"]), batch["t_xz"])

    @single_thread()
    @torch.no_grad()
    def score(self, x: ArrayLike) -> NDArray[np.float64]:
        """Returns the score at the reference point, (event, parameter).

        Args:
            x: Observables, (event, observable).
        """
        training, x = self.description.training, np.asarray(x)
        dense = Dense.of_linear(self.network.get_submodule("layers"), training.activation)
        result = np.empty((len(x), len(self.parameters)))
        for events in event_blocks(len(x), max(training.hidden_layers)):
            inputs = self._inputs(x[events])
            scores = [
                dense(torch.addmm(dense.first_bias, inputs[rows], dense.first_weight))
                for rows, _ in tiles(len(inputs), 1, inputs.device)
            ]
            result[events] = torch.cat(scores).cpu().numpy()
        return self.description.parameter_scaler.unscale_scores(result)
