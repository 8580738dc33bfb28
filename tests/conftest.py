"""Event files for the tests: a small one made on the spot, and one that other people made."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PARAMETERS = ("c_u", "c_d", "c_e", "c_l")
RANGES = np.array([[-1.0, 1.5], [-2.0, 2.5], [-1.5, 1.0], [-1.0, 1.0]])
CROSS_SECTION_PB = 0.1


def _components(n_parameters: int) -> NDArray[np.int64]:
    """Returns the powers of all monomials up to the second degree, (component, parameter)."""
    powers = itertools.product(range(3), repeat=n_parameters)
    return np.array([power for power in powers if sum(power) <= 2])


def _benchmarks(n_parameters: int) -> Floats:
    """Returns as many points as there are monomials, the first one zero, (benchmark, parameter)."""
    low, high = RANGES[:n_parameters].T
    pairs = [np.zeros(n_parameters), *np.diag(low), *np.diag(high)]
    pairs += [a + b for a, b in itertools.combinations(np.diag(high), 2)]
    return np.stack(pairs)


def _weights(energy: Floats, angle: Floats, thetas: Floats) -> Floats:
    """Returns |1 + sum_a theta_a f_a|^2 + sum_a |theta_a h_a|^2, (event, theta)."""
    interference = np.stack([0.2 * energy * angle**power for power in range(thetas.shape[1])])
    amplitude = 1 + interference.T @ thetas.T
    return amplitude**2 + (0.1 * energy[:, None]) ** 2 * (thetas**2).sum(axis=1)


def _make_event_file(
    path: str | Path, n_parameters: int = 2, n_events: int = 1000, seed: int = 1
) -> Path:
    """Writes a file as MadMiner does, for a toy process with as many parameters as asked for.

    The latent variables are an energy, exponentially distributed, and the cosine of an angle; the
    parameters change the amplitude in proportion to the energy. The weights are positive and
    exactly quadratic in the parameters, the observables are smeared. Events are thrown at high
    energies more often than the process has them, with weights that make up for it.
    """
    rng = np.random.default_rng(seed)
    energy, angle = rng.exponential(2.0, n_events), rng.uniform(-1.0, 1.0, n_events)
    thrown = CROSS_SECTION_PB / n_events * 2 * np.exp(-energy / 2)
    x = np.stack([energy * np.exp(rng.normal(0, 0.1, n_events)), angle], axis=1)
    x[:, 1] += rng.normal(0, 0.1, n_events)
    components, benchmarks = _components(n_parameters), _benchmarks(n_parameters)
    monomials = np.prod(benchmarks[:, None, :] ** components, axis=2)
    names = ["sm", *(f"b{number}" for number in range(1, len(benchmarks)))]
    flags = np.zeros(len(names), int)
    content = {
        "parameters/names": np.array(PARAMETERS[:n_parameters], "S256"),
        "parameters/lha_blocks": np.array(["toy"] * n_parameters, "S256"),
        "parameters/lha_ids": np.arange(n_parameters),
        "parameters/max_power": np.full(n_parameters, 2),
        "parameters/val_ranges": RANGES[:n_parameters],
        "parameters/transforms": np.array(["theta"] * n_parameters, "S256"),
        "benchmarks/names": np.array(names, "S256"),
        "benchmarks/values": benchmarks,
        "benchmarks/is_nuisance": flags,
        "benchmarks/is_reference": np.eye(1, len(names), dtype=int)[0],
        "morphing/components": components,
        "morphing/morphing_matrix": np.linalg.inv(monomials),
        "observables/names": np.array(["energy", "angle"], "S256"),
        "observables/definitions": np.array(["energy", "angle"], "S256"),
        "samples/observations": x,
        "samples/weights": thrown[:, None] * _weights(energy, angle, benchmarks),
        "samples/sampling_benchmarks": np.zeros(n_events, int),
        "sample_summary/signal_events": np.where(np.arange(len(names)) == 0, n_events, 0),
        "sample_summary/background_events": 0,
    }
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
    return Path(path)


@pytest.fixture(scope="session")
def make_event_file() -> Callable[..., Path]:
    """A function of path, n_parameters=2, n_events=1000, seed=1 that writes an event file."""
    return _make_event_file


@pytest.fixture
def event_file(tmp_path: Path) -> Path:
    """An event file with two parameters and 1000 events, for this test alone."""
    return _make_event_file(tmp_path / "events.h5")


@pytest.fixture(scope="session")
def dummy_events() -> Path:
    """An event file from a full simulation by the authors of MadMiner; not to be changed."""
    return Path(__file__).parent / "data" / "madminer_dummy_events.h5"
