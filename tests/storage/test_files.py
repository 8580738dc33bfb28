from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from madminer_workflow import storage
from madminer_workflow.errors import InputError


def names(folder):
    """Returns what a folder holds, hidden names included."""
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_when_the_block_succeeds(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with storage.atomic_path(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


def test_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with contextlib.suppress(RuntimeError), storage.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_folder_appears_when_the_block_succeeds(tmp_path):
    folder = tmp_path / "new" / "samples"
    with storage.staged(folder) as temporary:
        (temporary / "a.txt").write_text("new")
        assert not folder.exists()
        assert temporary.name.startswith(".")
    assert names(folder) == ["a.txt"]
    assert names(folder.parent) == ["samples"]


def test_folder_takes_the_place_of_the_old_one(tmp_path):
    folder = tmp_path / "samples"
    for name in ("old", "new"):
        with storage.staged(folder) as temporary:
            (temporary / name).touch()
    assert names(folder) == ["new"]


def test_failure_leaves_the_old_folder(tmp_path):
    folder = tmp_path / "samples"
    with storage.staged(folder) as temporary:
        (temporary / "old").touch()
    with contextlib.suppress(RuntimeError), storage.staged(folder) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert names(folder) == ["old"]
    assert names(tmp_path) == ["samples"]


@pytest.mark.parametrize("block", ["staged(path)", "atomic_path(path)"])
def test_killed_process_leaves_nothing_that_looks_like_a_result(tmp_path, block):
    program = (
        "import os, signal, sys, pathlib\n"
        "from madminer_workflow.storage import atomic_path, staged\n"
        "path = pathlib.Path(sys.argv[1])\n"
        f"with {block} as temporary:\n"
        "    (temporary / 'half' if temporary.is_dir() else temporary).write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "result")])
    assert killed.returncode == -9
    assert all(name.startswith(".partial-") for name in names(tmp_path))
    with storage.staged(tmp_path / "result") as temporary:
        assert names(temporary) == []


@dataclasses.dataclass(frozen=True)
class Record:
    theta: np.ndarray
    path: Path


def test_json(tmp_path):
    path = tmp_path / "a.json"
    record = {
        "record": Record(np.array([[1.0, np.nan]]), Path("/a b")),
        "numbers": (np.float64(0.1), np.int64(3), np.bool_(True), float("inf"), None),
        7: "ä",
    }
    storage.write_json(path, record)
    assert storage.read_json(path) == {
        "record": {"theta": [[1.0, None]], "path": "/a b"},
        "numbers": [0.1, 3, True, None, None],
        "7": "ä",
    }


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "ä"]), "n": np.array(3)}
    storage.write_npz(path, **arrays)
    read = storage.read_npz(path)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_pickles_are_neither_written_nor_read(tmp_path):
    objects = np.array([{}, None], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        storage.write_npz(tmp_path / "a.npz", objects=objects)
    assert names(tmp_path) == []
    np.savez(tmp_path / "b.npz", objects=objects)
    with pytest.raises(InputError, match=r"b.npz: not an npz file"):
        storage.read_npz(tmp_path / "b.npz")


def test_weights(tmp_path):
    layer = torch.nn.Linear(3, 2)
    storage.write_weights(tmp_path / "weights.pt", layer.state_dict())
    read = storage.read_weights(tmp_path / "weights.pt")
    assert torch.equal(read["weight"], layer.weight)
    assert torch.equal(read["bias"], layer.bias)


READERS = [storage.read_json, storage.read_npz, storage.read_weights]


@pytest.mark.parametrize("read", READERS)
def test_missing_file(tmp_path, read):
    with pytest.raises(InputError, match=r"none: cannot be read \(No such file or directory\)"):
        read(tmp_path / "none")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", [b"", b"{'a': 1", bytes(range(256))])
def test_damaged_file(tmp_path, read, content):
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path}: not a") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_truncated_archive(tmp_path):
    path = tmp_path / "a.npz"
    storage.write_npz(path, x=np.arange(1000.0))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"a.npz: not an npz file"):
        storage.read_npz(path)


def test_figure_is_written_twice_with_the_same_bytes(tmp_path):
    contents = []
    for _ in range(2):
        figure, axes = plt.subplots()
        axes.plot([1, 2, 0])
        paths = storage.write_figure(tmp_path, "curve", figure)
        contents.append([path.read_bytes() for path in paths])
        plt.close(figure)
    assert names(tmp_path) == ["curve.pdf", "curve.png"]
    assert contents[0] == contents[1]


def test_checksum(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abc")
    assert storage.sha256(path).startswith(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_figures_are_written_by_several_processes_as_by_one(tmp_path: Path) -> None:
    figures = {}
    for name in ("a", "b", "c"):
        figures[name] = Figure(figsize=(1, 1))
        figures[name].subplots().plot([0, 1], [0, len(figures)])
    storage.write_figures(tmp_path / "two", figures, n_processes=2)
    storage.write_figures(tmp_path / "one", figures, n_processes=1)
    for path in sorted((tmp_path / "one").iterdir()):
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes()
    assert len(list((tmp_path / "two").iterdir())) == 6


def test_a_figure_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    figures = {"a": Figure(figsize=(1, 1)), "b": Figure(figsize=(1, 1))}
    with pytest.raises((OSError, RuntimeError)):
        storage.write_figures(tmp_path / "file", figures, n_processes=2)


def test_svg_has_texts_and_is_the_same_each_time(tmp_path):
    texts = []
    for name in ("a.svg", "b.svg"):
        figure = Figure()
        figure.add_subplot().set_title("a title")
        storage.write_svg(tmp_path / name, figure)
        texts.append((tmp_path / name).read_text())
    assert ">a title</text>" in texts[0]
    assert texts[0] == texts[1]
