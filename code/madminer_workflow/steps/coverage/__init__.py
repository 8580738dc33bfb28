"""The coverage of the limits of a run, tried out with toys."""

from __future__ import annotations

from madminer_workflow.steps.coverage.products import find_results, write
from madminer_workflow.steps.coverage.records import Study, Tried
from madminer_workflow.steps.coverage.report import table
from madminer_workflow.steps.coverage.trials import Wanted, study

__all__ = ["Study", "Tried", "Wanted", "find_results", "study", "table", "write"]
