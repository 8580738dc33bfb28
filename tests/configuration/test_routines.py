from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from madminer_workflow.configuration import load, load_learner, load_variants, merge
from madminer_workflow.configuration.frozen import freeze, origins
from madminer_workflow.configuration.restrict import plan, settings
from madminer_workflow.configuration.variants import load_parts
from madminer_workflow.errors import InputError
from madminer_workflow.events import Header
from madminer_workflow.studies import Parameters

SOURCE = """
from dataclasses import dataclass
from madminer_workflow.estimators import RatioEstimator, ScoreEstimator, parameter

@dataclass(frozen=True)
class Settings:
    trees: int = parameter(100, "Number of trees.", minimum=1)
    rate: float = parameter(0.5, "Share of a tree.", above=0, maximum=1)

class BoostedTrees(RatioEstimator):
    Settings = Settings
    uses_joint_ratio = True
    def fit(cls, *arguments): ...
    def save(self, folder): ...
    def load(cls, folder): ...
    def log_ratio_at(self, x, thetas): ...

class Weighted(BoostedTrees):
    weighted = True

class Score(BoostedTrees):
    kind = "score"

class Needy(BoostedTrees):
    @dataclass(frozen=True)
    class Settings:
        depth: int
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A function that writes an input file into another folder than the present one."""
    folder = tmp_path / "my files"
    folder.mkdir()
    (folder / "my own.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)

    def make(methods: list[str], **keys: Any) -> Path:
        path = Path("my files") / "input.json"
        path.write_text(json.dumps({"methods": methods, "luminosity": 1, **keys}))
        return path

    return make


def boosted(**keys: Any) -> dict[str, Any]:
    return {"boosted": {"class": "my own.py:BoostedTrees", **keys}}


def test_a_class_is_named_directly_or_in_a_block(
    write: Write, header: Header, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"settings": {"trees": 7}, "training": {"n_members": 2}}
    direct = load(write(["alice", "my own.py:BoostedTrees"], boosted_trees=given), header)
    named = load(write(["alice", "boosted"], **boosted(**given)), header)
    for configuration, name in ((direct, "boosted_trees"), (named, "boosted")):
        method = configuration.methods[1]
        assert (method.name, method.spec.name, method.n_networks) == (name, name, 2)
        assert method.routine is not None
        assert method.routine.settings == {"trees": 7, "rate": 0.5}
        assert method.sampling.theta_0.method == "random_morphing_points"
    assert caplog.messages == []


def test_one_class_may_have_several_names(write: Write, header: Header) -> None:
    fast = {"fast": {"class": "my own.py:BoostedTrees", "settings": {"trees": 3}}}
    methods = load(write(["boosted", "fast"], **boosted(), **fast), header).methods
    assert [one.routine and one.routine.settings["trees"] for one in methods] == [100, 3]
    message = r'methods\[1\]: "other.py:BoostedTrees" has the name boosted_trees, as my own.py:B'
    with pytest.raises(InputError, match=message):
        load(write(["my own.py:BoostedTrees", "other.py:BoostedTrees"]), header)


BAD: list[tuple[dict[str, Any], str]] = [
    (boosted(settings={"tree": 1}), "boosted.settings.tree: unknown key, did you mean 'trees'?"),
    (boosted(settings={"trees": 0}), "boosted.settings.trees: 0, expected an integer >= 1"),
    (boosted(settings={"rate": 2}), "boosted.settings.rate: 2, expected a number > 0 and <= 1"),
    (boosted(settings=3), "boosted.settings: 3, expected keys with values"),
    (boosted(training={"epochs": 3}), "boosted.training.epochs: unknown key, allowed: n_members"),
    (boosted(training={"n_members": 0}), "boosted.training.n_members: 0, expected an integer >= 1"),
    (boosted(clas="a"), "boosted.clas: unknown key, did you mean 'class'?"),
    ({"boosted": {"class": 3}}, "boosted.class: 3, expected a name"),
    ({"boosted": {"settings": {}}}, "boosted.class: missing, expected a name"),
    (
        {"boosted": {"class": "none.py:A"}},
        "boosted.class: my files/none.py: cannot be read (No such",
    ),
    ({"boosted": {"class": "my own.py:A"}}, "boosted.class: my files/my own.py: no class 'A', al"),
    ({"boosted": {"class": "my own.py:Needy"}}, "boosted.settings: missing, expected keys with"),
    ({}, "or an estimator of your own, as FILE.py:CLASS"),
]


@pytest.mark.parametrize(("keys", "message"), BAD)
def test_messages_name_file_key_value_and_what_is_allowed(
    write: Write, header: Header, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(write(["boosted"], **keys), header)
    assert str(caught.value).startswith("my files/input.json: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["histogram", "exact", "1st", "a-b", "a b", "é"])
def test_names_that_cannot_be(write: Write, header: Header, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: cannot be the name of an estimator, allowed: l"):
        load(write([name], **{name: {"class": "my own.py:Score"}}), header)


def test_keys_follow_from_what_the_class_needs(write: Write, header: Header) -> None:
    single = {"theta_1": {"sampling_method": "benchmark"}}
    with pytest.raises(InputError, match=r"score\.theta_1: unknown key"):
        load(write(["my own.py:Score"], score=single), header)
    methods = load(write(["my own.py:Score", "my own.py:Weighted"]), header).methods
    assert methods[0].sampling.theta_0.method == "benchmark"
    assert [method.n_networks for method in methods] == [1, 2]


def test_blocks_that_are_not_used_are_named(
    write: Write, header: Header, caplog: pytest.LogCaptureFixture
) -> None:
    load(write(["alice"], boosted={"class": "none.py:A"}), header)
    assert caplog.messages[0].endswith("boosted: not used, it is not among `methods`")


def test_the_source_is_frozen(write: Write, header: Header, tmp_path: Path) -> None:
    path = write(["boosted"], **boosted(settings={"trees": 9}))
    inputs = merge([path])
    variants = load_variants(inputs, header)
    (tmp_path / "my files" / "my own.py").write_text("raise ValueError")
    folder = tmp_path / "out put" / "_input"
    frozen = freeze(inputs, variants, folder)
    assert (folder / "boosted.py").read_text() == SOURCE
    method = load(frozen, header).methods[0]
    assert method.routine is not None
    assert dataclasses.replace(method.routine, reference="") == dataclasses.replace(
        variants[0].configuration.methods[0].routine, reference=""
    )
    found = origins(inputs, variants)
    source = {"value": "my files/my own.py:BoostedTrees", "from": str(path)}
    assert found["boosted.class"] == source
    assert found["boosted.settings.trees"] == {"value": 9, "from": str(path)}
    assert found["boosted.settings.rate"] == {"value": 0.5, "from": "default"}


def documents(path: Path, header: Header) -> dict[str, Any]:
    return settings(load_variants(path, header))


def test_each_step_sees_what_it_uses(write: Write, header: Header, tmp_path: Path) -> None:
    path = write(["sally", "boosted"], **boosted(training={"n_members": 2}))
    before = documents(path, header)
    own = tmp_path / "my files" / "my own.py"
    own.write_text(SOURCE + "# changed\n")
    after = documents(path, header)
    assert {name for name, value in after.items() if value != before[name]} == {
        "boosted_0.training.json",
        "boosted_1.training.json",
    }
    own.write_text(SOURCE.replace("uses_joint_ratio = True", "uses_joint_score = True"))
    assert documents(path, header)["sampling.json"] != before["sampling.json"]
    members = plan(load_variants(path, header), tmp_path)["members"]
    assert [one["name"] for one in members] == ["boosted_0", "boosted_1", "sally_0"]


def test_each_document_is_enough_for_its_step(write: Write, header: Header, tmp_path: Path) -> None:
    path = write(["my own.py:Weighted"], weighted={"settings": {"rate": 1}})
    variants, folder = load_variants(path, header), tmp_path / "settings"
    method = variants[0].configuration.methods[0]
    assert method.routine is not None
    folder.mkdir()
    method.routine.save(folder)
    for name, content in settings(variants).items():
        (folder / name).write_text(json.dumps(content))
        if "training" not in name:
            assert load(folder / name, header).methods[0].spec == method.spec
    learner = load_learner(folder / "weighted_0.training.json", "weighted")
    assert learner.routine is not None
    assert learner.routine.settings == {"trees": 100, "rate": 1.0}
    assert learner.routine.source == SOURCE


def test_settings_vary_in_a_sweep(write: Write, header: Header, tmp_path: Path) -> None:
    sweep = {"grid": {"boosted.settings.trees": [5, 10]}}
    path = write(["sally", "boosted"], **boosted(), sweep=sweep, initialisations=2)
    variants, inputs = load_variants(path, header), merge([path])
    names = [
        f"boosted_0__trees-{trees}__initialisation-{seed}" for trees in (5, 10) for seed in (1, 2)
    ]
    names += [f"sally_0__initialisation-{seed}" for seed in (1, 2)]
    assert [one["name"] for one in plan(variants, tmp_path)["members"]] == names
    assert {one["sample_set"] for one in plan(variants, tmp_path)["members"]} == {
        "boosted",
        "sally",
    }
    frozen = load_variants(freeze(inputs, variants, tmp_path / "_input"), header)
    assert settings(frozen) == settings(variants)
    assert origins(inputs, variants)["boosted.training.seed"]["from"] == "initialisations"
    folder = tmp_path / "settings"
    folder.mkdir()
    variants[0].configuration.routines[0].save(folder)
    for name, content in settings(frozen).items():
        (folder / name).write_text(json.dumps(content))
    learner = load_learner(folder / f"{names[3]}.training.json", "boosted")
    assert learner.routine is not None
    assert (learner.routine.settings["trees"], learner.training.seed) == (10, 2)
    for step, number in {"sampling": 2, "plotting": 4}.items():
        parts = load_parts(folder / f"{step}.json", header)
        assert len(parts) == number
        specs = [one.spec for part in parts for one in part.configuration.methods]
        assert learner.spec in specs


def test_methods_vary_in_a_sweep(write: Write, header: Header) -> None:
    rows = [{"name": "a", "methods": ["sally"]}, {"methods": ["my own.py:BoostedTrees", "alice"]}]
    variants = load_variants(write(["sally"], sweep={"list": rows}), header)
    assert [variant.document["methods"] for variant in variants] == [
        ["sally"],
        ["boosted_trees", "alice"],
    ]
    assert variants[1].point.name == "methods-boosted_treesxalice"


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"boosted.settings.trees": [0]}, "trees-0: boosted.settings.trees: 0, expected an integ"),
        ({"boosted.training.seed": [-1]}, "sweep.grid.boosted.training.seed[0]: -1, expected"),
        ({"boosted.setting.trees": [1]}, "boosted.setting: unknown key, did you mean 'settings'?"),
        ({"boostd.settings.trees": [1]}, "boostd: unknown key, did you mean 'boosted'?"),
        ({"methods": [["alice"], ["boostd"]]}, "methods[1][0]: \"boostd\", did you mean 'boosted'"),
        ({"boosted.class": ["a.py:A"]}, "boosted.class: cannot vary, expected a name of its own"),
        ({"boosted": [{"class": "a.py:A"}]}, "boosted[0].class: cannot vary, expected a name of"),
    ],
)
def test_what_cannot_vary(write: Write, header: Header, grid: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_variants(write(["boosted"], **boosted(), sweep={"grid": grid}), header)
    assert message in str(caught.value)


def test_studies_vary_settings(write: Write) -> None:
    write([])
    methods = [f"{Path('my files') / 'my own.py'}:BoostedTrees"]
    base = Parameters(methods=methods, boosted_trees={"settings": {"rate": 0.1}})
    other = base.replace({"boosted_trees.settings.trees": 5})
    assert yaml.safe_load(json.dumps(other.document))["boosted_trees"]["settings"] == {
        "rate": 0.1,
        "trees": 5,
    }
    with pytest.raises(InputError, match=r"boosted_trees\.settings\.trees: 0, expected"):
        base.replace({"boosted_trees.settings.trees": 0})
