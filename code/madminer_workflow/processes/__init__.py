"""The example process: events that anyone can make in seconds and whose right answer is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from madminer_workflow.processes.drell_yan.presets import (
    PRESETS,
    Preset,
    make_preset,
    preset_from_description,
)

if TYPE_CHECKING:
    from madminer_workflow.processes.drell_yan.likelihood import ExactLikelihood

__all__ = ["PRESETS", "Preset", "exact_likelihood", "make_preset"]


def exact_likelihood(process: Mapping[str, Any] | None) -> ExactLikelihood | None:
    """Returns the exact likelihood of the process that an event file describes.

    Args:
        process: The `process` of the header of an event file.

    Returns:
        The likelihood; None where the truth is not known, as for files of other generators.
    """
    if process is None or process.get("name") != "drell_yan":
        return None
    from madminer_workflow.processes.drell_yan.likelihood import ExactLikelihood

    return ExactLikelihood(preset_from_description(process))
