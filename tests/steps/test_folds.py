import numpy as np
import pytest

from madminer_workflow.steps.folds import fold_of_events, fold_of_member, set_of_member


@pytest.mark.parametrize(("n_folds", "n_members"), [(2, 1), (3, 2), (5, 4)])
def test_every_event_is_left_out_by_one_network_of_each_set(n_folds: int, n_members: int) -> None:
    fold_of = fold_of_events(101, n_folds, "quadratic", 3)
    networks = range(n_folds * n_members)
    left_out = np.array([fold_of == fold_of_member(member, n_folds) for member in networks])
    sets = np.array([set_of_member(member, n_folds) for member in networks])
    assert sets.max() == n_members - 1
    for number in range(n_members):
        assert (left_out[sets == number].sum(axis=0) == 1).all()


def test_folds_are_of_equal_size_and_follow_the_seed_and_the_method() -> None:
    fold_of = fold_of_events(1000, 3, "quadratic", 3)
    assert sorted(np.bincount(fold_of)) == [333, 333, 334]
    np.testing.assert_array_equal(fold_of, fold_of_events(1000, 3, "quadratic", 3))
    for other in (("quadratic", 4), ("alices", 3)):
        assert (fold_of != fold_of_events(1000, 3, *other)).any()
