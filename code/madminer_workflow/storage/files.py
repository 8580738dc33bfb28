"""Atomic files and folders: a reader sees a complete file or none, whenever the writer is killed.

Formats are open ones: JSON for records, npz for arrays (without pickle), PyTorch's weights-only
format for networks, PNG and PDF for figures.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import multiprocessing
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from madminer_workflow.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

__all__ = [
    "atomic_path",
    "read_json",
    "read_npz",
    "read_weights",
    "sha256",
    "staged",
    "write_figure",
    "write_figures",
    "write_json",
    "write_npz",
    "write_svg",
    "write_text",
    "write_weights",
]


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` that takes its place when the block succeeds.

    Args:
        path: The file to write; its folder is made if it is missing.

    Yields:
        The path to write to, with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)


@contextlib.contextmanager
def staged(folder: str | Path) -> Iterator[Path]:
    """Yields an empty hidden folder that takes the place of `folder` when the block succeeds.

    A run that is killed leaves the hidden folder at most, which no reader looks at and which the
    next run removes.

    Args:
        folder: The folder to make; what stood there before is removed at success only.

    Yields:
        The folder to write into.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".partial-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_json(path: str | Path) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: The file.

    Raises:
        InputError: The file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file ({error})") from error


def write_json(path: str | Path, record: object) -> None:
    """Writes a record as JSON; arrays become lists, numbers that are not finite become null.

    Args:
        path: The file to write.
        record: Dictionaries, sequences, dataclasses, NumPy arrays and scalars, nested.
    """
    write_text(path, json.dumps(_plain(record), indent=1, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file.

    Args:
        path: The file to write.
        text: Its content.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_npz(path: str | Path) -> dict[str, NDArray[Any]]:
    """Returns the arrays of an npz file by name.

    Args:
        path: The file.

    Raises:
        InputError: The file is missing, damaged, or holds pickled objects.
    """
    try:
        # NumPy leaves a file open that it opened and found damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # zipfile and NumPy raise many kinds for a damaged archive
        raise InputError(f"{path}: not an npz file ({error})") from error


def write_npz(path: str | Path, **arrays: NDArray[Any]) -> None:
    """Writes named arrays.

    Args:
        path: The file to write, with the suffix .npz.
        arrays: The arrays by name.
    """
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Returns the weights of a network by name.

    Args:
        path: The file.

    Raises:
        InputError: The file is missing or damaged.
    """
    import torch

    try:
        weights: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # torch raises many kinds for a damaged file, with long texts
        cause = type(error).__name__
        raise InputError(f"{path}: not a file of network weights ({cause})") from error
    return weights


def write_weights(path: str | Path, weights: Mapping[str, Tensor]) -> None:
    """Writes the weights of a network.

    Args:
        path: The file to write.
        weights: The weights by name, a state dictionary of PyTorch.
    """
    import torch

    with atomic_path(path) as temporary:
        torch.save(dict(weights), temporary)


def write_figure(folder: str | Path, name: str, figure: Figure) -> list[Path]:
    """Writes a figure as PNG and PDF.

    Args:
        folder: The folder to write into.
        name: The name of the files, without suffix.
        figure: The figure.

    Returns:
        The files.
    """
    figure.set_dpi(150)
    if engine := figure.get_layout_engine():
        # Matplotlib would draw the figure once more for each file to lay it out.
        engine.execute(figure)
        figure.set_layout_engine(None)
    paths = [Path(folder) / f"{name}{suffix}" for suffix in (".png", ".pdf")]
    for path in paths:
        # Without a date the same figure gives the same bytes.
        metadata = {"CreationDate": None} if path.suffix == ".pdf" else None
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=figure.dpi, metadata=metadata)
    return paths


def write_svg(path: str | Path, figure: Figure) -> None:
    """Writes a figure as SVG, with text as text; the same figure gives the same bytes.

    Args:
        path: The file to write.
        figure: The figure.
    """
    import matplotlib as mpl

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "figure"}
    with mpl.rc_context(settings), atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def write_figures(folder: str | Path, figures: Mapping[str, Figure], n_processes: int) -> None:
    """Writes figures as PNG and PDF, several at a time: most of the time of drawing goes here.

    Args:
        folder: The folder to write into.
        figures: The figures by the names of their files, without suffix.
        n_processes: Number of processes to write with.

    Raises:
        RuntimeError: A figure could not be written.
    """
    context = multiprocessing.get_context("fork")  # figures are handed over as they are
    shares = [list(figures.items())[first::n_processes] for first in range(n_processes)]
    workers = [context.Process(target=_write_share, args=(folder, share)) for share in shares[1:]]
    with warnings.catch_warnings():
        # Of forking with threads around, none of which does anything that drawing would wait for.
        warnings.simplefilter("ignore", DeprecationWarning)
        for worker in workers:
            worker.start()
    _write_share(folder, shares[0])
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"{folder}: figures could not be written")


def sha256(path: str | Path) -> str:
    """Returns the SHA-256 checksum of a file, in hexadecimal.

    Args:
        path: The file.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_share(folder: str | Path, share: Iterable[tuple[str, Figure]]) -> None:
    """Writes some figures."""
    for name, figure in share:
        write_figure(folder, name, figure)


def _plain(value: object) -> object:
    """Returns the value in terms of what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
