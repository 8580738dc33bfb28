"""The steps of a workflow as boxes: what is drawn of them, and the same as text for Mermaid."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["Box", "collapsed", "colours", "mermaid", "reduced"]

# Fill and edge; after the palette of Okabe and Ito (2008). The word for the state is in each box.
_COLOURS = {
    "done": ("#D5EFE6", "#009E73"),
    "kept": ("#EEF5F1", "#5E9C86"),
    "running": ("#D6EAF8", "#0072B2"),
    "would run": ("#D6EAF8", "#0072B2"),
    "may run": ("#FBF3D0", "#B8930B"),
    "interrupted": ("#FDE9CC", "#E69F00"),
    "failed": ("#F9DACB", "#D55E00"),
}
_OTHERS = ("#F4F4F4", "#777777")


@dataclass(frozen=True)
class Box:
    """A step, or several that are alike.

    Attributes:
        key: What tells it from others.
        title: Its stage.
        name: Which of the steps of its stage it is; empty for a single one.
        state: What it is doing.
        note: What else there is to say, in a word.
        needs: The keys of what it depends on.
        group: What it has in common with the steps that it may be drawn together with.
    """

    key: str
    title: str
    name: str
    state: str
    note: str = ""
    needs: tuple[str, ...] = ()
    group: str = ""


def colours(state: str) -> tuple[str, str]:
    """Returns the colours of the inside and the edge of a box.

    Args:
        state: Its state.
    """
    return _COLOURS.get(state, _OTHERS)


def reduced(boxes: Sequence[Box]) -> list[Box]:
    """Returns boxes that need only what they do not need through others anyway.

    Args:
        boxes: The boxes; what is needed stands before what needs it, or is left out.
    """
    above: dict[str, set[str]] = {}
    for box in boxes:
        needs = [key for key in box.needs if key in above]
        above[box.key] = set(needs).union(*(above[key] for key in needs))
    return [
        replace(
            box,
            needs=tuple(
                key
                for key in dict.fromkeys(box.needs)
                if key in above and not any(key in above.get(other, ()) for other in box.needs)
            ),
        )
        for box in boxes
    ]


def collapsed(boxes: Sequence[Box], limit: int) -> list[Box]:
    """Returns boxes with those of a group in the same state drawn as one, if there are many.

    Args:
        boxes: The boxes.
        limit: The largest number of steps of a stage that are drawn one by one.
    """
    count = collections.Counter(box.title for box in boxes)
    together: dict[tuple[str, ...], list[Box]] = {}
    for box in boxes:
        is_many = count[box.title] > limit
        kind = (box.title, box.group, box.state) if is_many else (box.key,)
        together.setdefault(kind, []).append(box)
    merged = {box.key: same[0].key for same in together.values() for box in same}
    return [_merged(same, merged) for same in together.values()]


def mermaid(boxes: Sequence[Box]) -> str:
    """Returns boxes as a flowchart in the language of Mermaid.

    Args:
        boxes: The boxes.
    """
    names = {box.key: f"n{number}" for number, box in enumerate(boxes)}
    lines = ["flowchart LR"]
    for box in boxes:
        texts = (box.title, box.name, " ".join(filter(None, (box.state, box.note))))
        text = "<br>".join(map(_escaped, filter(None, texts)))
        lines.append(f'  {names[box.key]}["{text}"]:::{_word(box.state)}')
    lines += [f"  {names[key]} --> {names[box.key]}" for box in boxes for key in box.needs]
    for state in dict.fromkeys(box.state for box in boxes):
        fill, edge = colours(state)
        lines.append(f"  classDef {_word(state)} fill:{fill},stroke:{edge},color:#222222")
    return "\n".join(lines) + "\n"


def _merged(same: Sequence[Box], merged: dict[str, str]) -> Box:
    """Returns one box for several."""
    first = same[0]
    needs = dict.fromkeys(merged[key] for box in same for key in box.needs)
    if len(same) == 1:
        return replace(first, needs=tuple(needs))
    name = " ".join(filter(None, (first.group, f"({len(same)})")))
    return replace(first, name=name, note="", needs=tuple(needs))


def _escaped(text: str) -> str:
    """Returns a text with what has a meaning in Mermaid as entities.

    >>> _escaped('a "b" #1')
    'a #quot;b#quot; #35;1'
    """
    entities = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;"}
    return "".join(entities.get(character, character) for character in text)


def _word(state: str) -> str:
    """Returns a state as a name.

    >>> _word("would run")
    'would_run'
    """
    return state.replace(" ", "_")
