from madminer_workflow.figures.diagram import Box, collapsed, mermaid, reduced

NAMES = [f"{method}_{n}" for method in ("alices", "sally") for n in range(3)]


def flow(**states: str) -> list[Box]:
    """Gives steps in the shape of the workflow; a member is named by its key."""
    boxes = [
        Box("c", "configuration", "", "kept"),
        Box("s", "sampling", "", "done", "0:12", ("c",)),
    ]
    for step, needs in (("training", ("c", "s")), ("evaluation", ("c", "s"))):
        for name in NAMES:
            key, own = f"{step}_{name}", () if step == "training" else (f"training_{name}",)
            state = states.get(key, "done")
            group = name.partition("_")[0]
            boxes.append(Box(key, step, name, state, "1:02", (*needs, *own), group))
    last = ("c", *(f"evaluation_{name}" for name in NAMES))
    return [*boxes, Box("p", "plotting", "", "waiting", needs=last)]


def test_what_is_needed_through_others_is_left_out() -> None:
    needs = {box.key: box.needs for box in reduced(flow())}
    assert needs["training_sally_1"] == ("s",)
    assert needs["evaluation_sally_1"] == ("training_sally_1",)
    assert needs["p"] == tuple(f"evaluation_{name}" for name in NAMES)


def test_many_steps_that_are_alike_become_one() -> None:
    assert collapsed(flow(), 6) == flow()
    boxes = collapsed(reduced(flow(training_sally_1="failed")), 5)
    assert [(box.title, box.name, box.state, box.note) for box in boxes] == [
        ("configuration", "", "kept", ""),
        ("sampling", "", "done", "0:12"),
        ("training", "alices (3)", "done", ""),
        ("training", "sally (2)", "done", ""),
        ("training", "sally_1", "failed", "1:02"),
        ("evaluation", "alices (3)", "done", ""),
        ("evaluation", "sally (3)", "done", ""),
        ("plotting", "", "waiting", ""),
    ]
    keys = [box.key for box in boxes]
    assert [[keys.index(key) for key in box.needs] for box in boxes] == [
        *([], [0], [1], [1], [1], [2], [3, 4], [5, 6])
    ]


def test_mermaid() -> None:
    boxes = [
        Box("a", "sampling", "", "may run"),
        Box("b", "training", 'a="1"', "done", "0:01", ("a",)),
    ]
    assert mermaid(boxes) == (
        "flowchart LR\n"
        '  n0["sampling<br>may run"]:::may_run\n'
        '  n1["training<br>a=#quot;1#quot;<br>done 0:01"]:::done\n'
        "  n0 --> n1\n"
        "  classDef may_run fill:#FBF3D0,stroke:#B8930B,color:#222222\n"
        "  classDef done fill:#D5EFE6,stroke:#009E73,color:#222222\n"
    )
