"""Trained networks as ONNX: from observables, as they are, to log ratios or scores.

Scaling is part of the graph and done in double precision, as in `inputs.py`, so that whoever loads
the file needs nothing of this package.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from madminer_workflow.errors import InputError
from madminer_workflow.estimators.model import Model
from madminer_workflow.estimators.network_model import NetworkModel
from madminer_workflow.storage import atomic_path

__all__ = ["OBSERVABLES", "THETA", "TOLERANCE", "export"]

OBSERVABLES, THETA = "observables", "theta"
"""Names of the inputs, (event, observable) and (event, parameter), in double precision."""

TOLERANCE = 1e-5
"""Largest difference between ONNX and PyTorch, absolute and relative."""

_N_EVENTS = 64  # on which both are compared


class _Graph(nn.Module):
    """What the file computes: a network with its scaling."""

    def __init__(self, model: NetworkModel) -> None:
        """Takes network and scaling from a model."""
        super().__init__()
        description = model.description
        self.network: Any = model.network
        self.columns = [model.observables.index(name) for name in description.inputs]
        self.observables = _tensors(description.observable_scaler)
        self.points_ = _tensors(description.parameter_scaler)
        self.reference = torch.from_numpy(model.theta_ref[:1])

    def inputs(self, x: Tensor) -> Tensor:
        """Returns observables as they enter the network, (event, input)."""
        scaler = self.observables
        inside = x[:, self.columns].clamp(scaler["minimum"], scaler["maximum"])
        positive = torch.where(scaler["logarithm"], inside, torch.ones_like(inside))
        values = torch.where(scaler["logarithm"], positive.log(), inside)
        return ((values - scaler["center"]) / scaler["scale"]).float()

    def points(self, theta: Tensor) -> Tensor:
        """Returns parameter points as they enter the network, (event, parameter)."""
        return ((theta - self.points_["center"]) / self.points_["scale"]).float()


class _Ratio(_Graph):
    """The log ratio of each event at its parameter point."""

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        """Returns log r, (event,)."""
        log_r: Tensor = self.network(self.points(theta), self.inputs(x), track_score=False)[1]
        return log_r[:, 0].double()


class _Density(_Graph):
    """The log ratio of densities of each event at its parameter point."""

    def forward(self, x: Tensor, theta: Tensor) -> Tensor:
        """Returns log r, (event,)."""
        points, inputs = self.points(theta), self.inputs(x)
        reference = self.points(self.reference).expand_as(points)
        log_p: Tensor = self.network.log_likelihood(points, inputs)[1]
        log_p_ref: Tensor = self.network.log_likelihood(reference, inputs)[1]
        return (log_p - log_p_ref).double()


class _Score(_Graph):
    """The score of each event."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the score, (event, parameter)."""
        scores: Tensor = self.network(self.inputs(x))
        return scores.double() / self.points_["scale"]


_GRAPHS = {"ratio": _Ratio, "density": _Density, "score": _Score}
_OUTPUTS = {"ratio": "log_ratio", "density": "log_ratio", "score": "score"}


def export(model: Model, file: Path) -> float:
    """Writes a network as ONNX, after comparing it with PyTorch.

    Args:
        model: The model of a single network.
        file: The file to write.

    Returns:
        The largest difference on the events compared.

    Raises:
        InputError: The model is none of ours, or packages for ONNX are missing.
        RuntimeError: ONNX gives something else than PyTorch.
    """
    if not isinstance(model, NetworkModel):
        raise InputError(
            f"{model.method}: not a single network of this package, others do not become ONNX"
        )
    arguments = _arguments(model)
    with _quiet():
        _check_packages()
        content = _converted(model, arguments)
        difference = _compared(content, model, arguments)
    with atomic_path(file) as partial:
        partial.write_bytes(content)
    return difference


def _tensors(scaler: object) -> dict[str, Tensor]:
    """Returns the attributes of a scaler, in their own precision."""
    return {name: torch.from_numpy(value) for name, value in vars(scaler).items()}


def _check_packages() -> None:
    """Refuses to go on without the packages for ONNX, which are an extra."""
    for name in ("onnx", "onnxruntime", "onnxscript"):
        try:
            import_module(name)
        except ImportError as error:
            extra = "`pip install 'madminer-workflow-ml[onnx]'`"
            raise InputError(f"export: the package {name} is missing, {extra}") from error


def _arguments(model: NetworkModel) -> dict[str, NDArray[np.float64]]:
    """Returns events all over the range of the training, and somewhat beyond, at random points."""
    rng = np.random.default_rng(0)
    description = model.description
    scaler, x = description.observable_scaler, np.ones((_N_EVENTS, len(model.observables)))
    columns = [model.observables.index(name) for name in description.inputs]
    width = scaler.maximum - scaler.minimum
    x[:, columns] = scaler.minimum + width * rng.uniform(-0.1, 1.1, (_N_EVENTS, len(columns)))
    if model.kind == "score":
        return {OBSERVABLES: x}
    center, scale = description.parameter_scaler.center, description.parameter_scaler.scale
    return {
        OBSERVABLES: x,
        THETA: center + scale * rng.uniform(-1, 1, (_N_EVENTS, len(model.parameters))),
    }


def _converted(model: NetworkModel, arguments: dict[str, NDArray[np.float64]]) -> bytes:
    """Returns the file of a model."""
    import onnx

    graph = _GRAPHS[model.kind](model).eval()
    tensors = tuple(torch.from_numpy(values) for values in arguments.values())
    program = torch.onnx.export(
        graph,
        tensors,
        input_names=list(arguments),
        output_names=[_OUTPUTS[model.kind]],
        dynamic_shapes=tuple({0: torch.export.Dim("event")} for _ in tensors),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    written = program.model_proto
    facts = {
        "method": model.method,
        "parameters": ",".join(model.parameters),
        "observables": ",".join(model.observables),
        "theta_ref": str(model.theta_ref.tolist()),
    }
    onnx.helper.set_model_props(written, facts)
    onnx.checker.check_model(written)
    content: bytes = written.SerializeToString()
    return content


def _compared(
    content: bytes, model: NetworkModel, arguments: dict[str, NDArray[np.float64]]
) -> float:
    """Returns the largest difference between a file and its model."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    # Another number of events than that with which the graph was traced.
    some = {name: values[: _N_EVENTS - 7] for name, values in arguments.items()}
    (found,) = session.run(None, some)
    x = some[OBSERVABLES]
    expected = model.score(x) if model.kind == "score" else model.log_ratio_at(x, some[THETA])
    difference = np.abs(found - expected)
    if not np.all(difference <= TOLERANCE * (1 + np.abs(expected))):
        raise RuntimeError(f"{model.method}: ONNX differs from PyTorch by {difference.max():.2g}")
    return float(difference.max())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what PyTorch says of its exporter, and of packages we do not use, to itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
