from typing import Any

import pytest

from madminer_workflow.engine.selection import chosen, pruned
from madminer_workflow.errors import InputError

ALLOWED = {"all": ["a", "b 1", "b 2"], "a": ["a"], "b:1": ["b 1"]}


def test_names_stand_for_items() -> None:
    assert chosen("--force", [], ALLOWED) == set()
    assert chosen("--force", ["a", "b:1", "a"], ALLOWED) == {"a", "b 1"}
    assert chosen("--force", ["all"], ALLOWED) == {"a", "b 1", "b 2"}


def test_unknown_names_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"^--force: 'c', expected one of all, a, b:1$"):
        chosen("--force", ["a", "c"], ALLOWED)


def stage(name: str, *needed: str, workflow: Any = None) -> dict[str, Any]:
    scheduler = {"workflow": workflow} if workflow else {}
    return {"name": name, "dependencies": {"expressions": list(needed)}, "scheduler": scheduler}


INNER = {"stages": [stage("c", "init"), stage("d", "c")]}
OUTER = {
    "stages": [
        stage("a", "init"),
        stage("b", "a"),
        stage("members", "a", workflow=INNER),
        stage("e", "members", "b"),
    ]
}


def names(workflow: Any) -> list[Any]:
    found = []
    for one in workflow["stages"]:
        inner = one["scheduler"].get("workflow")
        found.append([one["name"], *names(inner)] if inner else one["name"])
    return found


@pytest.mark.parametrize(
    ("until", "left"),
    [
        ({"a"}, ["a"]),
        ({"b"}, ["a", "b"]),
        ({"c"}, ["a", ["members", "c"]]),
        ({"b", "d"}, ["a", "b", ["members", "c", "d"]]),
        ({"c", "e"}, ["a", "b", ["members", "c", "d"], "e"]),
    ],
)
def test_a_workflow_until_some_stages(until: set[str], left: list[Any]) -> None:
    assert names(pruned(OUTER, until)) == left
    assert names(OUTER) == ["a", "b", ["members", "c", "d"], "e"]
