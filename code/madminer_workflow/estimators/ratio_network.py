"""The network for log r(x|theta), with formulas for its score and for the gradient of that.

Losses that compare scores need the derivative of log r by theta and then, by all weights, that of
the loss. Automatic differentiation does it twice over, which is more work than the products of
matrices themselves. Here both passes are written down, and events whose score is not compared
have no part in them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from madminer_workflow.estimators.activations import Curve, activation_function, curve
from madminer_workflow.estimators.madminer_parts import DenseSingleParameterizedRatioModel

__all__ = ["RatioNetwork"]


class RatioNetwork(DenseSingleParameterizedRatioModel):  # type: ignore[misc]
    """MadMiner's network for log r(x|theta) with a fixed denominator.

    Attributes:
        layers: The dense layers, from parameters and observables to log r.
        activation: The activation function between them.
    """

    def __init__(
        self, n_observables: int, n_parameters: int, hidden_layers: Sequence[int], activation: str
    ) -> None:
        """Draws the initial weights.

        Args:
            n_observables: Number of observables.
            n_parameters: Number of parameters.
            hidden_layers: Units of each hidden layer.
            activation: Name of the activation function.
        """
        super().__init__(n_observables, n_parameters, hidden_layers)
        self.activation = activation_function(activation)
        self._curve = curve(activation)

    def with_score(self, theta: Tensor, x: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Returns log r, (event, 1), and the score d log r / d theta, (event, parameter).

        Args:
            theta: Scaled parameter points, (event, parameter).
            x: Scaled observables, (event, observable).
            wanted: Whose score is wanted, (event,); that of others is zero.
        """
        first, rest = wanted.nonzero()[:, 0], (~wanted).nonzero()[:, 0]
        order = torch.cat((first, rest))
        inputs, n_parameters = torch.cat((theta, x), dim=1)[order], theta.shape[1]
        log_r, score = _Scored.apply(  # type: ignore[no-untyped-call]
            inputs, len(first), n_parameters, self._curve, *self.layers.parameters()
        )
        return (
            log_r.new_zeros(log_r.shape).index_copy(0, order, log_r),
            log_r.new_zeros(theta.shape).index_copy(0, first, score),
        )


class _Scored(torch.autograd.Function):
    """log r of all rows, and its derivatives by their first inputs where they are wanted.

    The layers are h_k = W_k a_k + b_k, a_k+1 = f(h_k) from the inputs a_0 to log r = h_K. The pass
    back to the score is v_k = u_k f'(h_k), u_k-1 = v_k W_k, from u_K-1 = W_K to the score v_0 W_0.
    A gradient runs through this pass in the other direction, which adds to those by the weights
    and, by f''(h_k), to those by h_k, and then back through the layers.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, n: int, n_parameters: int, function: Curve, *layers: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns log r, (row, 1), and the score of the first n rows, (n, parameter)."""
        *weights, last = layers[::2]
        a, slopes, curvatures = [inputs], [], []
        for weight, bias in zip(weights, layers[1::2], strict=False):
            value, slope, curvature = function(torch.addmm(bias, a[-1], weight.T), n)
            a.append(value)
            slopes.append(slope)
            curvatures.append(curvature)
        u, v = [last.expand(n, -1)], []
        for weight, slope in zip(weights[:0:-1], slopes[:0:-1], strict=True):
            v.append(u[-1] * slope[:n])
            u.append(v[-1] @ weight)
        v.append(u[-1] * slopes[0][:n])
        ctx.layers, ctx.n_parameters = (*weights, last), n_parameters
        ctx.passed = a, slopes, curvatures, u[::-1], v[::-1]
        return torch.addmm(layers[-1], a[-1], last.T), v[-1] @ weights[0][:, :n_parameters]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_log_r: Tensor, d_score: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients by the weights and biases of all layers."""
        weights, (a, slopes, curvatures, u, v) = ctx.layers, ctx.passed
        n, own = len(d_score), slice(ctx.n_parameters)
        by_weight, by_bias, bends = [torch.zeros_like(weights[0])], [], []
        by_weight[0][:, own] = v[0].T @ d_score
        d_v = d_score @ weights[0][:, own].T
        for k, slope in enumerate(slopes):
            bends.append((d_v * u[k]).mul_(curvatures[k]))
            d_u = d_v.mul_(slope[:n])
            if k + 1 < len(slopes):
                by_weight.append(v[k + 1].T @ d_u)
                d_v = d_u @ weights[k + 1].T
        by_weight.append(d_u.sum(dim=0, keepdim=True))
        d_h = d_log_r
        for k in reversed(range(len(weights))):
            by_weight[k].addmm_(d_h.T, a[k])
            by_bias.append(d_h.sum(dim=0))
            if k > 0:
                d_h = (d_h @ weights[k]).mul_(slopes[k - 1])
                d_h[:n] += bends[k - 1]
        pairs = zip(by_weight, reversed(by_bias), strict=True)
        return None, None, None, None, *itertools.chain.from_iterable(pairs)
