from __future__ import annotations

import json

import pytest

from madminer_workflow.configuration.loading import content
from madminer_workflow.errors import InputError


def test_reads_yaml(write_input):
    path = write_input("methods: [alice]\nalice: &a {training: {epochs: 3}}\nalices: *a\n")
    same = {"training": {"epochs": 3}}
    assert content(path) == {"methods": ["alice"], "alice": same, "alices": same}


def test_reads_json(tmp_path):
    document = {"methods": ["alice"], "training": {"learning_rate": 1e-05}}
    path = tmp_path / "input.json"
    path.write_text(json.dumps(document, indent=1))
    assert content(path) == document


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "1E-3", "+1e-3", ".1e-2", "0.001", "1.e-3"])
def test_reads_numbers_in_every_notation(write_input, text):
    document = content(write_input(f"methods: [alice]\ntraining: {{learning_rate: {text}}}\n"))
    assert document["training"]["learning_rate"] == 0.001


def test_merge_keys_may_be_overridden(write_input):
    path = write_input(
        "methods: [alice, carl]\n"
        "alice: &alice {samples: {train: 10}, training: {epochs: 1}}\n"
        "carl: {<<: *alice, training: {epochs: 2}}\n"
    )
    assert content(path)["carl"] == {"samples": {"train": 10}, "training": {"epochs": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("methods: [alice", "line 1, column 16: expected ',' or ']'"),
        ("methods: [alice]\na: b: c", "line 2, column 5: mapping values are not allowed"),
        (
            "methods: [alice]\nmethods: [sally]",
            "line 2, column 1: the key 'methods' is given twice",
        ),
        ("methods: [alice]\nalice: {samples: {}, samples: {}}", "column 22: the key 'samples' is"),
        ("methods: [alice]\n---\nmethods: [alice]", "line 2, column 1: but found another document"),
        ("5: 1", "line 1, column 1: keys must be names"),
        ("no: 1", "line 1, column 1: keys must be names"),
        ("? [a]\n: 1", "line 1, column 3: keys must be names"),
        ("a: !!python/object:os.system {}", "line 1, column 4: could not determine a constructor"),
        ("a: 2020-13-45", "not a YAML file (month must be in 1..12)"),
        ("a: \x00", "not a YAML file (unacceptable character"),
        ("", "null, expected keys with values, at least `methods`"),
        ("[alice, sally]", '["alice", "sally"], expected keys with values'),
    ],
)
def test_refuses_what_is_not_yaml(write_input, text, message):
    path = write_input(text)
    with pytest.raises(InputError) as caught:
        content(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_what_is_no_text_file(tmp_path, dummy_events):
    with pytest.raises(InputError, match=r"none.yml: cannot be read \(No such file or directory\)"):
        content(tmp_path / "none.yml")
    with pytest.raises(
        InputError, match=r"cannot be read \(Is a directory\), expected a YAML file"
    ):
        content(tmp_path)
    with pytest.raises(InputError, match=r"madminer_dummy_events.h5: not a text file"):
        content(dummy_events)
