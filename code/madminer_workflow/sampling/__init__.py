"""From weighted events to samples: partitions, parameter points, drawing, joint ratio and score."""

from madminer_workflow.sampling.samples import (
    PARTS,
    Part,
    Samples,
    draw_samples,
    weighted_samples,
    with_fixed_reference,
)
from madminer_workflow.sampling.splits import Partition, folds, split
from madminer_workflow.sampling.thetas import points

__all__ = [
    "PARTS",
    "Part",
    "Partition",
    "Samples",
    "draw_samples",
    "folds",
    "points",
    "split",
    "weighted_samples",
    "with_fixed_reference",
]
