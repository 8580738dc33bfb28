import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from madminer_workflow.cli import cli

# Packtivity leaves the file that a step publishes from to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file .*publish.yml:ResourceWarning"),
    pytest.mark.usefixtures("event_file"),
]

INPUT = "{methods: [sally], luminosity: 1, training: {n_members: 2}}"


def drawn(folder: Path, output_dir: Path, *words: str) -> tuple[list[str], str]:
    """Draws, and gives the texts of the figure and the text for Mermaid."""
    (folder / "in.yml").write_text(INPUT)
    files = ["--data_file", f"{folder}/events.h5", "--input_file", f"{folder}/in.yml"]
    arguments = ["dag", *files, "--output_dir", str(output_dir), *words]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    svg, mmd = map(Path, result.stdout.splitlines())
    texts = ET.fromstring(svg.read_text()).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()) for text in texts], mmd.read_text()


def test_the_plan_before_a_run(tmp_path: Path) -> None:
    results = tmp_path / "results"
    texts, mermaid = drawn(tmp_path, results)
    assert texts[0] == f"{results}: what a run would do"
    assert texts.count("would run") == 7
    assert '  n2["training<br>sally_0<br>would run"]:::would_run\n' in mermaid
    assert {path.name for path in results.iterdir()} == {"dag.svg", "dag.mmd"}


def test_the_states_after_a_run(past_run: Path, tmp_path: Path) -> None:
    texts, mermaid = drawn(tmp_path, past_run, "--output", str(tmp_path / "drawn"))
    assert texts[0].startswith(f"{past_run}: failed, started ")
    assert [texts.count(word) for word in ("done", "failed", "waiting")] == [3, 1, 2]
    arrows = re.findall(r"n\d --> n\d", mermaid)
    assert arrows == [f"n{a} --> n{b}" for a, b in ((0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5))]
    assert '  n2["training<br>b_0<br>failed 0:00"]:::failed\n' in mermaid
    assert not (past_run / "dag.svg").exists()


def test_the_plan_after_a_run(past_run: Path, tmp_path: Path) -> None:
    texts, _ = drawn(tmp_path, past_run, "--planned", "--output", str(tmp_path / "drawn"))
    assert texts.count("would run") == 7
