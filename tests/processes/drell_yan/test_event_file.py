import numpy as np
import pytest

from madminer_workflow.events import Header, read_events, read_header
from madminer_workflow.processes import PRESETS, exact_likelihood
from madminer_workflow.processes.drell_yan.detector import OBSERVABLES
from madminer_workflow.processes.drell_yan.event_file import write_event_file
from madminer_workflow.processes.drell_yan.generator import GeneratedEvents, generate
from madminer_workflow.processes.polynomial import monomials


@pytest.fixture(scope="module", params=["dy2", "dy3"])
def events(request) -> GeneratedEvents:
    return generate(PRESETS[request.param], 3000, 4)


@pytest.fixture(scope="module")
def header(events, tmp_path_factory) -> Header:
    path = tmp_path_factory.mktemp("files") / "events.h5"
    write_event_file(events, path)
    assert [file.name for file in path.parent.iterdir()] == ["events.h5"]
    return read_header(path)


def test_header_tells_the_preset(events, header):
    preset = events.preset
    assert header.parameter_names == preset.operators
    np.testing.assert_array_equal(header.ranges, preset.ranges)
    assert header.benchmark_names == preset.benchmark_names
    np.testing.assert_array_equal(header.benchmark_values, preset.benchmarks)
    assert header.reference == "sm"
    assert header.observables == tuple(OBSERVABLES)
    assert header.n_events == 3000


def test_process_is_described(events, header):
    assert header.process is not None
    assert header.process["name"] == "drell_yan"
    assert header.process["luminosity_ipb"] == 300e3
    assert (header.process["seed"], header.process["n_thrown"]) == (4, events.n_thrown)
    likelihood = exact_likelihood(header.process)
    assert likelihood is not None
    assert likelihood.preset == events.preset


def test_events_are_read_back_unchanged(events, header):
    found = read_events(header)
    np.testing.assert_array_equal(found.x, events.x)
    np.testing.assert_array_equal(found.weights, events.weights)
    assert not found.sampled_from.any()


def test_morphing_of_madminer_is_our_polynomial(events, header):
    thetas = np.random.default_rng(1).uniform(*header.ranges.T, (20, len(header.parameters)))
    interpolation = monomials(thetas) @ np.linalg.inv(monomials(events.preset.benchmarks))
    np.testing.assert_allclose(header.weights(thetas), interpolation, atol=1e-10)
    sums = read_events(header).cross_sections(thetas)
    exact = exact_likelihood(header.process).cross_sections(thetas)
    np.testing.assert_allclose(sums, exact, rtol=0.2)


def test_failure_leaves_no_file(events, tmp_path, monkeypatch):
    monkeypatch.setattr("h5py.File", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_event_file(events, tmp_path / "events.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_madminer_reads_the_file_and_finds_the_cross_sections(events, header):
    from madminer.sampling import SampleAugmenter, benchmark, morphing_point

    sampler = SampleAugmenter(str(header.path))
    assert sampler.n_samples == 3000
    theta = np.full(len(header.parameters), 0.8)
    for point, expected in (
        (benchmark("b1"), events.cross_sections[1]),
        (morphing_point(theta), read_events(header).cross_sections([theta])[0]),
    ):
        _, cross_sections, _ = sampler.cross_sections(point)
        np.testing.assert_allclose(cross_sections, expected, rtol=1e-10)
