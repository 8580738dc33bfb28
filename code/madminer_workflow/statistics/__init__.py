"""Test statistic, limits, regions, profiling, histograms, and Fisher information.

Arrays in, frozen results out; no files, no networks. Arrays over parameter points have the first
parameter slowest.
"""

from __future__ import annotations

from madminer_workflow.statistics.asimov import AsimovSums, Expectation
from madminer_workflow.statistics.fisher import FisherInformation
from madminer_workflow.statistics.likelihood import KinematicLikelihood
from madminer_workflow.statistics.limits import Limit, Scan, combine, mean_limit, rate_limit
from madminer_workflow.statistics.ranking import Ranking
from madminer_workflow.statistics.regions import Region, iou, region, size_error
from madminer_workflow.statistics.teststatistic import P_68, P_95, threshold

__all__ = [
    "P_68",
    "P_95",
    "AsimovSums",
    "Expectation",
    "FisherInformation",
    "KinematicLikelihood",
    "Limit",
    "Ranking",
    "Region",
    "Scan",
    "combine",
    "iou",
    "mean_limit",
    "rate_limit",
    "region",
    "size_error",
    "threshold",
]
