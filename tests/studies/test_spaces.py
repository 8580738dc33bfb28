from __future__ import annotations

import pytest

from madminer_workflow.errors import InputError
from madminer_workflow.studies import Choice, choices, linspace, logspace, seeds


def test_values_are_free_of_rounding_noise() -> None:
    assert linspace(0.1, 0.5, 5) == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert logspace(1e-5, 10, 7) == (1e-05, 0.0001, 0.001, 0.01, 0.1, 1, 10)
    assert linspace(3, 3, 1) == (3,)
    assert linspace(1, -1, 3) == (1, 0, -1)


def test_whole_values_are_integers() -> None:
    assert [type(value) for value in linspace(0, 1, 3)] == [int, float, int]
    assert [type(value) for value in logspace(1, 100, 3)] == [int, int, int]


def test_seeds_follow_one_another() -> None:
    assert seeds(3) == (1, 2, 3)
    assert seeds(2, first=10) == (10, 11)


def test_choices_may_have_labels() -> None:
    assert choices("a", 2) == ("a", 2)
    assert choices(1, wide={"a": 2}) == (1, Choice("wide", {"a": 2}))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linspace(0, 1, 0), "linspace: 0 values, expected one or more"),
        (lambda: Choice("a/b", 1), "label: 'a/b', expected letters, digits and . _ + - only"),
        (lambda: seeds(-1), "seeds: -1 values, expected one or more"),
        (lambda: logspace(0, 1, 3), "logspace: from 0 to 1, expected ends > 0"),
    ],
)
def test_impossible_spaces_are_refused(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == message
