"""What the best settings gain over those of the input file, trained anew with other seeds.

The trial that a search calls the best was lucky as well; seeds that no trial has used forget that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from madminer_workflow.statistics.ranking import TIE
from madminer_workflow.storage import read_json, write_json
from madminer_workflow.tuning.locks import locked
from madminer_workflow.tuning.search import Search
from madminer_workflow.tuning.study import Values

__all__ = ["Gain", "gains"]

_DERIVED = ("difference", "error", "spread", "verdict")


@dataclass(frozen=True)
class Gain:
    """The objective for several seeds; less is better.

    Attributes:
        default: With the settings of the input file, (seed,).
        tuned: With other settings, (seed,).
    """

    default: tuple[float, ...]
    tuned: tuple[float, ...]

    @property
    def difference(self) -> float:
        """How much smaller the mean is with the other settings."""
        return float(np.mean(self.default) - np.mean(self.tuned))

    @property
    def spread(self) -> float:
        """Standard deviation, over seeds, of the difference of one pair of trainings."""
        return float(np.hypot(np.std(self.default, ddof=1), np.std(self.tuned, ddof=1)))

    @property
    def error(self) -> float:
        """Error of the difference that the finite number of seeds leaves."""
        return self.spread / float(np.sqrt(len(self.tuned)))

    @property
    def verdict(self) -> Literal["better", "none", "worse"]:
        """Whether there is a gain; one inside the spread of seeds or twice its error is none."""
        if abs(self.difference) <= max(self.spread, TIE * self.error):
            return "none"
        return "better" if self.difference > 0 else "worse"


def gains(search: Search, n_seeds: int, others: Mapping[str, Values]) -> dict[str, Gain]:
    """Returns what settings gain; what has been trained before is not trained again.

    Args:
        search: The search.
        n_seeds: Number of seeds, two at least.
        others: Further settings by name: values by key.

    Returns:
        The gain of the best trial by its name, which comes first, and those of the others; nothing
        if no trial has reached its end.

    Raises:
        InputError: Settings cannot be trained.
        RuntimeError: The loss is not a finite number.
    """
    best = search.study.best
    if best is None:
        return {}
    with locked(search.study.folder / "gain.lock"):  # another process may do the same now
        default = _reached(search, {}, n_seeds)
        found = {
            name: Gain(default, _reached(search, values, n_seeds))
            for name, values in {f"trial {best.number}": best.values, **others}.items()
        }
    settings = {
        name: asdict(one) | {key: getattr(one, key) for key in _DERIVED}
        for name, one in found.items()
    }
    record = {"objective": search.tuning.objective, "default": default, "settings": settings}
    write_json(search.study.folder / "gain.json", record)
    return found


def _reached(search: Search, values: Values, n_seeds: int) -> tuple[float, ...]:
    """Returns the objective for some settings with each seed, (seed,)."""
    name = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
    reached = []
    for number in range(1, n_seeds + 1):
        path = search.study.folder / "seeds" / f"{name}_{number}.json"
        if not path.exists():
            objective = search.value(values, seeds=number)
            write_json(path, {"values": values, "seed": number, "objective": objective})
        reached.append(float(read_json(path)["objective"]))
    return tuple(reached)
