"""The ratio as a quadratic form, learned from weighted events.

Smearing is linear, so d sigma(x|theta) / d sigma(x|ref) is as quadratic in theta after the detector
as it is before. The network gives its Cholesky factor for each event: one pass an event serves any
grid, and every event teaches every parameter point. The loss for an event with the weights w is

    w(ref) R(x|theta) - w(theta) log R(x|theta),    R(x|theta) = |L(x)^T (1, theta)|^2,

the maximum-likelihood classifier (Nachman, Thaler, arXiv:2101.07263, "MLC"): its minimum over all
functions of x is the ratio of the cross sections, and its value there the expected likelihood.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.model import event_blocks
from madminer_workflow.estimators.network_model import as_tensors
from madminer_workflow.estimators.networks import with_one
from madminer_workflow.estimators.quadratic import QuadraticRatio
from madminer_workflow.estimators.training import ONE_CYCLE, Tensors
from madminer_workflow.events import form_monomials
from madminer_workflow.sampling.samples import Samples

__all__ = ["WeightedQuadraticRatio"]

_THETAS = 16  # parameter points that all events of a batch meet


class WeightedQuadraticRatio(QuadraticRatio):
    """A quadratic ratio that is trained on weighted events."""

    recipe = ONE_CYCLE

    def tensors(self, samples: Samples) -> Tensors:
        """Returns inputs, one parameter point, and the form of the weight of each event.

        Args:
            samples: Training or validation samples.

        Raises:
            InputError: The samples are not weighted events.
        """
        if samples.forms is None:
            raise InputError(f"{self.method}: the samples hold no weights")
        scale = self.description.parameter_scaler.scale
        return as_tensors(
            x=self._inputs(samples.x),
            theta=self._thetas(samples.theta),
            form=self._tensor(samples.forms * form_monomials(scale[None])),
        )

    def loss(self, batch: Tensors) -> Tensor:
        """Returns the mean loss of a batch at some of its parameter points.

        Args:
            batch: Some rows of the tensors.
        """
        points = batch["theta"][:_THETAS]
        ratio = self.network.forms(batch["x"], points) + torch.finfo(points.dtype).tiny
        v = with_one(points).T
        i, j = torch.triu_indices(len(v), len(v))
        weight = batch["form"] @ (v[i] * v[j])
        return (batch["form"][:, :1] * ratio - weight * torch.log(ratio)).mean()

    @torch.no_grad()
    def finish(self, samples: Samples) -> None:
        """Sets the cross section to the mean of the forms of the training events.

        Args:
            samples: The training samples.
        """
        assert samples.forms is not None
        total = np.zeros((len(self.parameters) + 1,) * 2)
        for rows in event_blocks(len(samples), 32):
            factor = self.network.factor(self._inputs(samples.x[rows])).double()
            weights = self._tensor(samples.forms[rows, 0]).double()
            total += torch.einsum("e,eij,ekj->ik", weights, factor, factor).cpu().numpy()
        self.network.set_total(total / samples.forms[:, 0].sum())
