"""Ratio estimators whose ratio is quadratic in the parameters by construction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from madminer_workflow.estimators.inputs import ParameterScaler
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.estimators.networks import QuadraticNetwork, with_one
from madminer_workflow.estimators.ratio import RatioModel
from madminer_workflow.estimators.threads import single_thread
from madminer_workflow.sampling.samples import Samples

__all__ = ["QuadraticRatio"]

Floats = NDArray[np.float64]


class QuadraticRatio(RatioModel):
    """The ratio as a quadratic form of the parameters, whose coefficients are a network of x."""

    network: QuadraticNetwork

    @staticmethod
    def scale_parameters(samples: Samples) -> ParameterScaler:
        """Returns the scaling of the first reference point to zero and the others into [-1, 1].

        Args:
            samples: The training samples.
        """
        return ParameterScaler.around(samples.theta_ref[0], samples.theta)

    def build_network(self) -> QuadraticNetwork:
        """Returns the network of the description, with initial weights."""
        training = self.description.training
        return QuadraticNetwork(
            len(self.description.inputs),
            training.hidden_layers,
            training.activation,
            self._thetas(self.theta_ref),
        )

    def log_ratio_blocks(self, x: ArrayLike, thetas: ArrayLike) -> Iterator[tuple[slice, Floats]]:
        """Yields log r in blocks of events: one pass of the network and one matrix product.

        Args:
            x: Observables, (event, observable).
            thetas: Parameter points, (theta, parameter).

        Yields:
            Which events, and their log ratios, (event, theta).
        """
        x, points = np.asarray(x), self._thetas(thetas)
        for events in event_blocks(len(x), len(points)):
            yield events, self._on_grid(self._inputs(x[events]), points)

    @single_thread()
    @torch.no_grad()
    def _on_grid(self, inputs: Tensor, points: Tensor) -> Floats:
        """Returns log r, (event, theta)."""
        network = self.network
        factor, total = network.factor(inputs), network.total_factor()
        log_r = _log_forms(factor, points) - _log_forms(total, points)
        return (log_r - network.log_reference(factor, total)).double().cpu().numpy()


def _log_forms(factor: Tensor, points: Tensor) -> Tensor:
    """Returns log |L^T (1, theta)|^2, (event, theta)."""
    v = with_one(points).T
    form = factor.new_zeros(len(factor), v.shape[1])
    for column in factor.unbind(dim=2):
        form.add_((column @ v).square_())
    return form.clamp_min_(torch.finfo(form.dtype).tiny).log_()
