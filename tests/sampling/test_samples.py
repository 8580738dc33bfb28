from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from madminer_workflow.configuration.model import Method, Prior, Thetas
from madminer_workflow.errors import InputError
from madminer_workflow.estimators.registry import METHODS
from madminer_workflow.events import Events
from madminer_workflow.sampling import Samples, draw_samples, with_fixed_reference
from madminer_workflow.storage import write_npz

Make = Callable[..., Method]
Toy = Callable[..., Events]


def by_row(values: np.ndarray) -> dict[bytes, int]:
    return {row.tobytes(): number for number, row in enumerate(values)}


@pytest.mark.parametrize("name", METHODS)
def test_each_method_gets_what_it_needs(toy: Toy, method: Make, name: str) -> None:
    theta_0 = Thetas("morphing_points", points=((0.5, 0.2),))
    samples = draw_samples(method(name, theta_0), toy(), 101, np.random.default_rng(1))
    spec = METHODS[name]
    assert len(samples) == len(samples.x) == len(samples.theta) == 101
    assert (samples.method, samples.parameters, samples.observables) == (
        name,
        ("a", "b"),
        ("u", "v"),
    )
    assert (samples.y is None, samples.r_xz is None) == (spec.kind != "ratio",) * 2
    assert (samples.t_xz is None) == (not spec.uses_joint_score)
    np.testing.assert_array_equal(samples.theta, [[0.5, 0.2]] * 101)
    np.testing.assert_array_equal(
        samples.theta_ref, [[0.5, 0.2] if spec.kind == "score" else [0, 0]]
    )


def test_numbers_are_exact_and_even(toy: Toy, method: Make) -> None:
    samples = draw_samples(method("alices"), toy(), 2005, np.random.default_rng(2))
    assert samples.y is not None
    assert np.sum(samples.y == 0) == 1003
    for label, count in ((0, 1003), (1, 1002)):
        points, counts = np.unique(samples.theta[samples.y == label], axis=0, return_counts=True)
        assert len(points) == samples.n_thetas == 30
        assert set(counts) == {count // 30, count // 30 + 1}


def test_few_samples_use_some_of_the_points(toy: Toy, method: Make) -> None:
    samples = draw_samples(method("scandal"), toy(), 12, np.random.default_rng(3))
    assert len(np.unique(samples.theta, axis=0)) == len(samples) == 12


def test_rows_are_in_random_order(toy: Toy, method: Make) -> None:
    samples = draw_samples(method("carl"), toy(), 4000, np.random.default_rng(4))
    assert samples.y is not None
    assert samples.y[:1000].mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(1000))


@pytest.mark.parametrize("sources", [(0,), (0, 1, 5, -1)])
def test_labels_are_those_of_the_events(toy: Toy, method: Make, sources: tuple[int, ...]) -> None:
    events = toy(3000, sources)
    samples = draw_samples(method("alices"), events, 400, np.random.default_rng(5))
    rows = np.array([by_row(events.x)[x.tobytes()] for x in samples.x])
    assert samples.r_xz is not None
    assert samples.t_xz is not None
    assert samples.y is not None
    for row, theta, r_xz, t_xz, y in zip(
        rows, samples.theta, samples.r_xz, samples.t_xz, samples.y, strict=True
    ):
        source = events.header.benchmark_values[[s for s in sources if s >= 0]]
        drawn_at = samples.theta_ref[0] if y else theta
        nearest = sources[np.argmin(((source - drawn_at) ** 2).sum(axis=1))]
        pool = _pool(events, nearest)
        (density, reference), (total, total_ref) = (
            events.take(np.array([row])).weights_at([theta, samples.theta_ref[0]])[0],
            pool.cross_sections([theta, samples.theta_ref[0]]),
        )
        assert r_xz == pytest.approx(density / total / (reference / total_ref), rel=1e-9)
        gradient = events.gradients_at(theta)[row] / events.weights_at([theta])[row]
        mean = pool.gradients_at(theta).sum(axis=0) / total
        np.testing.assert_allclose(t_xz, gradient - mean, atol=1e-9)


def _pool(events: Events, benchmark: int) -> Events:
    """Returns signal of one benchmark, scaled to all signal, and background."""
    chosen = (events.sampled_from == benchmark) | (events.sampled_from < 0)
    n = events.header.n_sampled
    scale = np.where(events.sampled_from < 0, 1.0, n.sum() / n[benchmark])[chosen, None]
    return replace(
        events,
        x=events.x[chosen],
        weights=events.weights[chosen] * scale,
        sampled_from=events.sampled_from[chosen],
    )


@pytest.mark.parametrize(
    "theta_1",
    [Thetas("benchmark", ("b4",)), Thetas("benchmarks", ("sm", "b1", "b5"))],
    ids=["point", "mixture"],
)
def test_the_ratio_has_the_mean_one_over_the_reference(
    toy: Toy, method: Make, theta_1: Thetas
) -> None:
    settings = method("alice", theta_1=theta_1)
    samples = draw_samples(settings, toy(30_000), 100_000, np.random.default_rng(6))
    assert samples.r_xz is not None
    assert samples.y is not None
    assert len(samples.theta_ref) == len(theta_1.benchmarks)
    at_reference, at_theta = samples.r_xz[samples.y == 1], 1 / samples.r_xz[samples.y == 0]
    for ratio in (at_reference, at_theta):
        assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / np.sqrt(len(ratio)))


