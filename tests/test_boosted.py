"""The example of an estimator of one's own: its trees, and the whole workflow with it."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from madminer_workflow.processes import PRESETS
from madminer_workflow.storage import read_json, read_npz

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "boosted.py"
TRAINING = {"training boosted_0", "training boosted_1"}
EVALUATION = {"evaluation boosted_0", "evaluation boosted_1"}


@pytest.mark.parametrize("n_trees", [1, 7])
def test_its_leaves_are_those_of_the_classifier(tmp_path: Path, n_trees: int) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    boosted = runpy.run_path(str(EXAMPLE))["Boosted"]
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(5000, 3))
    labels = inputs[:, 0] * inputs[:, 2] + 0.3 * inputs[:, 1] + rng.normal(size=5000) > 0.2
    classifier = HistGradientBoostingClassifier(max_iter=n_trees).fit(inputs, labels)
    boosted.of(classifier, 3).save(tmp_path)
    loaded = boosted.load(tmp_path)
    x, theta = inputs[:300, :2], inputs[:300, 2:]
    expected = -classifier.decision_function(inputs[:300])
    np.testing.assert_allclose(loaded.log_ratio_at(x, theta), expected, atol=1e-12)
    grid = loaded.log_ratio(x, theta[:300:30])
    np.testing.assert_allclose(np.diag(grid[::30]), expected[::30], atol=1e-5)


class Run:
    """A run of the workflow in a folder of its own, as a user starts it."""

    def __init__(self, folder: Path) -> None:
        from madminer_workflow.processes.drell_yan import event_file, generator

        self.folder = folder
        self.source = folder / "my files" / "my trees.py"
        self.source.parent.mkdir()
        shutil.copy(EXAMPLE, self.source)
        generated = generator.generate(PRESETS["dy1"], 30_000, 1)
        event_file.write_event_file(generated, folder / "my events.h5")
        self.configure()

    def configure(self, **boosted: Any) -> None:
        document = {
            "methods": ["sally", "my trees.py:Boosted"],
            "samples": {"train": 40_000, "validation": 4000, "test": 500, "minimum_effective": 1},
            "training": {"hidden_layers": [8], "epochs": 2},
            "boosted": {"training": {"n_members": 2}, "settings": {"trees": 60}} | boosted,
            "asymptotic_limits": {"resolutions": 41},
            "plotting": {"all_methods_separate": False},
        }
        (self.folder / "my files" / "input.yml").write_text(json.dumps(document))

    def ended(self) -> tuple[int, str, str]:
        files = ["--data_file", "my events.h5", "--input_file", "my files/input.yml"]
        command = [sys.executable, "-m", "madminer_workflow", "run", *files, "--jobs", "2"]
        done = subprocess.run(
            [*command, "--output_dir", "the results"],
            cwd=self.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def again(self) -> set[str]:
        """Runs, and gives the steps that were not kept."""
        status, _, progress = self.ended()
        assert status == 0, progress
        return {*re.findall(r"\| (\S+|\S+ \S+) done after", progress)}


@pytest.mark.slow
@pytest.mark.long
def test_the_whole_workflow_uses_it_and_what_changes_runs_again(tmp_path: Path) -> None:
    run = Run(tmp_path)
    both = {"training sally_0", "evaluation sally_0"}
    assert run.again() == {"configuration", "sampling", "plotting", *TRAINING, *EVALUATION, *both}
    plotting = run.folder / "the results" / "plotting"
    results = read_json(plotting / "results.json")
    boosted = results["limits"]["boosted"]
    assert boosted["full"]["iou_95_with_exact"] > 0.8
    assert boosted["kind"] == "ratio"
    assert boosted["settings"]["trees"] == 60
    assert [one["best_epoch"] for one in boosted["members"]] == [10, 10]
    assert boosted["members"][0]["validation_loss"] < np.log(2)
    assert boosted["verdict"]["level"] in ("trust", "caution", "distrust")
    assert set(results["best"]["values"]) == {"sally", "boosted"}
    arrays = read_npz(plotting / "limits" / "boosted.npz")
    assert {"q_full_corrected", "q_full_mc_std", "q_full_std"} <= arrays.keys()
    assert not list(run.folder.rglob("__pycache__"))

    run.source.write_text(run.source.read_text() + "\n# changed\n")
    again = run.again()
    assert TRAINING <= again <= {"configuration", "plotting", *TRAINING, *EVALUATION}
    assert read_json(plotting / "results.json")["limits"]["boosted"]["full"] == boosted["full"]
    run.configure(settings={"trees": 50})
    assert run.again() == {"configuration", "plotting", *TRAINING, *EVALUATION}


@pytest.mark.slow
def test_what_cannot_be_used_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.configure(settings={"tree": 1})
    status, output, errors = run.ended()
    assert (status, output) == (2, "")
    assert errors == (
        "error: my files/input.yml: boosted.settings.tree: unknown key, did you mean 'trees'? "
        "allowed: trees, leaves, learning_rate, features\n"
    )
    run.configure()
    run.source.write_text("import nothing_such")
    status, _, errors = run.ended()
    assert status == 2
    assert errors == (
        "error: my files/input.yml: boosted.class: my files/my trees.py: cannot be imported "
        "(ModuleNotFoundError: No module named 'nothing_such')\n"
    )
    assert not (run.folder / "the results").exists()
