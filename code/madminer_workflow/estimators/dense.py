"""Fast evaluation of trained dense networks on grids of events and parameter points.

Per pair of event and parameter point a network of three layers of 64 units costs a third of a
microsecond on one core; MadMiner, which builds a tensor for each row, needs more than ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from madminer_workflow.estimators.activations import activation_function, curve

__all__ = ["TILE", "Dense", "tiles"]

TILE = 1024
"""Pairs of event and parameter point that are computed at once: they fit the cache of a core."""

_TILE_OF_GPU = 2**18  # which occupy it and need 100 MB a layer

_CPU = torch.device("cpu")


class Dense:
    """A dense network without gradients, from the input of its first activation function on.

    The first layer is left to the caller, who knows which of its inputs repeat: on a grid the
    parts of events and of parameter points are computed once each and then added. A hyperbolic
    tangent is computed as tanh(h) = 2 sigmoid(2 h) - 1 with the constants moved into the weights,
    because the logistic function is five times cheaper.

    Attributes:
        first_weight: Weights of the first layer, (input, unit).
        first_bias: Biases of the first layer, (unit,).
    """

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]], activation: str) -> None:
        """Prepares the weights.

        Args:
            layers: Weight, (input, unit), and bias, (unit,), of each layer.
            activation: Name of the activation function between the layers.
        """
        layers = [(weight.detach().double(), bias.detach().double()) for weight, bias in layers]
        if activation == "tanh":
            layers = _tanh_as_sigmoid(layers)
        single = [(weight.float().contiguous(), bias.float()) for weight, bias in layers]
        (self.first_weight, self.first_bias), *self._rest = single
        self._in_place = activation == "tanh"
        self._activation = activation_function(activation)
        self._curve = curve("sigmoid" if self._in_place else activation)

    @classmethod
    def of_linear(cls, layers: nn.Module, activation: str) -> Dense:
        """Prepares linear layers.

        Args:
            layers: A list of such layers.
            activation: Name of the activation function between them.
        """
        linear = [layer for layer in layers.children() if isinstance(layer, nn.Linear)]
        return cls([(layer.weight.T, layer.bias) for layer in linear], activation)

    def __call__(self, h: Tensor) -> Tensor:
        """Returns the output of the network, (pair, output).

        Args:
            h: Output of the first layer, (pair, unit); it is overwritten.
        """
        for weight, bias in self._rest:
            h = torch.addmm(bias, h.sigmoid_() if self._in_place else self._activation(h), weight)
        return h

    def with_slope(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the only output, (pair, 1), and its derivatives by h, (pair, unit).

        Args:
            h: Output of the first layer, (pair, unit); it is overwritten.
        """
        slopes = []
        for weight, bias in self._rest:
            value, slope, _ = self._curve(h, 0)
            slopes.append(slope)
            h = torch.addmm(bias, value, weight)
        back = torch.ones_like(h)
        for (weight, _), slope in zip(reversed(self._rest), reversed(slopes), strict=True):
            back = (back @ weight.T).mul_(slope)
        return h, back


def tiles(
    n_events: int, n_thetas: int, device: torch.device = _CPU
) -> Iterator[tuple[slice, slice]]:
    """Yields slices of events and of parameter points that cover a grid.

    Args:
        n_events: Number of events.
        n_thetas: Number of parameter points.
        device: Where the tiles are computed.

    Yields:
        The events and the parameter points of one tile.
    """
    size = TILE if device.type == "cpu" else _TILE_OF_GPU
    for event in range(0, n_events, size):
        events = slice(event, min(event + size, n_events))
        step = max(1, size // (events.stop - events.start))
        for theta in range(0, n_thetas, step):
            yield events, slice(theta, min(theta + step, n_thetas))


def _tanh_as_sigmoid(layers: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """Returns the layers of the same network with sigmoid(h) in place of tanh(h)."""
    converted = []
    for i, (weight, bias) in enumerate(layers):
        if i > 0:
            weight, bias = 2 * weight, bias - weight.sum(dim=0)
        if i < len(layers) - 1:
            weight, bias = 2 * weight, 2 * bias
        converted.append((weight, bias))
    return converted
