from __future__ import annotations

import logging

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from madminer_workflow.errors import InputError
from madminer_workflow.events import (
    Observed,
    out_of_range,
    read_events,
    read_header,
    read_observed,
)

NAMES = ("energy", "angle", "n_jets")
X = np.array([[1.5, -0.25, 2.0], [1e-300, 0.1, 3.0]])
FORMATS = ["a.csv", "a.CSV", "a.npz", "a.h5", "a.hdf5", "madminer.h5"]


def write(path, names, x):
    """Writes events in the format that the name of the file tells."""
    x = np.asarray(x)
    if path.suffix.lower() == ".csv":
        rows = [names, *(map(str, row) for row in x.tolist())]
        path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".npz":
        np.savez(path, observables=np.array(names, str), x=x)
    else:
        madminer = path.stem == "madminer"
        with h5py.File(path, "w") as file:
            file["observables/names" if madminer else "observables"] = np.array(names, "S256")
            file["samples/observations" if madminer else "x"] = x
    return path


def refusal(path, observables=NAMES):
    """Returns the message with which a file is refused, without the path before it."""
    with pytest.raises(InputError) as caught:
        read_observed(path, observables)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message.removeprefix(f"{path}: ")


@pytest.fixture
def csv_file(tmp_path):
    """A function that writes a text file."""

    def written(content):
        path = tmp_path / "events.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_each_format_and_order_of_columns_gives_the_same_events(tmp_path, name, data):
    finite = st.floats(allow_nan=False, allow_infinity=False)
    x = data.draw(arrays(float, (data.draw(st.integers(0, 4)), 3), elements=finite))
    order = data.draw(st.permutations(range(3)))
    path = write(tmp_path / name, [NAMES[i] for i in order], x[:, order])
    observed = read_observed(str(path), list(NAMES))
    assert (observed.path, observed.observables, len(observed)) == (path, NAMES, len(x))
    assert observed.x.flags.c_contiguous
    np.testing.assert_array_equal(observed.x, x, strict=True)


@pytest.mark.parametrize("x", [X, X[:0]])
def test_saved_events_are_read_back(tmp_path, x):
    Observed(tmp_path / "events.csv", NAMES, x).save(tmp_path / "saved.npz")
    saved = read_observed(tmp_path / "saved.npz", NAMES)
    assert saved.observables == NAMES
    np.testing.assert_array_equal(saved.x, x, strict=True)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", [np.float32, np.int64, np.uint8])
def test_other_types_of_numbers(tmp_path, name, kind):
    path = write(tmp_path / name, NAMES, np.array([[1, 2, 3]], kind))
    np.testing.assert_array_equal(read_observed(path, NAMES).x, [[1.0, 2.0, 3.0]], strict=True)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfenergy,angle\r\n1,2\r\n",
        b" energy ,\tangle\n 1 , 2\t\n",
        b'"energy","angle"\n1,2',
        b"\n# of 2026\nenergy,angle\n\n1,2\n  # the end\n   \n",
        "energy,angle\n# µ and τ\n1,2\n".encode(),
    ],
)
def test_variants_of_text(csv_file, content):
    path = csv_file(content)
    assert read_observed(path, NAMES[:2]).x.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("content", ["energy,angle", "energy,angle\n", "# none\nenergy,angle\n\n"])
def test_no_events_are_an_observation_too(csv_file, content):
    observed = read_observed(csv_file(content), NAMES[:2])
    assert observed.x.shape == (0, 2)
    assert out_of_range(observed, X[:, :2]) == ()


@pytest.mark.parametrize("name", FORMATS)
def test_other_columns_are_ignored_with_a_warning(tmp_path, caplog, name):
    path = write(tmp_path / name, NAMES, [[1, 2, 3]])
    with caplog.at_level(logging.WARNING):
        assert read_observed(path, ["angle"]).x.tolist() == [[2.0]]
    assert caplog.messages == [f"{path}: ignored are the columns energy, n_jets"]


def test_ignored_columns_hold_any_text_and_need_no_name(csv_file, caplog):
    path = csv_file(",energy,comment,\n1,1.5,fine,\n2,2.5,,\n")
    assert read_observed(path, ["energy"]).x.tolist() == [[1.5], [2.5]]
    assert caplog.messages == [f"{path}: ignored are the columns (no name), comment, (no name)"]


@pytest.mark.parametrize("name", FORMATS)
def test_missing_names(tmp_path, name):
    path = write(tmp_path / name, ["angle", "Energy"], X[:, :2])
    assert refusal(path) == "no column energy, n_jets, the file has angle, Energy"


