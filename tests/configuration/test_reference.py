from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from madminer_workflow.configuration.reference import page

DOCS = Path(__file__).parents[2] / "docs" / "input.md"


def test_committed_page_is_up_to_date():
    assert DOCS.read_text(encoding="utf-8") == page()


def test_page_names_every_block_once():
    titles = [line for line in page().splitlines() if line.startswith("## ")]
    assert len(titles) == len(set(titles))
    for title in (
        "`splits`",
        "`samples`, `<method>.samples`, `<name>.samples`",
        "`<method>`",
        "`<name>`",
        "`fisher_information`",
    ):
        assert f"## {title}" in titles


def test_line_of_a_key():
    assert (
        "| `alpha` | a number >= 0 |  | 0.3; 5 for `scandal` | Weight of the score in the loss. "
        "Used by `alices`, `cascal`, `rascal`, `scandal`. |"
    ) in page().splitlines()


def test_methods_that_do_not_use_a_key_are_named():
    (line,) = (line for line in page().splitlines() if line.startswith("| `early_stopping` "))
    assert line.endswith(" Not used by `quadratic`. |")


def test_module_writes_the_page():
    command = [sys.executable, "-m", "madminer_workflow.configuration.reference"]
    written = subprocess.run(command, capture_output=True, check=True)
    assert written.stdout.decode() == page()
