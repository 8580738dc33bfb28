"""Parts of a workflow, chosen by names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from madminer_workflow.errors import InputError

__all__ = ["chosen", "pruned"]


def chosen(option: str, words: Sequence[str], allowed: Mapping[str, Collection[str]]) -> set[str]:
    """Returns what names stand for.

    Args:
        option: Where the names were given, for the message.
        words: The names.
        allowed: What each name that is allowed stands for.

    Raises:
        InputError: A name is not allowed.
    """
    for word in words:
        if word not in allowed:
            raise InputError(f"{option}: {word!r}, expected one of {', '.join(allowed)}")
    return {item for word in words for item in allowed[word]}


def pruned(specification: Mapping[str, Any], until: Collection[str]) -> dict[str, Any]:
    """Returns a workflow with no more than what some stages need, and these stages themselves.

    Args:
        specification: A workflow, as Yadage loads it.
        until: Names of stages, also of workflows inside.
    """
    kept: list[dict[str, Any]] = []
    needed: set[str] = set()
    for stage in reversed(specification["stages"]):  # what is needed stands before
        scheduler = stage["scheduler"]
        if "workflow" in scheduler and stage["name"] not in needed:
            scheduler = {**scheduler, "workflow": pruned(scheduler["workflow"], until)}
            wanted = bool(scheduler["workflow"]["stages"])
        else:
            wanted = stage["name"] in needed | set(until)
        if wanted:
            kept.insert(0, {**stage, "scheduler": scheduler})
            needed.update(stage["dependencies"]["expressions"])
    return {**specification, "stages": kept}
