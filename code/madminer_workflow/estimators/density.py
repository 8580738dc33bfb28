"""Density estimators: SCANDAL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from madminer_workflow.configuration.model import Device
from madminer_workflow.estimators.chebyshev import interpolated
from madminer_workflow.estimators.dense import Dense, tiles
from madminer_workflow.estimators.inputs import ObservableScaler, ParameterScaler
from madminer_workflow.estimators.losses import loss_of, uses_score
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.estimators.network_model import NetworkModel, as_tensors
from madminer_workflow.estimators.networks import flow_network
from madminer_workflow.estimators.redundancy import independent
from madminer_workflow.estimators.threads import single_thread
from madminer_workflow.estimators.training import Tensors
from madminer_workflow.sampling.samples import Samples

__all__ = ["ConditionalDensity"]

Floats = NDArray[np.float64]


class ConditionalDensity(NetworkModel):
    """The density of the observables as a masked autoregressive flow, MadMiner's.

    Its log ratios are relative to the density at the first reference point.
    """

    def on(self, device: Device) -> Self:  # noqa: ARG002
        """Returns the model as it is: MadMiner's flows stay where they were built.

        Args:
            device: The device, as in the input file.
        """
        return self

    @staticmethod
    def choose_inputs(samples: Samples) -> NDArray[np.int64]:
        """Returns the columns of the observables that are not functions of others.

        The others have no density, and their ratio is that of the observables they depend on.

        Args:
            samples: The training samples.
        """
        return independent(ObservableScaler.of(samples.x)(samples.x))

    @staticmethod
    def scale_parameters(samples: Samples) -> ParameterScaler:
        """Returns the scaling of parameters to mean zero and standard deviation one.

        Args:
            samples: The training samples.
        """
        return ParameterScaler.standard(samples.theta)

    def build_network(self) -> nn.Module:
        """Returns the network of the description, with initial weights."""
        training = self.description.training
        return flow_network(
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
        return as_tensors(
            x=self._inputs(samples.x),
            theta=self._thetas(samples.theta),
            t_xz=self._scores(samples.t_xz),
        )

    def loss(self, batch: Tensors) -> Tensor:
        """Returns the mean loss of a batch.

        Args:
            batch: Some rows of the tensors.
        """
        alpha, theta, flow = self.description.training.alpha, batch["theta"].detach(), self._flow
        if uses_score(self.method, alpha):
            _, log_p, t_hat = flow.log_likelihood_and_score(theta, batch["x"])
        else:
            (_, log_p), t_hat = flow.log_likelihood(theta, batch["x"]), None
        return loss_of(self.method, alpha)(log_p, t_hat, batch.get("t_xz"))

    @single_thread()
    @torch.no_grad()
    def log_ratio_at(self, x: ArrayLike, thetas: ArrayLike) -> Floats:
        """Returns log p(x|theta) / p(x|reference) with one parameter point an event, (event,).

        Args:
            x: Observables, (event, observable).
            thetas: The parameter point of each event, (event, parameter).
        """
        x, points = np.asarray(x), self._thetas(thetas)
        reference = self._thetas(self.theta_ref[:1])
        result = np.empty(len(x))
        for rows in event_blocks(len(x), max(self.description.training.hidden_layers)):
            inputs = self._inputs(x[rows])
            _, log_p = self._flow.log_likelihood(points[rows], inputs)
            _, log_p_ref = self._flow.log_likelihood(reference.expand(len(inputs), -1), inputs)
            result[rows] = (log_p - log_p_ref).numpy()
        return result

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields log ratios in blocks of events, interpolated where that serves.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Yields:
            Which events, and their log ratios, (event, theta).
        """
        return interpolated(self._pairs, x, thetas)

    def _pairs(self, x: Floats, thetas: Floats) -> Iterator[tuple[slice, Floats]]:
        """Yields log ratios in blocks of events, computed for each pair of event and point."""
        steps = [
            _dense(transformation, self.description.training.activation)
            for transformation in self._flow.mades
        ]
        points = self._thetas(np.concatenate([self.theta_ref[:1], thetas]))
        for events in event_blocks(len(x), len(points)):
            log_p = _log_density(steps, self._inputs(x[events]), points)
            yield events, (log_p[:, 1:] - log_p[:, :1]).double().numpy()

    @property
    def _flow(self) -> Any:
        """The network with MadMiner's own methods, which carry no types."""
        return self.network


def _dense(transformation: Any, activation: str) -> Dense:
    """Returns a transformation of the flow as a network of (theta, u), masks multiplied in.

    Its outputs are the mean and the log precision of each observable.
    """
    weights = [
        mask * weight for mask, weight in zip(transformation.Ms, transformation.Ws, strict=True)
    ]
    weights[0] = torch.cat([transformation.Wx, weights[0]])
    last = [transformation.Mmp * weight for weight in (transformation.Wm, transformation.Wp)]
    biases = [*transformation.bs, torch.cat([transformation.bm, transformation.bp])]
    return Dense(list(zip([*weights, torch.cat(last, dim=1)], biases, strict=True)), activation)


@single_thread()
def _log_density(steps: list[Dense], x: Tensor, points: Tensor) -> Tensor:
    """Returns log p(x|theta) up to a constant, (event, theta)."""
    n_parameters = points.shape[1]
    of_theta = [points @ step.first_weight[:n_parameters] for step in steps]
    result = torch.empty(len(points), len(x))
    for events, thetas in tiles(len(x), len(points)):
        u = x[events].repeat(thetas.stop - thetas.start, 1)
        log_p = torch.zeros(len(u))
        for step, shift in zip(steps, of_theta, strict=True):
            h = torch.addmm(step.first_bias, u, step.first_weight[n_parameters:])
            h.view(-1, events.stop - events.start, h.shape[1]).add_(shift[thetas, None])
            mean, log_precision = step(h).chunk(2, dim=1)
            u = torch.exp(0.5 * log_precision) * (u - mean)
            log_p += 0.5 * log_precision.sum(dim=1)
        log_p -= 0.5 * u.square().sum(dim=1)
        result[thetas, events] = log_p.view(-1, events.stop - events.start)
    return result.T
