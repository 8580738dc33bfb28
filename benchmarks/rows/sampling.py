"""Samples for ratios at many parameter points, for the score, and for tests, from one file.

MadMiner reads the file six times a parameter point for a ratio, four times for the score and three
times a point for tests; we read it once for everything. Both draw from three fifths of the events
for training and from one fifth for tests; nothing is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from benchmarks.events import N_BENCHMARKS, events_of
from benchmarks.row import Arrays, Check, Cost, Row, Sizes, Target
from madminer_workflow.configuration.model import Members, Method, Sampling, Splits, Thetas
from madminer_workflow.events import Events, read_events, read_header
from madminer_workflow.sampling import Samples, draw_samples, split
from madminer_workflow.sampling.joint import joint_ratio, joint_score
from madminer_workflow.sampling.unweight import unweight

__all__ = ["ROW"]

Floats = NDArray[np.float64]

SPLITS = Splits(train=0.6, validation=0.2, test=0.2)
_SM = Thetas("benchmark", benchmarks=("sm",))
_COMPARED = 500
"""Samples a point, as many as the table has: more would show that the events are not the same."""


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Draws them with one read of the file."""
    path, thetas, n_samples = events_of(sizes["events"]), _thetas(sizes), sizes["samples"]
    points = Thetas("morphing_points", points=tuple(map(tuple, thetas.tolist())))
    methods = {"ratio": _method("alices", points), "local": _method("sally", _SM)}
    counts = np.full(len(thetas), n_samples // len(thetas))

    def work() -> Arrays:
        events, rng = read_events(read_header(path)), np.random.default_rng(1)
        partition = split(len(events), SPLITS, seed=1)
        arrays: dict[str, Floats] = {}
        train = events.take(partition.train)
        for name, method in methods.items():
            arrays |= _prefixed(name, **_arrays(draw_samples(method, train, n_samples, rng)))
        del train
        test = unweight(events.take(partition.test), thetas, counts, rng)
        return arrays | _prefixed("test", x=test.x, theta=thetas.take(test.thetas, axis=0))

    return work


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Draws them with MadMiner's functions."""
    from benchmarks.madminer_compat import patch

    patch()
    from madminer import sampling

    path, n = str(events_of(sizes["events"])), sizes["samples"]
    np.random.seed(1)  # noqa: NPY002
    points, reference = sampling.morphing_points(_thetas(sizes)), sampling.benchmark("sm")

    def work() -> Arrays:
        sampler = sampling.SampleAugmenter(path)
        ratio = sampler.sample_train_ratio(points, reference, n)
        local = sampler.sample_train_local(reference, n)
        test = sampler.sample_test(points, n)
        x, theta, _, *labels, _ = ratio
        y, r_xz, t_xz = map(np.squeeze, labels)
        return {
            **_prefixed("ratio", x=x, theta=theta, y=y, r_xz=r_xz, t_xz=t_xz),
            **_prefixed("local", x=local[0], theta=local[1], t_xz=local[2]),
            **_prefixed("test", x=test[0], theta=test[1]),
        }

    return work


def read(sizes: Sizes) -> Callable[[], Arrays]:
    """Reads the file once, and nothing else."""
    import h5py

    path = events_of(sizes["events"])

    def work() -> Arrays:
        with h5py.File(path) as file:
            arrays = {name: file[f"samples/{name}"][()] for name in file["samples"]}
        return {"rows": np.array([len(array) for array in arrays.values()])}

    return work


def check(sizes: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares the labels of the same events, and the distributions of events at each point."""
    theirs, thetas = results["madminer"], _thetas(sizes)
    events = read_events(read_header(events_of(sizes["events"])))
    events = events.take(np.arange(round(SPLITS.train * len(events))))
    ratio, score = _labels(events, theirs["ratio.x"], _exact(theirs["ratio.theta"], thetas))
    _, local = _labels(events, theirs["local.x"], np.zeros_like(theirs["local.theta"]))
    off = np.abs(theirs["ratio.r_xz"] / ratio - 1).max()
    return [
        Check("joint ratio of the same events, relative", off, 6e-8),
        Check("joint score, relative to the largest", _off(theirs["ratio.t_xz"], score), 6e-8),
        Check("the same for the local score", _off(theirs["local.t_xz"], local), 6e-8),
        *_distributions(results, thetas),
    ]


def _labels(events: Events, x: Floats, thetas: Floats) -> tuple[Floats, Floats]:
    """Returns our joint ratios and scores of events that are given by their observables."""
    header = events.header
    weights = events.weights[_rows(events.x, x)]
    totals = np.broadcast_to(events.weights.sum(axis=0), weights.shape)
    numerator, reference = header.weights(thetas), header.weights(header.theta("sm")[None])
    assert header.morphing is not None
    gradients = header.morphing.gradients(thetas)
    ratio = joint_ratio(weights, totals, numerator, reference)
    return ratio, joint_score(weights, totals, numerator, gradients)


def _rows(x: Floats, some: Floats) -> NDArray[np.int64]:
    """Returns where rows in single precision stand among those in double precision."""
    rows = {row.tobytes(): number for number, row in enumerate(x.astype(np.float32))}
    return np.array([rows[row.tobytes()] for row in some.astype(np.float32)])


def _exact(thetas: Floats, points: Floats) -> Floats:
    """Returns those points that are given in single precision."""
    nearest = np.abs(thetas[:, None] - points).sum(axis=2).argmin(axis=1)
    return np.asarray(points[nearest])


def _off(theirs: Floats, ours: Floats) -> float:
    """Returns the largest difference in units of the largest number."""
    return float(np.abs(theirs - ours).max() / np.abs(ours).max())


def _distributions(results: Mapping[str, Arrays], thetas: Floats) -> Iterator[Check]:
    """Yields how unlikely it is that both have drawn from the same densities."""
    ours, theirs = results["ours"], results["madminer"]
    groups = {
        "numerators": (("ratio", 0), thetas),
        "denominators": (("ratio", 1), thetas),
        "scores": (("local", None), np.zeros((1, thetas.shape[1]))),
        "tests": (("test", None), thetas),
    }
    for what, ((kind, label), points) in groups.items():
        p_values = [
            ks_2samp(*(column[:_COMPARED] for column in pair)).pvalue
            for theta in points
            for pair in zip(
                _at(ours, kind, label, theta).T, _at(theirs, kind, label, theta).T, strict=True
            )
        ]
        unlikely = max(0.0, -np.log10(min(p_values) * len(p_values)))
        yield Check(f"distributions, {what}: - log10 p", float(unlikely), 3.0)


def _at(arrays: Arrays, kind: str, label: int | None, theta: Floats) -> Floats:
    """Returns the observables of samples of one point and one label."""
    chosen = (np.abs(arrays[f"{kind}.theta"] - theta) < 1e-5).all(axis=1)
    if label is not None:
        chosen &= arrays[f"{kind}.y"] == label
    return np.asarray(arrays[f"{kind}.x"][chosen])


def _method(name: str, theta_0: Thetas) -> Method:
    """Returns a method that samples at points."""
    sampling = Sampling(theta_0, _SM, 0, 0, 0, minimum_effective_samples=0.0)
    return Method(name, "parameterized", sampling, Members(1, 1, 1))


def _thetas(sizes: Sizes) -> Floats:
    """Returns parameter points in the middle half of the ranges, (theta, parameter)."""
    low, high = read_header(events_of(sizes["events"])).ranges.T
    steps = np.random.default_rng(2).uniform(-1.0, 1.0, (sizes["thetas"], len(low)))
    return np.asarray((low + high) / 2 + (high - low) / 4 * steps)


def _arrays(samples: Samples) -> dict[str, Floats]:
    """Returns the rows of samples by name."""
    names = ("x", "theta", "y", "r_xz", "t_xz")
    return {name: vars(samples)[name] for name in names if vars(samples)[name] is not None}


def _prefixed(kind: str, **arrays: Floats) -> dict[str, Floats]:
    """Returns arrays with the kind of their samples before their names."""
    return {f"{kind}.{name}": array for name, array in arrays.items()}


def _memory(costs: Mapping[str, Cost], sizes: Sizes) -> float:
    """Returns the memory of our work in units of that of the weights."""
    return costs["ours"].added_mb / (sizes["events"] * N_BENCHMARKS * 8e-6)


ROW = Row(
    title="samples for ratios, scores and tests",
    works={"ours": ours, "madminer": madminer, "one read": read},
    check=check,
    targets=(
        Target.faster_than("madminer", 100),
        Target.at_most(3, "one read"),
        Target("memory / that of the weights", _memory, "<=", 1.5),
    ),
    quick={"events": 100_000, "thetas": 20, "samples": 20_000},
    full={"events": 1_000_000, "thetas": 100, "samples": 100_000},
)
