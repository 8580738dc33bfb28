"""Labels and densities of our samples are those of MadMiner's SampleAugmenter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from madminer_workflow.configuration.model import Method, Thetas
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.sampling import draw_samples
from madminer_workflow.sampling.joint import joint_ratio, joint_score
from madminer_workflow.sampling.unweight import pools

Floats = NDArray[np.float64]

SPLIT: dict[str, Any] = {"partition": "train", "test_split": 0.5, "validation_split": 0.2}
POINTS = ((0.4, -0.3), (-0.8, 1.5), (0.0, 0.1))


@pytest.fixture
def toy_file(make_event_file: Callable[..., Path], tmp_path: Path) -> Path:
    """Events of three benchmarks and background, whose weights do not depend on theta."""
    path = make_event_file(tmp_path / "toy.h5", n_events=3000)
    sampled_from = np.random.default_rng(1).choice([0, 2, 5, -1], 3000, p=[0.4, 0.3, 0.2, 0.1])
    with h5py.File(path, "a") as file:
        weights = file["samples/weights"][()]
        weights[sampled_from < 0] = weights[sampled_from < 0, :1]
        file["samples/weights"][...] = weights
        file["samples/sampling_benchmarks"][...] = sampled_from
        counts = np.bincount(sampled_from[sampled_from >= 0], minlength=weights.shape[1])
        file["sample_summary/signal_events"][...] = counts
        file["sample_summary/background_events"][...] = np.sum(sampled_from < 0)
    return path


@pytest.fixture(params=["dummy", "toy"])
def path(request: pytest.FixtureRequest, dummy_events: Path, toy_file: Path) -> Path:
    return {"dummy": dummy_events, "toy": toy_file}[request.param]


def augmenter(path: Path) -> Any:
    """Returns MadMiner's sampler, with its global random numbers fixed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from madminer.sampling import SampleAugmenter
    np.random.seed(1)  # noqa: NPY002 (MadMiner knows no other generator)
    return SampleAugmenter(str(path))


def train_events(path: Path) -> Events:
    """Returns the contiguous partition that MadMiner trains on."""
    events = read_events(read_header(path))
    return events.take(np.arange(round((1 - 0.5 - 0.2) * len(events))))


def labels(
    events: Events, x: Floats, theta: Floats, drawn_at: Floats, reference: Floats
) -> tuple[Floats, Floats]:
    """Returns joint ratio and score of events that are found again by their observables."""
    weights, totals = np.empty((2, len(x), events.weights.shape[1]))
    for which, indices, pool in pools(events, drawn_at):
        position = {row.tobytes(): number for number, row in enumerate(events.x[indices])}
        rows = [position[row.tobytes()] for row in x[which]]
        weights[which], totals[which] = pool[rows], pool.sum(axis=0)
    numerator = events.header.weights(theta)
    assert events.header.morphing is not None
    gradients = events.header.morphing.gradients(theta)
    return (
        joint_ratio(weights, totals, numerator, events.header.weights(reference)),
        joint_score(weights, totals, numerator, gradients),
    )


@pytest.mark.parametrize("reference", ["sm", 3])
def test_ratio_and_score_of_the_same_events(path: Path, reference: str | int) -> None:
    events = train_events(path)
    name = reference if isinstance(reference, str) else events.header.benchmark_names[reference]
    priors = [("flat", -1.0, 1.0), ("gaussian", 0.0, 0.7)]
    x, theta, _, y, r_xz, t_xz, _ = augmenter(path).sample_train_ratio(
        theta0=("random_morphing_points", (20, priors)),
        theta1=("benchmark", name),
        n_samples=1000,
        double_precision=True,
        **SPLIT,
    )
    theta_1 = events.header.theta(name)[None]
    ratio, score = labels(events, x, theta, np.where(y == 1, theta_1, theta), theta_1)
    np.testing.assert_allclose(ratio, r_xz[:, 0], rtol=1e-9)
    np.testing.assert_allclose(score, t_xz, atol=1e-9)


def test_score_of_the_same_events_at_a_benchmark(path: Path) -> None:
    events = train_events(path)
    x, theta, t_xz, _ = augmenter(path).sample_train_local(
        theta=("benchmark", "sm"), n_samples=300, double_precision=True, **SPLIT
    )
    _, score = labels(events, x, theta, theta, theta[:1])
    np.testing.assert_allclose(score, t_xz, atol=1e-9)


def test_drawn_observables_have_the_same_distributions(
    path: Path, method: Callable[..., Method]
) -> None:
    x, theta, _, y, *_ = augmenter(path).sample_train_ratio(
        theta0=("morphing_points", np.array(POINTS)),
        theta1=("benchmark", "sm"),
        n_samples=6000,
        double_precision=True,
        **SPLIT,
    )
    settings = method("alices", Thetas("morphing_points", points=POINTS))
    ours = draw_samples(settings, train_events(path), 6000, np.random.default_rng(1))
    assert ours.y is not None
    for label in (0, 1):
        for point in POINTS:
            chosen = y[:, 0] == label
            theirs = x[chosen & np.isclose(theta, point).all(axis=1)]
            mine = ours.x[(ours.y == label) & (ours.theta == point).all(axis=1)]
            assert len(theirs) == len(mine) == 1000
            for column in range(x.shape[1]):
                assert stats.ks_2samp(theirs[:, column], mine[:, column]).pvalue > 0.005
