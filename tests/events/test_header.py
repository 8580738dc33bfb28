from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.events import Parameter, read_events, read_header
from madminer_workflow.events.header import PROCESS_ATTRIBUTE


def refusal(path):
    """Returns the message with which a file is refused."""
    with pytest.raises(InputError) as caught:
        read_header(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_content(event_file):
    header = read_header(event_file)
    assert header.path == event_file
    assert header.parameters == (Parameter("c_u", -1.0, 1.5), Parameter("c_d", -2.0, 2.5))
    assert header.parameter_names == ("c_u", "c_d")
    assert header.ranges.tolist() == [[-1.0, 1.5], [-2.0, 2.5]]
    assert header.benchmark_names == ("sm", "b1", "b2", "b3", "b4", "b5")
    assert header.observables == ("energy", "angle")
    assert (header.n_events, header.reference, header.process) == (1000, "sm", None)
    assert header.n_sampled.tolist() == [1000, 0, 0, 0, 0, 0]


def test_content_of_a_file_by_other_people(dummy_events):
    header = read_header(dummy_events)
    assert header.parameter_names == ("CWL2", "CPWL2")
    assert header.ranges.tolist() == [[-10.0, 10.0], [-10.0, 10.0]]
    assert header.observables == ("pt_j1", "delta_phi_jj")
    assert (header.n_events, header.reference) == (5821, "sm")
    assert header.n_sampled.tolist() == [911, 980, 973, 989, 981, 987]
    assert header.theta("w").tolist() == [10.0, 0.0]


def test_benchmarks(event_file):
    header = read_header(event_file)
    assert header.theta("b5").tolist() == [1.5, 2.5]
    with pytest.raises(InputError, match="no benchmark 'b9', allowed: sm, b1, b2, b3, b4, b5"):
        header.theta("b9")
    near = header.benchmark_values + 0.1
    assert header.closest_benchmark(near).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_morphing_gives_the_benchmarks_themselves(make_event_file, tmp_path, n_parameters):
    header = read_header(make_event_file(tmp_path / "events.h5", n_parameters=n_parameters))
    weights = header.weights(header.benchmark_values)
    np.testing.assert_allclose(weights, np.eye(len(header.benchmark_names)), atol=1e-12)


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_morphing_weights_sum_to_one(make_event_file, tmp_path, n_parameters):
    header = read_header(make_event_file(tmp_path / "events.h5", n_parameters=n_parameters))
    thetas = np.random.default_rng(1).normal(size=(20, n_parameters))
    np.testing.assert_allclose(header.weights(thetas).sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("n_parameters", [1, 2, 3])
def test_morphing_gradients_agree_with_finite_differences(make_event_file, tmp_path, n_parameters):
    header = read_header(make_event_file(tmp_path / "events.h5", n_parameters=n_parameters))
    thetas, step = np.random.default_rng(1).normal(size=(20, n_parameters)), 1e-3
    gradients = header.morphing.gradients(thetas)
    assert gradients.shape == (20, n_parameters, len(header.benchmark_names))
    for parameter in range(n_parameters):
        shift = step * np.eye(n_parameters)[parameter]
        difference = header.weights(thetas + shift) - header.weights(thetas - shift)
        np.testing.assert_allclose(gradients[:, parameter], difference / (2 * step), atol=1e-10)


def test_without_morphing_only_benchmarks_have_weights(event_file):
    with h5py.File(event_file, "a") as file:
        del file["morphing"]
    header = read_header(event_file)
    assert header.morphing is None
    weights = header.weights(header.benchmark_values[[3, 0]])
    assert weights.tolist() == np.eye(6)[[3, 0]].tolist()
    with pytest.raises(InputError, match="no morphing, only its benchmarks can be used"):
        header.weights([[0.1, 0.1]])


def test_benchmarks_of_nuisance_parameters_are_left_out(event_file):
    with h5py.File(event_file, "a") as file:
        del file["morphing"]
        file["benchmarks/is_nuisance"][1] = 1
        file["benchmarks/is_reference"][:] = [0, 0, 1, 0, 0, 0]
    header = read_header(event_file)
    assert header.benchmark_names == ("sm", "b2", "b3", "b4", "b5")
    assert header.benchmark_columns.tolist() == [0, 2, 3, 4, 5]
    assert header.reference == "b2"


def test_benchmarks_that_came_after_the_morphing_have_no_part_in_it(event_file):
    thetas = np.random.default_rng(1).normal(size=(5, 2))
    expected = read_header(event_file).weights(thetas)
    with h5py.File(event_file, "a") as file:
        for name, rows in {"names": [b"late"], "values": [[0.3, 0.4]], "is_nuisance": [0]}.items():
            values = np.append(file[f"benchmarks/{name}"][()], rows, axis=0)
            del file[f"benchmarks/{name}"]
            file[f"benchmarks/{name}"] = values
        del file["benchmarks/is_reference"]
        weights = np.pad(file["samples/weights"][()], ((0, 0), (0, 1)))
        del file["samples/weights"]
        file["samples/weights"] = weights
    header = read_header(event_file)
    assert header.benchmark_names[6:] == ("late",)
    np.testing.assert_array_equal(header.weights(thetas), np.pad(expected, ((0, 0), (0, 1))))


def test_optional_parts(event_file):
    with h5py.File(event_file, "a") as file:
        for name in ("benchmarks/is_nuisance", "benchmarks/is_reference", "sample_summary"):
            del file[name]
        file.attrs[PROCESS_ATTRIBUTE] = json.dumps({"luminosity_ipb": 300000.0})
    header = read_header(event_file)
    assert header.reference == "sm"
    assert header.n_sampled.tolist() == [1000, 0, 0, 0, 0, 0]
    assert header.process == {"luminosity_ipb": 300000.0}


def test_missing_file(tmp_path):
    expected = "no such file, expected a MadMiner event file (HDF5)"
    assert refusal(tmp_path / "none.h5") == expected
    assert refusal(tmp_path) == expected


@pytest.mark.parametrize("content", [b"", b"methods: [alice]\n", bytes(5000)])
def test_not_hdf5(tmp_path, content):
    path = tmp_path / "events.h5"
    path.write_bytes(content)
    assert refusal(path) == "not an HDF5 file, expected a MadMiner event file (HDF5)"


@pytest.mark.parametrize("n_lost", [1, 1000, 50000])
def test_truncated(event_file, n_lost):
    event_file.write_bytes(event_file.read_bytes()[:-n_lost])
    assert refusal(event_file) == "truncated, expected a MadMiner event file (HDF5)"


def test_not_madminer(tmp_path):
    path = tmp_path / "events.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
    assert refusal(path).startswith("HDF5, but not a MadMiner event file (")


@pytest.mark.parametrize(
    "name", ["parameters", "benchmarks/values", "observables", "samples/weights"]
)
def test_a_part_is_missing(event_file, name):
    with h5py.File(event_file, "a") as file:
        del file[name]
    assert refusal(event_file).startswith("HDF5, but not a MadMiner event file (")


def test_no_events(event_file):
    with h5py.File(event_file, "a") as file:
        del file["samples/observations"], file["samples/weights"]
        file["samples/observations"], file["samples/weights"] = np.empty((0, 2)), np.empty((0, 6))
    assert refusal(event_file) == "a MadMiner file without events"
    with h5py.File(event_file, "a") as file:
        del file["samples"]
    assert refusal(event_file) == "a MadMiner file without events"


@pytest.mark.parametrize(
    ("observations", "weights", "message"),
    [
        ((10, 2), (9, 6), "observations of shape (10, 2), expected (9, 2)"),
        ((10, 3), (10, 6), "observations of shape (10, 3), expected (10, 2)"),
        ((10, 2), (10, 5), "5 weights an event, expected 6 benchmarks"),
    ],
)
def test_shapes_that_do_not_fit(event_file, observations, weights, message):
    with h5py.File(event_file, "a") as file:
        del file["samples/observations"], file["samples/weights"]
        file["samples/observations"], file["samples/weights"] = np.ones(observations), np.ones(
            weights
        )
    assert refusal(event_file) == message


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("benchmarks/values", np.zeros((6, 1)), "of shape (6, 1), expected finite numbers"),
        ("parameters/val_ranges", np.full((2, 2), np.nan), "of shape (2, 2), expected finite"),
        ("morphing/components", np.zeros((6, 3), int), "of shape (6, 3), expected finite numbers"),
        ("morphing/morphing_matrix", np.eye(7), "of shape (7, 7), expected finite numbers"),
    ],
)
def test_arrays_that_do_not_fit(event_file, name, values, message):
    with h5py.File(event_file, "a") as file:
        del file[name]
        file[name] = values
    assert refusal(event_file).startswith(f"{name} {message}")


@pytest.mark.parametrize("name", ["parameters", "benchmarks/names", "samples/weights"])
def test_parts_of_another_kind(event_file, name):
    with h5py.File(event_file, "a") as file:
        del file[name]
        file.create_group(name)
    assert "not a MadMiner event file" in refusal(event_file)


def test_damaged_bytes_give_one_line(make_event_file, tmp_path):
    path = make_event_file(tmp_path / "events.h5", n_events=40)
    content, outcomes = np.frombuffer(path.read_bytes(), np.uint8), []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        damaged, where = content.copy(), rng.integers(0, len(content), 10)
        damaged[where] = rng.integers(0, 256, 10)
        path.write_bytes(damaged.tobytes())
        try:
            read_events(read_header(path))
            outcomes.append("read")
        except InputError as error:
            outcomes.append(str(error))
    assert all("\n" not in outcome for outcome in outcomes)
    assert 20 < outcomes.count("read") < 180
