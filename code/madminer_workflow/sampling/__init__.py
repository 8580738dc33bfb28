"""From weighted events to samples: partitions, parameter points, drawing, joint ratio and score."""

from madminer_workflow.sampling.samples import Samples, draw_samples
from madminer_workflow.sampling.splits import Partition, split
from madminer_workflow.sampling.thetas import points

__all__ = ["Partition", "Samples", "draw_samples", "points", "split"]
