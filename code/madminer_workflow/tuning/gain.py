"""What the best settings gain over those of the input file, trained anew with other seeds.

The trial that a search calls the best was lucky as well; seeds that no trial has used forget that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from madminer_workflow.statistics.ranking import TIE
from madminer_workflow.storage import read_json, write_json
from madminer_workflow.tuning.search import Search

__all__ = ["Gain", "gain"]


@dataclass(frozen=True)
class Gain:
    """The objective for several seeds; less is better.

    Attributes:
        default: With the settings of the input file, (seed,).
        tuned: With the best settings, (seed,).
    """

    default: tuple[float, ...]
    tuned: tuple[float, ...]

    @property
    def difference(self) -> float:
        """How much smaller the mean is with the best settings."""
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


def gain(search: Search, n_seeds: int) -> Gain | None:
    """Returns the gain of a search; what has been trained before is not trained again.

    Args:
        search: The search.
        n_seeds: Number of seeds, two at least.

    Returns:
        The gain; None if no trial has reached its end.

    Raises:
        InputError: The settings of the input file cannot be trained.
        RuntimeError: The loss is not a finite number.
    """
    best = search.study.best
    if best is None:
        return None
    values: dict[str, list[float]] = {}
    for name, settings in {"default": {}, f"trial_{best.number}": best.values}.items():
        values[name] = []
        for number in range(1, n_seeds + 1):
            path = search.study.folder / "seeds" / f"{name}_{number}.json"
            if not path.exists():
                write_json(path, {"objective": search.value(settings, seeds=number)})
            values[name].append(float(read_json(path)["objective"]))
    default, tuned = map(tuple, values.values())
    found = Gain(default, tuned)
    record = asdict(found) | {"difference": found.difference, "error": found.error}
    record |= {"spread": found.spread, "verdict": found.verdict, "trial": best.number}
    write_json(search.study.folder / "gain.json", record)
    return found
