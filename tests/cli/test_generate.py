import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from madminer_workflow.cli.generate import generate
from madminer_workflow.events import read_header


def test_writes_a_file_and_tells_the_cross_section(tmp_path):
    path = tmp_path / "folder" / "dy1.h5"
    options = ["--preset", "dy1", "--events", "4000", "--seed", "3", "--output", str(path)]
    result = CliRunner().invoke(generate, options, catch_exceptions=False)
    assert result.exit_code == 0
    header = read_header(path)
    assert (header.n_events, header.process["preset"], header.process["seed"]) == (4000, "dy1", 3)
    assert result.output.startswith(f"{path}: 4000 events")
    value, error = map(float, re.findall(r"(\d\.\d+) \+- (\d\.\d+) pb\n$", result.output)[0])
    assert abs(value - 0.0063214468) < 4 * error
    assert error < 2e-2 * value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "dy9"], "'dy2', 'dy2b', 'dy1', 'dy3'"),
        (["--events", "0"], "x>=1"),
        ([], "--output"),
    ],
)
def test_bad_options_are_refused(options, message):
    result = CliRunner().invoke(generate, options)
    assert result.exit_code == 2
    assert message in result.output


def test_presets_are_listed_without_heavy_imports():
    code = "import sys, madminer_workflow.cli.generate; print('numpy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
