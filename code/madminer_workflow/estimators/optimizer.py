"""Adam on all weights of a network at once.

The networks here are so small that an optimiser that treats each tensor on its own spends more time
in Python than on arithmetic, and importing PyTorch's takes longer than importing the rest of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["Adam"]

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma, Ba, arXiv:1412.6980), with AMSGrad (arXiv:1904.09237) or with weight decay.

    Weight decay is decoupled (Loshchilov, Hutter, arXiv:1711.05101). Updates are those of
    `torch.optim.Adam` and `torch.optim.AdamW`.

    Attributes:
        weights: All weights, (weight,); the parameters of the network are views of it.
        gradient: The gradient of the loss by them, (weight,), which backward passes add to.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], amsgrad: bool = False, weight_decay: float = 0.0
    ) -> None:
        """Takes over the weights of a network.

        Args:
            parameters: The parameters, all of one type.
            amsgrad: Whether steps are bounded by the largest mean square of the gradient so far.
            weight_decay: Decay of the weights in units of the learning rate.
        """
        parameters = list(parameters)
        self.weights = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self.gradient = torch.zeros_like(self.weights)
        sizes = [parameter.numel() for parameter in parameters]
        shares = torch.split(self.weights, sizes), torch.split(self.gradient, sizes)
        for parameter, weights, gradient in zip(parameters, *shares, strict=True):
            parameter.data = weights.view_as(parameter)
            parameter.grad = gradient.view_as(parameter)
        self._mean, self._square = (torch.zeros_like(self.weights) for _ in range(2))
        self._largest = torch.zeros_like(self.weights) if amsgrad else None
        self._weight_decay = weight_decay
        self._steps = 0

    def cut(self, largest: float) -> Tensor:
        """Scales the gradient down to a norm and returns the norm that it had.

        Args:
            largest: The largest norm that is left as it is.
        """
        norm: Tensor = torch.linalg.vector_norm(self.gradient)
        if math.isfinite(largest):
            self.gradient.mul_((largest / (norm + 1e-6)).clamp_max(1.0))
        return norm

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Changes the weights.

        Args:
            learning_rate: The learning rate.
        """
        self._steps += 1
        self.weights.mul_(1.0 - learning_rate * self._weight_decay)
        self._mean.lerp_(self.gradient, 1.0 - _FIRST)
        self._square.mul_(_SECOND).addcmul_(self.gradient, self.gradient, value=1.0 - _SECOND)
        square = self._square
        if self._largest is not None:
            square = torch.maximum(self._largest, square, out=self._largest)
        deviation = square.sqrt().div_(math.sqrt(1.0 - _SECOND**self._steps)).add_(_EPSILON)
        factor = learning_rate / (1.0 - _FIRST**self._steps)
        self.weights.addcdiv_(self._mean, deviation, value=-factor)
