import itertools

from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import Bbox

from madminer_workflow.figures.dag import dag
from madminer_workflow.figures.diagram import Box


def flow(n_members: int, name: str = "alices") -> list[Box]:
    boxes = [Box("s", "sampling", "", "done", "0:12")]
    names = [f"{name}_{n}" for n in range(n_members)]
    boxes += [Box(f"t{n}", "training", m, "running", "1:02", ("s",)) for n, m in enumerate(names)]
    boxes += [Box(f"e{n}", "evaluation", m, "may run", "", (f"t{n}",)) for n, m in enumerate(names)]
    return [
        *boxes,
        Box("p", "plotting", "", "waiting", "", tuple(f"e{n}" for n in range(n_members))),
    ]


def places(boxes: list[Box], title: str = "of a run") -> tuple[dict[str, Bbox], list[Bbox]]:
    """Gives where boxes and texts are drawn, in inches."""
    figure = dag(boxes, title)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    scale = figure.dpi_scale_trans.inverted()
    patches = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    drawn = [patch.get_window_extent().transformed(scale) for patch in patches]
    texts = [t.get_window_extent().transformed(scale) for t in axes.texts if t.get_text()]
    page = Bbox.from_bounds(0, 0, *figure.get_size_inches())
    assert all(page.containsx(t.x1) and page.containsy(t.y0) for t in [*drawn, *texts])
    by_key = sorted(boxes, key=lambda box: drawn_order(boxes).index(box.key))
    return {box.key: place for box, place in zip(by_key, drawn, strict=True)}, texts[1:]


def drawn_order(boxes: list[Box]) -> list[str]:
    """Gives the keys of boxes layer by layer, as they are drawn."""
    return [box.key for first in "step" for box in boxes if box.key[0] == first]


def test_each_box_is_right_of_what_it_needs_and_chains_are_straight() -> None:
    boxes = flow(4)
    drawn, _ = places(boxes)
    for box in boxes:
        for key in box.needs:
            assert drawn[key].x1 + 0.3 < drawn[box.key].x0
    for n in range(4):
        assert abs(drawn[f"t{n}"].y0 - drawn[f"e{n}"].y0) < 1e-9
    middle = sum(drawn[f"t{n}"].y0 for n in range(4)) / 4
    assert abs(drawn["s"].y0 - middle) < 1e-9
    assert abs(drawn["p"].y0 - middle) < 1e-9


def test_nothing_overlaps_and_texts_stay_inside() -> None:
    for boxes in (flow(1), flow(30), flow(3, "learning_rate=0.001,hidden=64.alices")):
        drawn, texts = places(boxes, "a very long title " * 5)
        for one, other in itertools.combinations(drawn.values(), 2):
            assert not one.overlaps(other)
        for one, other in itertools.combinations(texts, 2):
            assert not one.shrunk(0.9, 0.5).overlaps(other)
        for text in texts:
            assert any(box.x0 < text.x0 and text.x1 < box.x1 for box in drawn.values())


def test_no_boxes_at_all() -> None:
    assert dag([], "nothing").axes[0].patches[:] == []
