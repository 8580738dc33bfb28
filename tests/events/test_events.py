from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.events import read_events, read_header


@pytest.fixture
def events(event_file):
    return read_events(read_header(event_file))


def test_content(events):
    assert len(events) == 1000
    assert (events.x.shape, events.weights.shape) == ((1000, 2), (1000, 6))
    assert (events.sampled_from == 0).all()


def test_weights_at_the_benchmarks_are_those_of_the_file(events):
    weights = events.weights_at(events.header.benchmark_values)
    np.testing.assert_allclose(weights, events.weights, rtol=1e-9, atol=1e-18)


def test_weights_are_quadratic_and_positive(events):
    line = np.linspace(-3, 3, 7)[:, None] * [1.0, -0.5]
    weights = events.weights_at(line)
    assert (weights > 0).all()
    np.testing.assert_allclose(np.diff(weights, n=3, axis=1), 0, atol=1e-12 * weights.max())


def test_cross_sections_are_sums_of_weights(events):
    thetas = [[0.0, 0.0], [0.3, -1.2]]
    sums = events.weights_at(thetas).sum(axis=0)
    np.testing.assert_allclose(events.cross_sections(thetas), sums, rtol=1e-12)
    assert events.cross_sections(thetas)[0] == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_scores_agree_with_finite_differences(make_event_file, tmp_path, n_parameters):
    path = make_event_file(tmp_path / "many.h5", n_parameters=n_parameters, n_events=100)
    events = read_events(read_header(path))
    theta, step = np.full(n_parameters, 0.2), 1e-4
    shifts = step * np.vstack([np.eye(n_parameters), -np.eye(n_parameters)])
    log_p = np.log(events.weights_at(theta + shifts) / events.cross_sections(theta + shifts))
    expected = (log_p[:, :n_parameters] - log_p[:, n_parameters:]) / (2 * step)
    np.testing.assert_allclose(events.scores_at(theta), expected, rtol=1e-5, atol=1e-7)


def test_mean_score_is_zero(events):
    theta = [0.4, -0.7]
    weights = events.weights_at([theta])[:, 0]
    np.testing.assert_allclose(weights @ events.scores_at(theta), 0, atol=1e-15)


def test_events_without_weight_have_no_score(events):
    weights = events.weights.copy()
    weights[3] = 0
    scores = dataclasses.replace(events, weights=weights).scores_at([0.0, 0.0])
    assert (scores[3] == 0).all()
    assert np.isfinite(scores).all()


def test_scores_need_morphing(event_file):
    with h5py.File(event_file, "a") as file:
        del file["morphing"]
    with pytest.raises(InputError, match="no morphing, the score cannot be computed"):
        read_events(read_header(event_file)).scores_at([0.0, 0.0])


def test_taking_some_events_keeps_the_cross_section(events):
    some = events.take(np.arange(0, 1000, 4))
    assert len(some) == 250
    assert (some.x == events.x[::4]).all()
    np.testing.assert_allclose(some.weights, 4 * events.weights[::4])
    assert len(events.take(np.array([], int))) == 0


def test_samples_of_several_benchmarks_share_the_cross_section(dummy_events):
    header = read_header(dummy_events)
    events = read_events(header)
    with h5py.File(dummy_events) as file:
        weights = file["samples/weights"][()]
    for benchmark, n_sampled in enumerate(header.n_sampled):
        own = events.sampled_from == benchmark
        assert own.sum() == n_sampled
        np.testing.assert_allclose(events.weights[own], weights[own] * n_sampled / 5821)
        # Each sample alone gives the cross section of its benchmark.
        alone = weights[own][:, benchmark].sum()
        assert events.weights[:, benchmark].sum() == pytest.approx(alone, rel=0.2)


def test_background_counts_in_full(event_file):
    with h5py.File(event_file, "a") as file:
        file["samples/sampling_benchmarks"][:10] = -1
        file["sample_summary/signal_events"][:2] = [495, 495]
        raw = file["samples/weights"][()]
    events = read_events(read_header(event_file))
    np.testing.assert_allclose(events.weights[:10], raw[:10])
    np.testing.assert_allclose(events.weights[10:], raw[10:] / 2)


@pytest.mark.parametrize("name", ["weights", "observations"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(event_file, name, value):
    with h5py.File(event_file, "a") as file:
        file[f"samples/{name}"][[4, 7], 1] = value
    header = read_header(event_file)
    with pytest.raises(InputError, match=r"2 events with \w+ that are not finite numbers"):
        read_events(header)


def test_columns_of_nuisance_benchmarks_are_dropped(event_file):
    with h5py.File(event_file, "a") as file:
        del file["morphing"]
        file["benchmarks/is_nuisance"][1] = 1
        raw = file["samples/weights"][()]
    events = read_events(read_header(event_file))
    np.testing.assert_allclose(events.weights, raw[:, [0, 2, 3, 4, 5]])


@pytest.mark.parametrize("source", [-2, 6])
def test_sources_that_are_no_benchmarks_are_refused(event_file, source):
    with h5py.File(event_file, "a") as file:
        file["samples/sampling_benchmarks"][3] = source
    header = read_header(event_file)
    with pytest.raises(InputError, match=r"from -?\d to -?\d, allowed: -1 to 5"):
        read_events(header)


def test_files_that_change_after_the_header_was_read(event_file):
    header = read_header(event_file)
    with h5py.File(event_file, "a") as file:
        del file["samples/weights"]
    with pytest.raises(InputError, match="HDF5, but not a MadMiner event file"):
        read_events(header)
    event_file.unlink()
    with pytest.raises(InputError, match="no such file, expected"):
        read_events(header)
