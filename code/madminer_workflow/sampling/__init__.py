"""From weighted events to samples: partitions, parameter points, drawing, joint ratio and score."""

from madminer_workflow.sampling.samples import (
    PARTS,
    Part,
    Samples,
    draw_samples,
    with_fixed_reference,
)
from madminer_workflow.sampling.splits import Partition, split
from madminer_workflow.sampling.thetas import points

__all__ = [
    "PARTS",
    "Part",
    "Partition",
    "Samples",
    "draw_samples",
    "points",
    "split",
    "with_fixed_reference",
]
