"""The whole flow: samples, training of ALICES and SALLY, limits of both and of a histogram.

Random numbers differ, so results agree as far as events and trainings do; other rows compare the
parts number by number. What a network for ratios has learned is judged by its cross-entropy for
the benchmarks, because p-values of many events make much of small differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import events_of
from benchmarks.limits import expected_limits, limit_of
from benchmarks.row import Arrays, Check, Row, Sizes, Target
from benchmarks.rows.limits_ml import limit_of_ratio
from madminer_workflow.configuration.model import Learner, Method, Sampling, Splits, Thetas
from madminer_workflow.events import read_events, read_header
from madminer_workflow.sampling import Samples, draw_samples, split

__all__ = ["ROW"]

_SPLITS = Splits(train=0.6, validation=0.2, test=0.2)
_VALIDATION = 0.25
_SM = Thetas("benchmark", benchmarks=("sm",))
_OBSERVABLE = "m_ll"
_LARGEST_DIFFERENCE = 0.1
"""Of p-values, in the mean of the grid."""

_SPREAD = 5e-4
"""Of cross-entropies: what trainings with other random numbers differ by."""

_LOG_R = "log r of alices"


def ours(sizes: Sizes) -> Callable[[], Arrays]:
    """Goes from the file to limits with our functions."""
    from benchmarks.models import RATIO, ratio_samples
    from madminer_workflow.estimators.ratio import ParameterizedRatio
    from madminer_workflow.estimators.score import LocalScore

    header = read_header(events_of(sizes["events"]))
    training = replace(RATIO, epochs=sizes["epochs"])
    score = Method("sally", "parameterized", Sampling(_SM, _SM, 0, 0, 0, 0.0), training)

    def fitted(family: Any, name: str, samples: Samples) -> Any:
        first = int(_VALIDATION * len(samples))
        rows = np.arange(len(samples))
        learner = Learner(1, name, "parameterized", training)
        parts = samples.take(rows[first:]), samples.take(rows[:first])
        return family.fit(learner, *parts, 0, lambda _: None)[0]

    def work() -> Arrays:
        events = read_events(header)
        parts = split(len(events), _SPLITS, seed=1)
        some, test = events.take(parts.train), events.take(parts.test)
        alices = fitted(ParameterizedRatio, "alices", ratio_samples(some, sizes["samples"]))
        drawn = draw_samples(score, some, sizes["samples"], np.random.default_rng(1))
        sally, grid = fitted(LocalScore, "sally", drawn), sizes["grid"]
        values = test.x[:, [header.observables.index(_OBSERVABLE)]]
        asimov = test.take(np.arange(sizes["asimov"]))
        return {
            _LOG_R: alices.log_ratio(events.x[-sizes["asimov"] :], header.benchmark_values),
            "alices": limit_of_ratio(alices, asimov, grid)["p"],
            "sally": limit_of(test, sally.score(test.x), (8, 8), grid)["p"],
            "histogram": limit_of(test, values, (25,), grid)["p"],
        }

    return work


def madminer(sizes: Sizes) -> Callable[[], Arrays]:
    """Goes from the file to limits with MadMiner's functions."""
    import torch
    import torch._dynamo  # which the first optimiser would import

    from benchmarks.madminer_compat import patch

    patch()
    from madminer.ml import ParameterizedRatioEstimator, ScoreEstimator
    from madminer.sampling import SampleAugmenter, benchmark, morphing_points

    from benchmarks.models import FOLDER, RATIO, points

    path, n, grid = events_of(sizes["events"]), sizes["samples"], sizes["grid"]
    header = read_header(path)
    last = read_events(header).x[-sizes["asimov"] :]
    settings = {
        "n_epochs": sizes["epochs"],
        "batch_size": RATIO.batch_size,
        "initial_lr": RATIO.learning_rate,
        "final_lr": RATIO.final_learning_rate,
        "validation_split": _VALIDATION,
        "n_workers": 0,
    }

    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002

    def work() -> Arrays:
        sampler = SampleAugmenter(str(path))
        thetas = morphing_points(points(header))
        x, theta, _, y, r_xz, t_xz, _ = sampler.sample_train_ratio(thetas, benchmark("sm"), n)
        labels = {"x": x, "y": y, "theta": theta, "r_xz": r_xz, "t_xz": t_xz}
        alices: Any = ParameterizedRatioEstimator(n_hidden=RATIO.hidden_layers)
        alices.train("alices", **labels, alpha=RATIO.alpha, **settings)
        x, _, t_xz, _ = sampler.sample_train_local(benchmark("sm"), n)
        sally: Any = ScoreEstimator(n_hidden=RATIO.hidden_layers)
        sally.train("sally", x=x, t_xz=t_xz, **settings)
        for name, one in (("flow_alices", alices), ("flow_sally", sally)):
            one.save(str(FOLDER / name))
        modes: Mapping[str, Mapping[str, Any]] = {
            "alices": {
                "mode": "ml",
                "model_file": str(FOLDER / "flow_alices"),
                "n_asimov": sizes["asimov"],
                "sample_only_from_closest_benchmark": False,
            },
            "sally": {
                "mode": "sally",
                "model_file": str(FOLDER / "flow_sally"),
                "hist_bins": (8, 8),
            },
            "histogram": {"mode": "histo", "hist_vars": [_OBSERVABLE], "hist_bins": [25]},
        }
        log_r, _ = alices.evaluate_log_likelihood_ratio(
            last, header.benchmark_values, evaluate_score=False
        )
        p = {name: expected_limits(path, grid, **mode)()["p"] for name, mode in modes.items()}
        return {_LOG_R: log_r.T, **p}

    return work


def check(sizes: Sizes, results: Mapping[str, Arrays]) -> Sequence[Check]:
    """Compares p-values, and what both have learned in units of what there is to learn."""
    ours, theirs = results["ours"], results["madminer"]
    p_values = [
        Check(
            f"p-values, {name}, mean",
            float(np.abs(ours[name] - theirs[name]).mean()),
            _LARGEST_DIFFERENCE,
        )
        for name in ("sally", "histogram")
    ]
    events = read_events(read_header(events_of(sizes["events"])))
    weights = events.weights[-sizes["asimov"] :]
    first, second = (_cross_entropy(found[_LOG_R], weights) for found in (ours, theirs))
    return [*p_values, Check("cross-entropy, alices", abs(first - second), _SPREAD)]


def _cross_entropy(log_r: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Returns how badly ratios to the first benchmark tell events of the others from its own.

    Args:
        log_r: Log ratios, (event, benchmark).
        weights: Weights, (event, benchmark).
    """
    p = weights / weights.sum(axis=0)
    of_theta = (p * np.logaddexp(0.0, -log_r)).sum(axis=0)
    of_reference = (p[:, :1] * np.logaddexp(0.0, log_r)).sum(axis=0)
    return float((of_theta + of_reference)[1:].mean() / 2)


ROW = Row(
    title="the whole flow: samples, alices, sally, histogram, limits",
    works={"ours": ours, "madminer": madminer},
    check=check,
    targets=(Target.faster_than("madminer", 10),),
    quick={"events": 100_000, "samples": 50_000, "epochs": 5, "asimov": 2000, "grid": 15},
    full={"events": 1_000_000, "samples": 100_000, "epochs": 5, "asimov": 10_000, "grid": 15},
)
