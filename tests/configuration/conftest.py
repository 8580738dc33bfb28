"""Input files on the spot, and event files to go with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from madminer_workflow.events import Header, read_header


@pytest.fixture
def write_input(tmp_path: Path) -> Callable[[str], Path]:
    """A function that writes a text into an input file."""

    def write(text: str) -> Path:
        path = tmp_path / "input.yml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def headers(
    make_event_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Header]:
    """Headers of event files by their number of parameters: c_u, c_d, c_e."""
    folder = tmp_path_factory.mktemp("events")
    return {k: read_header(make_event_file(folder / f"{k}.h5", n_parameters=k)) for k in (1, 2, 3)}


@pytest.fixture(scope="session")
def header(headers: dict[int, Header]) -> Header:
    """The header of an event file with two parameters, c_u in [-1, 1.5] and c_d in [-2, 2.5]."""
    return headers[2]
