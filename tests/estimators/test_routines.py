from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.estimators import routines
from madminer_workflow.estimators.routines import class_of, find, installed

SOURCE = """
from dataclasses import dataclass
from madminer_workflow.estimators import RatioEstimator, ScoreEstimator

class Ratio(RatioEstimator):
    uses_joint_score = True
    def fit(cls, *arguments): ...
    def save(self, folder): ...
    def load(cls, folder): ...
    def log_ratio_at(self, x, thetas): ...

class Weighted(Ratio):
    weighted = True

class Half(ScoreEstimator):
    def save(self, folder): ...

class Other: ...

class Changing(Ratio):
    @dataclass
    class Settings:
        a: int = 1

class WeightedScore(Ratio):
    kind, weighted = "score", True

class Nothing(Ratio):
    kind = "none"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "my estimators.py"
    path.write_text(SOURCE)
    return path


def test_a_class_of_a_file_says_what_it_needs(path: Path) -> None:
    found = find("mine", f"{path}:Weighted")
    assert (found.spec.name, found.spec.kind, found.spec.weighted) == ("mine", "ratio", True)
    assert (found.spec.uses_joint_ratio, found.spec.uses_joint_score) == (False, True)
    assert (found.file, found.kept, found.source) == ("mine.py", "mine.py:Weighted", SOURCE)


def test_the_checksum_is_that_of_the_source(path: Path, tmp_path: Path) -> None:
    first = find("mine", f"{path}:Ratio")
    (tmp_path / "other.py").write_text(SOURCE)
    assert find("mine", f"{tmp_path / 'other.py'}:Ratio").code == first.code
    path.write_text(SOURCE + "# changed\n")
    assert find("mine", f"{path}:Ratio").code != first.code
    assert class_of(f"{path}:Ratio", first.source) is class_of(f"{tmp_path / 'other.py'}:Ratio")
    assert {one.name for one in tmp_path.iterdir()} == {"my estimators.py", "other.py"}


BAD = {
    "": "'', expected FILE.py:CLASS or MODULE:CLASS",
    "file.py": "'file.py', expected FILE.py:CLASS",
    "file.py:": "'file.py:', expected FILE.py:CLASS",
    "none.py:Ratio": "none.py: cannot be read (No such file or directory), expected FILE.py:CLASS",
    "{}:Ration": "no class 'Ration', allowed: Ratio, Weighted, Half, Other, Changing, Weighted",
    "{}:Other": "'Other' is not an estimator, expected a subclass of RatioEstimator, Density",
    "{}:Half": "'Half' does not define fit, load, score",
    "{}:Changing": "Changing.Settings: <class '",
    "{}:WeightedScore": "WeightedScore.weighted: true for a score, allowed: ratio",
    "{}:Nothing": "'Nothing' is not an estimator, inherit from RatioEstimator",
    "no.such.module:Ratio": "no.such.module: cannot be imported (ModuleNotFoundError: No module",
    "json:Ratio": "json: no class 'Ratio', allowed: none",
}


@pytest.mark.parametrize("reference", BAD)
def test_what_is_no_estimator_is_refused_on_one_line(path: Path, reference: str) -> None:
    with pytest.raises(InputError) as caught:
        find("mine", reference.format(path))
    assert BAD[reference] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_such", "(ModuleNotFoundError: No module named 'nothing_such')"),
        ("class :", "(SyntaxError: invalid syntax (broken.py, line 1), line 1)"),
        ("raise SystemExit('two\\nlines')", "(SystemExit: two lines)"),
        ("\0", "cannot be imported"),
    ],
)
def test_files_that_cannot_be_imported(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "broken.py").write_text(source)
    for _ in range(2):  # the same again, although a module of this source was there
        with pytest.raises(InputError) as caught:
            find("mine", f"{tmp_path / 'broken.py'}:Ratio")
        assert f"{tmp_path / 'broken.py'}: cannot be imported" in str(caught.value)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_packages_name_their_estimators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "our_package.py").write_text(SOURCE)
    information = tmp_path / "our_package-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: our-package\nVersion: 1.2\n"
    )
    (information / "entry_points.txt").write_text(f"[{routines.GROUP}]\nours = our_package:Ratio\n")
    (information / "top_level.txt").write_text("our_package\n")
    assert "ours" not in installed()
    monkeypatch.syspath_prepend(tmp_path)
    assert installed()["ours"] == "our_package:Ratio"
    found = find("ours", installed()["ours"])
    assert (found.kept, found.file) == ("our_package:Ratio", None)
    monkeypatch.setattr(metadata, "version", lambda name: "1.3")  # noqa: ARG005
    assert find("ours", "our_package:Ratio").code != found.code
    del sys.modules["our_package"]
