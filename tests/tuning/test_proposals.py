from __future__ import annotations

import optuna
import pytest

from madminer_workflow.configuration.tuning import Dimension
from madminer_workflow.tuning.proposals import combinations, sampler, suggested, values_of

SPACE = (
    Dimension("layers", choices=([8, 8], [16])),
    Dimension("epochs", low=2, high=6, step=2, whole=True, when={"layers": [[16]]}),
)
RATE = Dimension("rate", low=1e-4, high=0.1, log=True)


def test_a_grid_has_each_combination_once_whatever_is_not_tried() -> None:
    assert [values_of(one, SPACE) for one in combinations(SPACE)] == [
        {"layers": [8, 8]},
        {"layers": [16], "epochs": 2},
        {"layers": [16], "epochs": 4},
        {"layers": [16], "epochs": 6},
    ]


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_values_are_in_the_space_and_follow_the_seed(name: str) -> None:
    def propose(seed: int) -> list[dict[str, object]]:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=sampler(name, seed))  # type: ignore[arg-type]
        found = []
        for _ in range(20):
            trial = study.ask()
            found.append(suggested(trial, (*SPACE, RATE)))
            assert values_of(trial.params, (*SPACE, RATE)) == found[-1]
            study.tell(trial, 1.0)
        return found

    first = propose(2**62)
    assert first == propose(2**62) != propose(1)
    assert all(1e-4 <= one["rate"] <= 0.1 for one in first)  # type: ignore[operator]
    assert {one.get("epochs") for one in first if one["layers"] == [16]} == {2, 4, 6}
    assert not any("epochs" in one for one in first if one["layers"] == [8, 8])