@pytest.mark.parametrize("name", FORMATS)
def test_repeated_names(tmp_path, name):
    path = write(tmp_path / name, ["energy", "angle", "energy"], X)
    assert refusal(path, NAMES[:2]) == "several columns energy, allowed: one of each name"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(tmp_path, name, value):
    x = np.ones((5, 3))
    x[3, 0] = x[4, :] = value
    path = write(tmp_path / name, NAMES, x)
    expected = f"values are not finite numbers, the first is {value} in event"
    assert refusal(path) == f"4 {expected} 4, column 'energy'"
    assert refusal(path, ["angle"]) == f"1 {expected} 5, column 'angle'"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "no column energy, angle, the file has none"),
        ("1.5,2\n3,4\n", "no column energy, angle, the file has 1.5, 2"),
        ("energy;angle\n1;2\n", "no column energy, angle, the file has energy;angle"),
        ("a," * 500, f"no column energy, angle, the file has {'a, ' * 64}a, [...]"),
        ("energy,angle\n1\n", "line 2 has 1 values, expected 2 as in the header"),
        ("energy,angle\n1,2\n1,5,2\n", "line 3 has 3 values, expected 2 as in the header"),
        ('energy,"angle\n1,2"\n', "line 2, column 'angle': '2\"' is not a number"),
        ("energy,angle\n1,\n", "line 2, column 'angle': '' is not a number"),
        ("energy,angle\n1_0,2\n", "line 2, column 'energy': '1_0' is not a number"),
        ("#\nangle,energy\n#\n1,2\n\n3,4 GeV\nx,y", "line 6, column 'energy': '4 GeV' is not a nu"),
        ("energy,angle\n1,\u0661\n", "could not convert string"),
        (b"energy,angle\n1,2\n\xff,1\n", "'utf-8' codec can't decode byte 0xff in position 17"),
        ("energy,angle\n1,2\n".encode("utf-16"), "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_texts_that_are_refused(csv_file, content, expected):
    assert refusal(csv_file(content), NAMES[:2]).startswith(expected)


@pytest.mark.parametrize("name", ["a.npz", "a.h5", "madminer.h5"])
@pytest.mark.parametrize("x", [X[:, :2], X[0], X[None], X.astype(complex), X.astype("S9")])
def test_arrays_of_another_shape_or_type(tmp_path, name, x):
    message = refusal(write(tmp_path / name, NAMES, x))
    assert f"is of type {x.dtype} and shape {x.shape}, expected numbers of shape" in message
    assert message.endswith("(number of events, 3)")


def test_names_that_are_no_texts(tmp_path):
    for names in ([1.0, 2.0, 3.0], [["energy", "angle", "n_jets"]]):
        np.savez(tmp_path / "a.npz", observables=names, x=X)
        assert refusal(tmp_path / "a.npz").endswith("expected a list of names")


def test_arrays_that_are_missing(tmp_path):
    np.savez(tmp_path / "a.npz", x=X)
    assert refusal(tmp_path / "a.npz") == "no array observables, expected observables and x"
    with h5py.File(write(tmp_path / "madminer.h5", NAMES, X), "a") as file:
        del file["samples"]
    expected = "no array samples/observations, expected observables/names and samples/observations"
    assert refusal(tmp_path / "madminer.h5") == expected


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", observables=np.array(NAMES, object), x=X)
    assert refusal(tmp_path / "a.npz").startswith("not an npz file (Object arrays cannot be loaded")


def test_simulated_events_are_refused(event_file, dummy_events):
    for path in (event_file, dummy_events):
        message = refusal(path, read_header(path).observables)
        assert message.startswith("events with weights from ")
        assert message.endswith("are simulated ones, expected observed events, which have none")


def test_equal_weights_say_nothing(event_file):
    with h5py.File(event_file, "a") as file:
        file["samples/weights"][:] = 1.0
    header = read_header(event_file)
    x = read_observed(event_file, header.observables).x
    np.testing.assert_array_equal(x, read_events(header).x)


@pytest.mark.parametrize("name", FORMATS[2:])
@pytest.mark.parametrize("n_kept", [0, 100, -20])
def test_damaged_files(tmp_path, name, n_kept):
    path = write(tmp_path / name, NAMES, X)
    path.write_bytes(path.read_bytes()[:n_kept])
    assert "npz file" in refusal(path) or "expected HDF5 with the arrays" in refusal(path)


def test_files_that_cannot_be_opened(tmp_path):
    expected = "expected UTF-8 text, a line of names and a line of numbers for each event"
    assert refusal(tmp_path / "none.csv") == f"no such file, {expected}"
    (tmp_path / "folder.csv").mkdir()
    assert refusal(tmp_path / "folder.csv") == f"no such file, {expected}"
    assert refusal(tmp_path / "a.root") == "the ending is '.root', allowed: .csv, .npz, .h5, .hdf5"
    assert refusal(tmp_path / "a") == "the ending is '', allowed: .csv, .npz, .h5, .hdf5"


def test_events_out_of_the_simulated_range(tmp_path):
    simulated = np.array([[1000.0, -1.0, 0.0], [7021.3, 1.0, 4.0]])
    x = np.array([[8100.0, 0.0, 5.0], [1000.0, 0.5, -1.0], [7500.0, -1.5, 2.0], [7021.3, 1, -2]])
    assert out_of_range(Observed(tmp_path, NAMES, x), simulated) == (
        "energy: 2 of 4 observed events outside of the simulated range [1000, 7021.3], up to 8100",
        "angle: 1 of 4 observed events outside of the simulated range [-1, 1], down to -1.5",
        "n_jets: 3 of 4 observed events outside of the simulated range [0, 4], "
        "down to -2 and up to 5",
    )
    assert out_of_range(Observed(tmp_path, NAMES, simulated), simulated) == ()
