"""The notebook of the documentation prints what it shows."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from madminer_workflow.processes import PRESETS
from madminer_workflow.processes.drell_yan import event_file, generator
from madminer_workflow.studies import Parameters

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOK = json.loads((DOCS / "study.ipynb").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an event file where the notebook expects it."""
    (tmp_path / "data").mkdir()
    events = generator.generate(PRESETS["dy2"], 1000, 1)
    event_file.write_event_file(events, tmp_path / "data" / "dummy_data.h5")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_cell_prints_what_the_notebook_shows(folder: Path) -> None:
    values: dict[str, Any] = {}
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 8
    for cell in cells:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec("".join(cell["source"]), values)
        (shown,) = cell["outputs"]
        assert printed.getvalue() == "".join(shown["text"])
    files = sorted((folder / "study").glob("*.yml"))
    assert [path.stem for path in files] == sorted(values["study"])
    assert {Parameters.read(path) for path in files} == set(values["study"].values())


def test_the_last_cell_runs_a_file_of_the_study() -> None:
    text = "".join(NOTEBOOK["cells"][-1]["source"])
    (name,) = re.findall(r"INPUT_FILE=study/(\S+)\.yml OUTPUT_DIR=runs/\1`", text)
    (shown,) = NOTEBOOK["cells"][-2]["outputs"]
    assert f"study/{name}.yml\n" in shown["text"]


def test_links_lead_somewhere() -> None:
    texts = ["".join(cell["source"]) for cell in NOTEBOOK["cells"]]
    links = [link for text in texts for link in re.findall(r"\]\(([^)]+)\)", text)]
    assert links == ["input.md"]
    assert all((DOCS / link).exists() for link in links)
