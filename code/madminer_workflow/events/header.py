"""The header of a MadMiner event file: everything but the events.

The layout of the file is that of MadMiner 0.9.6 (Brehmer, Kling, Espejo, Cranmer, 2019,
arXiv:1907.10621); it is read with h5py because importing MadMiner costs seconds.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from madminer_workflow.errors import InputError

__all__ = ["PROCESS_ATTRIBUTE", "Header", "Morphing", "Parameter", "opened", "read_header"]

Floats = NDArray[np.float64]

PROCESS_ATTRIBUTE = "madminer_workflow_process"
"""Name of the HDF5 attribute in which a generator of ours describes the process, as JSON."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of the theory and the range in which the events describe it."""

    name: str
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Morphing:
    """Event weights as a polynomial of the parameters.

    An event with the weights w_b at the benchmarks has the weight sum_b A_b(theta) w_b, where
    A(theta) = (prod_j theta_j^components[., j]) @ matrix (arXiv:1907.10621, section 2.3).

    Attributes:
        components: Powers of the parameters, (component, parameter).
        matrix: Inverse of the components at the benchmarks, (component, benchmark).
    """

    components: NDArray[np.int64]
    matrix: Floats

    def weights(self, thetas: ArrayLike) -> Floats:
        """Returns the weight of each benchmark.

        Args:
            thetas: Parameter points, (theta, parameter).

        Returns:
            The array A, (theta, benchmark).
        """
        monomials = np.prod(np.asarray(thetas, float)[:, None, :] ** self.components, axis=2)
        return np.asarray(monomials @ self.matrix)

    def gradients(self, thetas: ArrayLike) -> Floats:
        """Returns the derivative of the weight of each benchmark by each parameter.

        Args:
            thetas: Parameter points, (theta, parameter).

        Returns:
            The array dA / dtheta, (theta, parameter, benchmark).
        """
        thetas = np.asarray(thetas, float)
        gradients = []
        for parameter in range(thetas.shape[1]):
            powers = self.components.copy()
            powers[:, parameter] = np.maximum(powers[:, parameter] - 1, 0)
            monomials = np.prod(thetas[:, None, :] ** powers, axis=2)
            gradients.append((self.components[:, parameter] * monomials) @ self.matrix)
        return np.stack(gradients, axis=1)


@dataclass(frozen=True)
class Header:
    """What an event file says about its events.

    Attributes:
        path: The file.
        parameters: The parameters of the theory.
        benchmark_names: Names of the benchmarks, those of nuisance parameters left out.
        benchmark_values: Their coordinates, (benchmark, parameter).
        benchmark_columns: Their columns among the weights of the file, (benchmark,).
        reference: Name of the reference benchmark.
        observables: Names of the observables.
        n_events: Number of events.
        n_sampled: Number of events that were generated at each benchmark of the file.
        morphing: The morphing setup; None if the file has none.
        process: What a generator of ours wrote about the process; None for other files.
    """

    path: Path
    parameters: tuple[Parameter, ...]
    benchmark_names: tuple[str, ...]
    benchmark_values: Floats
    benchmark_columns: NDArray[np.int64]
    reference: str
    observables: tuple[str, ...]
    n_events: int
    n_sampled: NDArray[np.int64]
    morphing: Morphing | None
    process: dict[str, Any] | None

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def ranges(self) -> Floats:
        """Smallest and largest value of each parameter, (parameter, 2)."""
        return np.array([[p.minimum, p.maximum] for p in self.parameters])

    def theta(self, benchmark: str) -> Floats:
        """Returns the coordinates of a benchmark, (parameter,).

        Args:
            benchmark: Its name.

        Raises:
            InputError: The file has no benchmark of this name.
        """
        if benchmark not in self.benchmark_names:
            allowed = ", ".join(self.benchmark_names)
            raise InputError(f"{self.path}: no benchmark '{benchmark}', allowed: {allowed}")
        return np.asarray(self.benchmark_values[self.benchmark_names.index(benchmark)])

    def weights(self, thetas: ArrayLike) -> Floats:
        """Returns the weight of each benchmark at parameter points, (theta, benchmark).

        Without morphing only the benchmarks themselves can be described.

        Args:
            thetas: Parameter points, (theta, parameter).

        Raises:
            InputError: The file has no morphing and a point is not a benchmark.
        """
        thetas = np.asarray(thetas, float)
        if self.morphing is not None:
            return self.morphing.weights(thetas)
        same = (thetas[:, None, :] == self.benchmark_values).all(axis=2)
        if not same.any(axis=1).all():
            raise InputError(f"{self.path}: no morphing, only its benchmarks can be used")
        return np.asarray(np.eye(len(self.benchmark_names))[same.argmax(axis=1)])

    def closest_benchmark(self, thetas: ArrayLike) -> NDArray[np.int64]:
        """Returns the index of the benchmark nearest to each parameter point, (theta,).

        Args:
            thetas: Parameter points, (theta, parameter).
        """
        difference = np.asarray(thetas, float)[:, None, :] - self.benchmark_values
        return np.asarray((difference**2).sum(axis=2).argmin(axis=1))


