"""Activation functions by name, with their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from madminer_workflow.errors import InputError

__all__ = ["ACTIVATIONS", "Activation", "Curve", "activation_function", "curve"]

Activation = Callable[[Tensor], Tensor]
Curve = Callable[[Tensor, int], tuple[Tensor, Tensor, Tensor]]
"""Gives a function and its first derivative, and its second derivative in the first rows only.

What it is applied to may be overwritten."""

ACTIVATIONS: Mapping[str, Activation] = {
    "elu": nn.functional.elu,
    "log_sigmoid": nn.functional.logsigmoid,
    "lrelu": nn.functional.leaky_relu,
    "relu": torch.relu,
    "rrelu": torch.rrelu,
    "selu": torch.selu,
    "sigmoid": torch.sigmoid,
    "silu": nn.functional.silu,
    "softplus": nn.functional.softplus,
    "tanh": torch.tanh,
}
"""Activation functions by name: those that MadMiner knows too, and SiLU.

MadMiner's `sigmoid` is a ReLU, ours is the logistic function."""


def activation_function(name: str) -> Activation:
    """Returns an activation function.

    Args:
        name: Its name.

    Raises:
        InputError: There is none of this name.
    """
    if name not in ACTIVATIONS:
        raise InputError(f"activation: '{name}', allowed: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def curve(name: str) -> Curve:
    """Returns what computes an activation function together with its derivatives.

    The functions in common use have formulas, which cost a fraction of differentiating twice.

    Args:
        name: Its name.

    Raises:
        InputError: There is none of this name.

    >>> value, slope, curvature = curve("tanh")(torch.zeros(3, 1), 1)
    >>> float(slope[0]), len(slope), len(curvature)
    (1.0, 3, 1)
    """
    function = activation_function(name)
    return _FORMULAS.get(name, lambda h, n: _differentiated(function, h, n))


def _tanh(h: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns tanh and its derivatives by the logistic function, which is five times cheaper."""
    sigmoid = h.mul_(2).sigmoid_()
    slope = torch.addcmul(sigmoid, sigmoid, sigmoid, value=-1).mul_(4)
    value = sigmoid.mul_(2).sub_(1)
    return value, slope, (value[:n] * slope[:n]).mul_(-2)


def _sigmoid(h: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the logistic function and its derivatives."""
    value = h.sigmoid_()
    slope = torch.addcmul(value, value, value, value=-1)
    return value, slope, slope[:n] * (1 - 2 * value[:n])


def _silu(h: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns h times the logistic function of h, and its derivatives."""
    sigmoid = torch.sigmoid(h)
    value, rest = h.mul_(sigmoid), 1 - sigmoid
    slope = sigmoid.addcmul_(value, rest)
    return value, slope, torch.sub(slope[:n], value[:n]).add_(slope[:n]).mul_(rest[:n])


_FORMULAS: Mapping[str, Curve] = {"sigmoid": _sigmoid, "silu": _silu, "tanh": _tanh}


@torch.enable_grad()
def _differentiated(function: Activation, h: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns any function and its derivatives."""
    h = h.detach().requires_grad_()
    value = function(h)
    (slope,) = torch.autograd.grad(value.sum(), h, create_graph=True)
    curvature = torch.zeros_like(h)
    if slope.requires_grad:  # which it does not for straight lines
        (curvature,) = torch.autograd.grad(slope.sum(), h)
    return value.detach(), slope.detach(), curvature[:n]
