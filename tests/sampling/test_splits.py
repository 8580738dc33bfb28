from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from madminer_workflow.configuration.model import Splits
from madminer_workflow.errors import InputError
from madminer_workflow.sampling import folds, split


@given(
    n_events=st.integers(30, 3000),
    train=st.floats(0.1, 0.8),
    rest=st.floats(0.3, 0.7),
    seed=st.integers(0, 2**63 - 1),
)
def test_every_event_is_in_exactly_one_part(
    n_events: int, train: float, rest: float, seed: int
) -> None:
    splits = Splits(train, (1 - train) * rest, (1 - train) * (1 - rest))
    partition = split(n_events, splits, seed)
    parts = [partition.train, partition.validation, partition.test]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n_events))
    for part, fraction in zip(parts, vars(splits).values(), strict=True):
        assert abs(len(part) - fraction * n_events) <= 1
        assert np.all(np.diff(part) > 0)


def test_the_seed_decides_the_partition() -> None:
    splits = Splits(0.5, 0.2, 0.3)
    first, same, other = (split(100, splits, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test, same.test)
    assert not np.array_equal(first.test, other.test)


def test_parts_are_alike_in_a_sorted_file() -> None:
    partition = split(100_000, Splits(0.6, 0.1, 0.3), seed=3)
    for part in vars(partition).values():
        assert part.mean() == pytest.approx(50_000, abs=5 * 28_900 / np.sqrt(len(part)))


@pytest.mark.parametrize(
    ("splits", "name"),
    [
        (Splits(1.0 - 0.8 - 0.2, 0.2, 0.8), "train"),
        (Splits(0.9, 0.0, 0.1), "validation"),
        (Splits(0.9, 0.099, 0.001), "test"),
    ],
)
def test_a_part_without_events_is_refused(splits: Splits, name: str) -> None:
    with pytest.raises(InputError, match=rf"splits\.{name}: .* of 100 events"):
        split(100, splits, seed=1)


@given(n_events=st.integers(1, 1000), n_folds=st.integers(2, 20), seed=st.integers(0, 2**63 - 1))
def test_folds_are_of_equal_size_and_depend_on_the_seed_alone(
    n_events: int, n_folds: int, seed: int
) -> None:
    fold = folds(n_events, n_folds, seed)
    sizes = np.bincount(fold, minlength=n_folds)
    assert len(fold) == n_events
    assert len(sizes) == n_folds
    assert np.ptp(sizes) <= 1
    np.testing.assert_array_equal(folds(n_events, n_folds, seed), fold)


def test_another_seed_gives_other_folds() -> None:
    assert np.mean(folds(1000, 2, 1) == folds(1000, 2, 2)) == pytest.approx(0.5, abs=0.06)
