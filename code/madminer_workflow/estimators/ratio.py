"""Ratio estimators: CARL, ROLR, ALICE, CASCAL, RASCAL and ALICES."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from madminer_workflow.estimators.chebyshev import interpolated
from madminer_workflow.estimators.dense import Dense, tiles
from madminer_workflow.estimators.inputs import ParameterScaler
from madminer_workflow.estimators.losses import loss_of, uses_score
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.estimators.network_model import NetworkModel, as_tensors
from madminer_workflow.estimators.networks import QuadraticNetwork
from madminer_workflow.estimators.ratio_network import RatioNetwork
from madminer_workflow.estimators.threads import single_thread
from madminer_workflow.estimators.training import Tensors
from madminer_workflow.sampling.samples import Samples

__all__ = ["ParameterizedRatio", "RatioModel"]

Floats = NDArray[np.float64]
Rest = Callable[[Tensor], Tensor]


class RatioModel(NetworkModel):
    """A network for log r(x|theta) that is trained with MadMiner's loss functions."""

    network: RatioNetwork | QuadraticNetwork

    def tensors(self, samples: Samples) -> Tensors:
        """Returns what the loss needs of samples, (sample, …) each.

        Args:
            samples: Training or validation samples.
        """
        return as_tensors(
            x=self._inputs(samples.x),
            theta=self._thetas(samples.theta),
            y=self._column(samples.y),
            r_xz=self._column(samples.r_xz),
            t_xz=self._scores(samples.t_xz),
        )

    def loss(self, batch: Tensors) -> Tensor:
        """Returns the mean loss of a batch.

        Args:
            batch: Some rows of the tensors.
        """
        alpha = self.description.training.alpha
        theta, x, labels = batch["theta"], batch["x"], (batch["y"], batch.get("r_xz"))
        if uses_score(self.method, alpha):
            log_r, t_hat = self.network.with_score(theta, x, wanted=batch["y"][:, 0] == 0)
        else:
            log_r, t_hat = self.network(theta, x, track_score=False)[1], None
        if torch.isnan(log_r).any():
            return torch.sum(log_r)  # where the cross-entropy of PyTorch would raise an error
        return loss_of(self.method, alpha)(
            None, log_r, t_hat, None, *labels, batch.get("t_xz"), None
        )

    @single_thread()
    @torch.no_grad()
    def log_ratio_at(self, x: ArrayLike, thetas: ArrayLike) -> Floats:
        """Returns log r with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).
        """
        x, thetas = np.asarray(x), np.asarray(thetas)
        result = np.empty(len(x))
        for rows in event_blocks(len(x), max(self.description.training.hidden_layers)):
            inputs = self._thetas(thetas[rows]), self._inputs(x[rows])
            result[rows] = self.network(*inputs, track_score=False)[1][:, 0].cpu().numpy()
        return result

    def _column(self, values: Floats | None) -> Tensor | None:
        """Returns one number a sample as MadMiner wants it, (sample, 1)."""
        return None if values is None else self._tensor(values)[:, None]


class ParameterizedRatio(RatioModel):
    """The ratio as a network of observables and parameters, MadMiner's."""

    @staticmethod
    def scale_parameters(samples: Samples) -> ParameterScaler:
        """Returns the scaling of parameters to mean zero and standard deviation one.

        Args:
            samples: The training samples.
        """
        return ParameterScaler.standard(samples.theta)

    def build_network(self) -> RatioNetwork:
        """Returns the network of the description, with initial weights."""
        training = self.description.training
        return RatioNetwork(
            len(self.description.inputs),
            len(self.parameters),
            training.hidden_layers,
            training.activation,
        )

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields log r in blocks of events, in bounded memory, interpolated where that serves.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Yields:
            Which events, and their log ratios, (event, theta).
        """
        return interpolated(self._pairs, x, thetas)

    def score_blocks(
        self, x: ArrayLike, thetas: ArrayLike
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yields log r and its score in blocks of events, in bounded memory.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Yields:
            Which events, their log ratios, (event, theta), and scores, (event, theta, parameter).
        """
        dense, n_parameters = self._dense(), len(self.parameters)
        back = dense.first_weight[:n_parameters].T

        def both(h: Tensor) -> Tensor:
            log_r, slope = dense.with_slope(h)
            return torch.cat((log_r, slope @ back), dim=1)

        for events, values in self._on_grid(dense, both, 1 + n_parameters, x, thetas):
            unscaled = self.description.parameter_scaler.unscale_scores(values[..., 1:])
            yield events, values[..., 0], unscaled

    def _pairs(self, x: Floats, thetas: Floats) -> Iterator[tuple[slice, Floats]]:
        """Yields log r in blocks of events, computed for each pair of event and point."""
        dense = self._dense()
        for events, values in self._on_grid(dense, dense, 1, x, thetas):
            yield events, values[..., 0]

    def _dense(self) -> Dense:
        """Returns the network for evaluation."""
        layers = self.network.get_submodule("layers")
        return Dense.of_linear(layers, self.description.training.activation)

    def _on_grid(
        self, dense: Dense, rest: Rest, n_outputs: int, x: ArrayLike, thetas: ArrayLike
    ) -> Iterator[tuple[slice, Floats]]:
        """Yields what follows from the first layer, in blocks of events, (event, theta, output)."""
        x, points = np.asarray(x), self._thetas(thetas)
        weight, n_parameters = dense.first_weight, points.shape[1]
        of_theta = points @ weight[:n_parameters]
        for events in event_blocks(len(x), len(points) * n_outputs):
            inputs = self._inputs(x[events])
            of_x = torch.addmm(dense.first_bias, inputs, weight[n_parameters:])
            yield events, _sums(rest, n_outputs, of_x, of_theta)


@single_thread()
def _sums(rest: Rest, n_outputs: int, of_x: Tensor, of_theta: Tensor) -> Floats:
    """Returns the outputs for all sums of the parts of events and of points."""
    result = of_x.new_empty(len(of_theta), len(of_x), n_outputs)
    for events, thetas in tiles(len(of_x), len(of_theta), of_x.device):
        h = of_x[events] + of_theta[thetas, None]
        result[thetas, events] = rest(h.flatten(0, 1)).view(*h.shape[:2], n_outputs)
    return result.transpose(0, 1).double().cpu().numpy()