def test_the_theta_of_a_reference_sample_tells_nothing_about_its_event(
    toy: Toy, method: Make
) -> None:
    """Mixtures: each reference point goes with each theta_0 alike."""
    theta_0 = Thetas("benchmarks", ("b1", "b4"))
    settings = method("carl", theta_0, Thetas("benchmarks", ("b1", "b4")))
    samples = draw_samples(settings, toy(30_000), 40_000, np.random.default_rng(7))
    u, first = samples.x[samples.y == 1, 0], samples.theta[samples.y == 1, 0] < 0
    difference = u[first].mean() - u[~first].mean()
    assert difference == pytest.approx(0, abs=5 * u.std() / np.sqrt(10_000))
    u, first = samples.x[samples.y == 0, 0], samples.theta[samples.y == 0, 0] < 0
    assert u[first].mean() < u[~first].mean() - 0.3


@pytest.mark.parametrize("name", ["sally", "scandal", "cascal"])
def test_the_score_has_the_mean_zero(toy: Toy, method: Make, name: str) -> None:
    theta_0 = Thetas("morphing_points", points=((0.5, 0.2),))
    samples = draw_samples(method(name, theta_0), toy(30_000), 50_000, np.random.default_rng(8))
    assert samples.t_xz is not None
    score = samples.t_xz if samples.y is None else samples.t_xz[samples.y == 0]
    error = score.std(axis=0) / np.sqrt(len(score))
    assert np.all(np.abs(score.mean(axis=0)) < 5 * error)


def test_a_score_is_taken_at_one_point(toy: Toy, method: Make) -> None:
    with pytest.raises(InputError, match=r"sally\.theta_0: 30 points, allowed: one"):
        draw_samples(method("sally"), toy(100), 10, np.random.default_rng(9))


def test_a_score_needs_morphing(toy: Toy, method: Make) -> None:
    events, sm = toy(100), Thetas("benchmark", ("sm",))
    events = replace(events, header=replace(events.header, morphing=None))
    with pytest.raises(InputError, match=r"alices: needs the score, but toy\.h5 has no morphing"):
        draw_samples(method("alices", sm), events, 10, np.random.default_rng(10))
    assert len(draw_samples(method("alice", sm), events, 10, np.random.default_rng(10))) == 10


def test_few_effective_events_are_named_in_one_warning(
    toy: Toy, method: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        draw_samples(method("alices", bound=20), toy(4000), 500, np.random.default_rng(11))
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        samples = draw_samples(method("alices", bound=99), toy(100), 50, np.random.default_rng(11))
    (record,) = caplog.records
    assert "alices: 31 of 31 parameter points have less than 99 effective events out of 100" in (
        record.message
    )
    assert record.message.endswith(f"the smallest number is {samples.effective_samples:.3g}")


def test_negative_weights_are_named_in_a_warning(
    toy: Toy, method: Make, caplog: pytest.LogCaptureFixture
) -> None:
    events = toy(1000)
    events.weights[:10] *= -1
    with caplog.at_level(logging.WARNING):
        samples = draw_samples(method("carl"), events, 500, np.random.default_rng(12))
    assert len(samples) == 500
    assert not {x.tobytes() for x in samples.x} & {x.tobytes() for x in events.x[:10]}
    assert any("carl: negative weights, " in record.message for record in caplog.records)


def test_a_random_reference_is_drawn_once(toy: Toy, method: Make) -> None:
    header, priors = toy(10).header, (Prior("flat", -1, 1),) * 2
    random = Thetas("random_morphing_points", number=4, priors=priors)
    fixed = with_fixed_reference(method("carl", theta_1=random), header, np.random.default_rng(13))
    first, second = (draw_samples(fixed, toy(100), 10, np.random.default_rng(s)) for s in (1, 2))
    assert first.theta_ref.shape == (4, 2)
    np.testing.assert_array_equal(first.theta_ref, second.theta_ref)
    unchanged = method("carl")
    assert with_fixed_reference(unchanged, header, np.random.default_rng(13)) is unchanged


@pytest.mark.parametrize("name", ["alices", "sally"])
def test_samples_survive_a_file(toy: Toy, method: Make, tmp_path: Path, name: str) -> None:
    settings = method(name, Thetas("benchmark", ("b1",)))
    samples = draw_samples(settings, toy(), 20, np.random.default_rng(14))
    samples.save(tmp_path, "validation")
    loaded = Samples.load(tmp_path, "validation")
    assert vars(loaded).keys() == vars(samples).keys()
    for field, value in vars(samples).items():
        np.testing.assert_array_equal(getattr(loaded, field), value)
    assert isinstance(loaded.effective_samples, float)
    assert loaded.parameters == ("a", "b")


@pytest.mark.parametrize("arrays", [{}, {"extra": np.zeros(2)}])
def test_other_files_are_refused(
    toy: Toy, method: Make, tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    if arrays:
        samples = draw_samples(method("carl"), toy(), 20, np.random.default_rng(15))
        known = {k: np.asarray(v) for k, v in vars(samples).items() if v is not None}
        arrays = {**known, **arrays}
    write_npz(tmp_path / "train.npz", **arrays)
    with pytest.raises(InputError, match=r"train\.npz: not a file of samples"):
        Samples.load(tmp_path, "train")


def test_the_same_seed_gives_the_same_samples(toy: Toy, method: Make) -> None:
    first, same, other = (
        draw_samples(method("rascal"), toy(), 300, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.x, same.x)
    np.testing.assert_array_equal(first.theta, same.theta)
    assert not np.array_equal(first.theta, other.theta)
