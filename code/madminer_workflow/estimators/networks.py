"""Networks: those of MadMiner, and one that is quadratic in the parameters by construction."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from madminer_workflow.estimators.activations import activation_function
from madminer_workflow.estimators.madminer_parts import (
    ConditionalMaskedAutoregressiveFlow,
    DenseLocalScoreModel,
)

__all__ = [
    "QuadraticNetwork",
    "flow_network",
    "score_network",
    "seeded",
]

_N_TRANSFORMATIONS = 3
_LARGEST_OUTPUT = 30.0


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Makes the initial weights of networks that are built inside depend on a seed alone.

    Args:
        seed: The seed.
    """
    # MadMiner draws the weights of flows from the global state of NumPy.
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def score_network(
    n_observables: int, n_parameters: int, hidden_layers: Sequence[int], activation: str
) -> nn.Module:
    """Returns MadMiner's network for the score at one point.

    Args:
        n_observables: Number of observables.
        n_parameters: Number of parameters.
        hidden_layers: Units of each hidden layer.
        activation: Name of the activation function.
    """
    network = DenseLocalScoreModel(n_observables, n_parameters, hidden_layers)
    network.activation = activation_function(activation)
    return _single_precision(network)


def flow_network(
    n_observables: int, n_parameters: int, hidden_layers: Sequence[int], activation: str
) -> nn.Module:
    """Returns MadMiner's masked autoregressive flow for log p(x|theta).

    Args:
        n_observables: Number of observables.
        n_parameters: Number of parameters.
        hidden_layers: Units of each hidden layer of each transformation.
        activation: Name of the activation function.
    """
    network = ConditionalMaskedAutoregressiveFlow(
        n_parameters,
        n_observables,
        hidden_layers,
        n_mades=_N_TRANSFORMATIONS,
        batch_norm=False,
        # Only an explicit order is reversed from one transformation to the next; otherwise the
        # first observable would have a Gaussian density whatever the data say.
        input_order=np.arange(1, n_observables + 1),
    )
    for transformation in network.mades:
        transformation.activation_function = activation_function(activation)
    return _single_precision(network)


