from __future__ import annotations

import re

from madminer_workflow.configuration.labels import combination_name, label


def test_values_that_make_no_name_have_a_checksum():
    values = ["a/b", "a b", "", [[1, 2]], {"a": 1}, "x" * 40, [1.5, "tanh"], None]
    labels = [label(value) for value in values]
    assert all(re.fullmatch(r"[A-Za-z0-9._+-]+", text) for text in labels)
    assert len(set(labels)) == len(values)
    assert labels[-2:] == ["1.5xtanh", "null"]


def test_keys_are_short_unless_another_one_ends_alike():
    labels = [("training.epochs", "5"), ("seed", "1")]
    assert combination_name(labels) == "epochs-5__seed-1"
    others = ["sally.training.epochs"]
    assert combination_name(labels, others) == "training.epochs-5__seed-1"
    long = [(f"key{number}", "x" * 30) for number in range(10)]
    assert len(combination_name(long)) == 109
    assert combination_name(long) != combination_name([*long[:-1], ("key9", "y" * 30)])