def read_header(path: str | Path) -> Header:
    """Reads the header of an event file; no event is read.

    Args:
        path: The file.

    Raises:
        InputError: The file is missing, damaged, not HDF5, not from MadMiner or has no events.
    """
    path = Path(path)
    with opened(path) as file:
        header = _header(path, file)
    _check_shapes(header)
    return header


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Opens an event file; what goes wrong in the block is the fault of the file.

    Args:
        path: The file.

    Yields:
        The open file.

    Raises:
        InputError: The file is missing, truncated, damaged, not HDF5 or not from MadMiner.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected a MadMiner event file (HDF5)")
    try:
        with h5py.File(path) as file:
            yield file
    except InputError:
        raise
    except OSError as error:
        causes = {"truncated": "truncated", "signature not found": "not an HDF5 file"}
        found = (cause for text, cause in causes.items() if text in str(error))
        cause = next(found, f"cannot be read ({error})")
        raise InputError(f"{path}: {cause}, expected a MadMiner event file (HDF5)") from error
    except KeyError as error:
        missing = str(error).strip("'\"")
        raise InputError(f"{path}: HDF5, but not a MadMiner event file ({missing})") from error
    except Exception as error:  # h5py and NumPy raise many kinds for damaged content
        raise InputError(f"{path}: damaged or not a MadMiner event file ({error})") from error


def _header(path: Path, file: Any) -> Header:
    """Returns the header of an open file; a missing part raises KeyError."""
    parameters = tuple(
        Parameter(name, float(low), float(high))
        for name, (low, high) in zip(
            _texts(file["parameters/names"]), file["parameters/val_ranges"][()], strict=True
        )
    )
    names, observables = _texts(file["benchmarks/names"]), _texts(file["observables/names"])
    physical = np.flatnonzero(_flags(file, "is_nuisance", len(names)) == 0)
    flagged = np.flatnonzero(_flags(file, "is_reference", len(names))[physical])
    n_events, n_columns = _shape(path, file, len(observables))
    if n_columns < len(names):
        raise InputError(f"{path}: {n_columns} weights an event, expected {len(names)} benchmarks")
    chosen = tuple(names[i] for i in physical)
    return Header(
        path=path,
        parameters=parameters,
        benchmark_names=chosen,
        benchmark_values=file["benchmarks/values"][()].astype(float)[physical],
        benchmark_columns=physical,
        reference=chosen[flagged[0] if len(flagged) else 0],
        observables=tuple(observables),
        n_events=n_events,
        n_sampled=_n_sampled(file, n_events, len(names)),
        morphing=_morphing(file, len(physical)),
        process=_process(file),
    )


def _check_shapes(header: Header) -> None:
    """Refuses arrays that do not fit together or are not finite."""
    n_parameters, n_benchmarks = len(header.parameters), len(header.benchmark_names)
    expected: dict[str, tuple[NDArray[Any], tuple[int, ...]]] = {
        "parameters/val_ranges": (header.ranges, (n_parameters, 2)),
        "benchmarks/values": (header.benchmark_values, (n_benchmarks, n_parameters)),
    }
    if header.morphing is not None:
        components, matrix = header.morphing.components, header.morphing.matrix
        expected |= {
            "morphing/components": (components, (len(components), n_parameters)),
            "morphing/morphing_matrix": (matrix, (len(components), n_benchmarks)),
        }
    for name, (array, shape) in expected.items():
        if array.shape != shape or not np.isfinite(array).all():
            raise InputError(
                f"{header.path}: {name} of shape {array.shape}, expected finite numbers of "
                f"shape {shape}"
            )


def _texts(dataset: Any) -> list[str]:
    """Returns the strings of a dataset."""
    return [text.decode() if isinstance(text, bytes) else str(text) for text in dataset[()]]


def _flags(file: Any, name: str, length: int) -> NDArray[np.int64]:
    """Returns a column of flags of the benchmarks; absent means that none is flagged."""
    dataset = file.get(f"benchmarks/{name}")
    return np.zeros(length, np.int64) if dataset is None else dataset[()].astype(np.int64)


def _shape(path: Path, file: Any, n_observables: int) -> tuple[int, int]:
    """Returns the numbers of events and of weights an event."""
    if "samples" not in file:
        raise InputError(f"{path}: a MadMiner file without events")
    observations, weights = file["samples/observations"], file["samples/weights"]
    if observations.shape[0] == 0:
        raise InputError(f"{path}: a MadMiner file without events")
    if observations.shape != (weights.shape[0], n_observables):
        raise InputError(
            f"{path}: observations of shape {observations.shape}, "
            f"expected {(weights.shape[0], n_observables)}"
        )
    return int(weights.shape[0]), int(weights.shape[1])


def _n_sampled(file: Any, n_events: int, n_benchmarks: int) -> NDArray[np.int64]:
    """Returns how many events were generated at each benchmark of the file."""
    if "sample_summary/signal_events" in file:
        return np.atleast_1d(np.asarray(file["sample_summary/signal_events"][()], np.int64))
    counts = np.zeros(n_benchmarks, np.int64)
    counts[0] = n_events
    return counts


def _morphing(file: Any, n_benchmarks: int) -> Morphing | None:
    """Returns the morphing setup; benchmarks that came after it have no part in it."""
    if "morphing" not in file:
        return None
    components = file["morphing/components"][()].astype(np.int64)
    matrix = file["morphing/morphing_matrix"][()].astype(float)
    n_later = max(n_benchmarks - matrix.shape[1], 0)
    return Morphing(components, np.pad(matrix, ((0, 0), (0, n_later))))


def _process(file: Any) -> dict[str, Any] | None:
    """Returns what our generator wrote about the process."""
    text = file.attrs.get(PROCESS_ATTRIBUTE)
    return None if text is None else dict(json.loads(text))