class QuadraticNetwork(nn.Module):
    """A density ratio whose numerator is a quadratic form of the parameters.

    Wherever an amplitude is linear in the parameters, d sigma(x|theta) is a positive quadratic
    polynomial of theta for every x, after any detector. With v = (1, theta) and a lower
    triangular L(x), L_00 = 1, that the network gives for each event,

        d sigma(x|theta) / d sigma(x|0) = |L(x)^T v|^2,   sigma(theta) / sigma(0) = |M^T v|^2,

    and the ratio of densities is the quotient of both, here divided by its mean over the
    reference points. The parameters are scaled such that the first reference point is at zero.
    The entries of L are hyperbolic sines because they grow like powers of the energy.

    Attributes:
        layers: The dense layers that give the entries of L.
        total: The entries of M, (entry,).
        references: Scaled reference points of the denominator, (reference, parameter).
    """

    references: Tensor

    def __init__(
        self,
        n_observables: int,
        hidden_layers: Sequence[int],
        activation: str,
        references: Tensor,
    ) -> None:
        """Draws the initial weights.

        Args:
            n_observables: Number of observables.
            hidden_layers: Units of each hidden layer.
            activation: Name of the activation function.
            references: Scaled reference points of the denominator, (reference, parameter).
        """
        super().__init__()
        n_terms = references.shape[1] + 1
        n_entries = n_terms * (n_terms + 1) // 2 - 1
        units = [n_observables, *hidden_layers, n_entries]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(units))
        self.activation = activation_function(activation)
        # At zero the diagonal of M would have no gradient.
        self.total = nn.Parameter(torch.full((n_entries,), 0.1))
        self.register_buffer("references", references)
        self._rows, self._columns = torch.tril_indices(n_terms, n_terms)[:, 1:]

    def forward(
        self, theta: Tensor, x: Tensor, track_score: bool = True
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Returns what MadMiner's ratio network returns, with the same arguments.

        Args:
            theta: Scaled parameter points, (event, parameter).
            x: Scaled observables, (event, observable).
            track_score: Whether the score is wanted.

        Returns:
            The classifier output 1 / (1 + r), (event, 1); log r, (event, 1); and the score
            d log r / d theta, (event, parameter), or None.
        """
        factor, total = self.factor(x), self.total_factor()
        image, total_image = _image(factor, theta), _image(total, theta)
        log_r = _log_square(image) - _log_square(total_image) - self.log_reference(factor, total)
        score = _slope(factor, image) - _slope(total, total_image) if track_score else None
        return torch.sigmoid(-log_r), log_r, score

    def with_score(self, theta: Tensor, x: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Returns log r, (event, 1), and the score d log r / d theta, (event, parameter).

        Args:
            theta: Scaled parameter points, (event, parameter).
            x: Scaled observables, (event, observable).
            wanted: Whose score is wanted, (event,); that of others is zero.
        """
        _, log_r, score = self(theta, x)
        return log_r, score * wanted[:, None]

    def factor(self, x: Tensor) -> Tensor:
        """Returns the factor L of each event, (event, term, term).

        Args:
            x: Scaled observables, (event, observable).
        """
        return self._triangular(self._entries(self._outputs(x)))

    def forms(self, x: Tensor, points: Tensor) -> Tensor:
        """Returns |L^T v|^2 of all events at all points with one matrix product, (event, theta).

        Args:
            x: Scaled observables, (event, observable).
            points: Scaled parameter points, (theta, parameter).
        """
        v = with_one(points).T
        # L^T v is linear in the entries of L: the first row is that of the entry one.
        linear = v.new_zeros(1 + len(self._rows), *v.shape)
        linear[0, 0] = v[0]
        linear[torch.arange(1, len(linear)), self._columns] = v[self._rows]
        flat = linear.flatten(1)
        image = torch.addmm(flat[0], self._entries(self._outputs(x)), flat[1:])
        return image.square().view(len(x), *v.shape).sum(dim=1)

    def total_factor(self) -> Tensor:
        """Returns the factor M of the cross section, (1, term, term)."""
        return self._triangular(self._entries(self.total[None]))

    def set_total(self, form: NDArray[np.float64]) -> None:
        """Sets M from the form that sigma(theta) / sigma(0) is.

        Args:
            form: The symmetric matrix of the form, (term, term).
        """
        factor = np.linalg.cholesky(form / form[0, 0])
        entries = np.arcsinh(factor[self._rows, self._columns])
        self.total.data.copy_(torch.from_numpy(entries))

    def _outputs(self, x: Tensor) -> Tensor:
        """Returns the output of the last layer, (event, entry)."""
        h = x
        for i, layer in enumerate(self.layers):
            h = layer(self.activation(h) if i else h)
        return h

    @staticmethod
    def _entries(outputs: Tensor) -> Tensor:
        """Returns the entries of triangular matrices but the first, (event, entry)."""
        # The bound keeps squares finite in single precision, however far the network is off.
        return torch.sinh(outputs.clamp(-_LARGEST_OUTPUT, _LARGEST_OUTPUT))

    def _triangular(self, entries: Tensor) -> Tensor:
        """Returns lower triangular matrices, (event, term, term), from (event, entry)."""
        n_terms = self.references.shape[1] + 1
        factor = entries.new_zeros(entries.shape[0], n_terms, n_terms)
        factor[:, 0, 0] = 1.0
        factor[:, self._rows, self._columns] = entries
        return factor

    def log_reference(self, factor: Tensor, total: Tensor) -> Tensor:
        """Returns the log of the mean ratio over the reference points, (event, 1).

        Args:
            factor: The factor L of each event, (event, term, term).
            total: The factor M, (1, term, term).
        """
        logs = [
            _log_square(_image(factor, theta)) - _log_square(_image(total, theta))
            for theta in self.references[:, None]
        ]
        return torch.logsumexp(torch.cat(logs, dim=1), dim=1, keepdim=True) - math.log(len(logs))


def with_one(theta: Tensor) -> Tensor:
    """Returns v = (1, theta), (theta, term).

    Args:
        theta: Scaled parameter points, (theta, parameter).
    """
    return torch.cat((torch.ones_like(theta[:, :1]), theta), dim=1)


def _image(factor: Tensor, theta: Tensor) -> Tensor:
    """Returns L^T v, (event, term)."""
    return (factor * with_one(theta)[:, :, None]).sum(dim=1)


def _log_square(image: Tensor) -> Tensor:
    """Returns log |L^T v|^2, (event, 1)."""
    return _positive(image.square().sum(dim=1, keepdim=True)).log()


def _slope(factor: Tensor, image: Tensor) -> Tensor:
    """Returns the derivative of log |L^T v|^2 by theta, (event, parameter)."""
    square = _positive(image.square().sum(dim=1, keepdim=True))
    return 2 * (factor[:, 1:] * image[:, None]).sum(dim=2) / square


def _positive(square: Tensor) -> Tensor:
    """Returns squares, kept from zero by the smallest number there is."""
    return square.clamp_min(torch.finfo(square.dtype).tiny)


def _single_precision(network: object) -> nn.Module:
    """Returns the network in single precision; MadMiner builds flows in double precision."""
    assert isinstance(network, nn.Module)
    return network.to(torch.float32)
