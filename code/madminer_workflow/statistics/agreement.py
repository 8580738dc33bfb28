"""How well limits agree with the exact ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from madminer_workflow.statistics.likelihood import Q_MAX
from madminer_workflow.statistics.limits import Limit
from madminer_workflow.statistics.regions import iou
from madminer_workflow.statistics.teststatistic import P_68, P_95, threshold

__all__ = ["Agreement", "Case", "compare"]

_FORMS = {"raw": "_raw", "plug-in": "_plug_in", "corrected": "_corrected", "best": ""}


@dataclass(frozen=True)
class Case:
    """One event file to validate with.

    Attributes:
        preset: The preset.
        n_events: Number of generated events.
        seed: Seed of the events and of the run.
    """

    preset: str
    n_events: int
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.preset}_{self.n_events}_{self.seed}"


@dataclass(frozen=True)
class Agreement:
    """How well a limit agrees with the exact one.

    Attributes:
        preset: The preset.
        n_events: Number of generated events.
        seed: Seed of the events and of the run.
        method: Name of the method; `floor` for the exact ratio on the same events.
        form: Which q: `raw`, `plug-in`, `corrected`, or `best`, which is what limits are made of;
            `-` where there is one only.
        which: With the rate (full) or without (kinematics).
        iou_68: Overlap of the 68 % regions.
        iou_95: Overlap of the 95 % regions.
        rms: Root mean square of the difference of q where the exact one is below 12.
        training_cpu_seconds: CPU time of the training of all members.
    """

    preset: str
    n_events: int
    seed: int
    method: str
    form: str
    which: str
    iou_68: float
    iou_95: float
    rms: float
    training_cpu_seconds: float

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Agreement:
        """Returns the agreement that a JSON record holds.

        Args:
            record: The attributes by name.
        """
        return cls(**record)


def compare(limit: Limit, exact: Limit | None) -> Iterator[tuple[str, str, float, float, float]]:
    """Yields form, kind, overlaps of the 68 and 95 % regions, and difference of q.

    Args:
        limit: The limit.
        exact: The exact one, on the same grid.

    Raises:
        ValueError: The exact limit is not known.
    """
    if exact is None:
        raise ValueError("without an exact limit there is nothing to compare with")
    axes, levels = limit.axes, [threshold(p, len(limit.axes)) for p in (P_68, P_95)]
    forms = {form: ending for form, ending in _FORMS.items() if _has(limit, ending)}
    for form, ending in (forms if len(forms) > 1 else {"-": ""}).items():
        for which in ("kinematics", "full"):
            q, truth = getattr(limit, f"q_{which}{ending}"), getattr(exact, f"q_{which}")
            rms = float(np.sqrt(np.mean((q - truth)[truth < Q_MAX] ** 2)))
            iou_68, iou_95 = (iou(q, truth, level, axes) for level in levels)
            yield form, which, iou_68, iou_95, rms


def _has(limit: Limit, ending: str) -> bool:
    """Tells whether a limit has a form of the test statistic."""
    return getattr(limit, f"q_full{ending}") is not None
