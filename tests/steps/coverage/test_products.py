from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.steps.coverage import Study, find_results, write
from madminer_workflow.storage import read_json, read_npz

Make = Callable[..., Study]


def test_what_is_written(known_study: Make, event_file: Path, tmp_path: Path) -> None:
    study, input_file = known_study(quadratic=1.0, exact=0.5), tmp_path / "input.yml"
    input_file.write_text("methods: [quadratic]")
    folder = write(study, tmp_path / "out", event_file, input_file)
    names = ["coverage.json", "coverage.npz", "coverage.pdf", "coverage.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    arrays = read_npz(folder / "coverage.npz")
    np.testing.assert_array_equal(arrays["q_full_exact"], study.tried[1].q["full"])
    np.testing.assert_array_equal(arrays["theta_true"], study.thetas)
    record = read_json(folder / "coverage.json")
    assert record["points"][1] == {"theta": {"c_u": 0.5, "c_d": -1.25}, "n_expected": 110.5}
    assert (record["n_toys"], record["luminosity_ipb"]) == (100, 1000.0)
    assert record["provenance"]["inputs"]["data_file"]["name"] == event_file.name
    learned, exact = record["methods"]["quadratic"], record["methods"]["exact"]
    assert learned["coverage"]["full"][0]["95"]["coverage"]["value"] == 0.6
    assert learned["coverage"]["full"][0]["95"]["neyman"] is None
    assert learned["minus_exact"]["full"][0]["95"]["value"] == pytest.approx(-0.4)
    expected = np.sqrt(np.mean((0.5 * np.arange(100) / 10.0) ** 2))
    assert learned["rms_q_minus_exact"]["full"][0] == pytest.approx(expected)
    assert exact["minus_exact"] is None
    assert exact["rms_q_minus_exact"] is None


def test_results_are_found_wherever_a_run_has_left_them(tmp_path: Path) -> None:
    places = ["results/alices_0", "members_3/evaluation/results/quadratic_1"]
    for place in places:
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "result.json").touch()
    (tmp_path / "results" / "unfinished").mkdir()
    assert find_results(tmp_path) == sorted(tmp_path / place for place in places)
    for missing in (tmp_path / "results", tmp_path / "nowhere"):
        with pytest.raises(InputError, match=f"^output_dir: {missing} has no results of a run$"):
            find_results(missing)
