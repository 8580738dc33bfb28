"""The names that a step and whoever gathers its record agree on."""

from __future__ import annotations

__all__ = ["GATHERED", "RECORD", "RECORD_FILE"]

GATHERED = "MADMINER_WORKFLOW_GATHERED"
"""Variable that says that whoever has submitted the step gathers its record."""

RECORD = "tracking.json"
"""The name of the record in the folder of a step."""

RECORD_FILE = "MADMINER_WORKFLOW_TRACKING_FILE"
"""Variable that names the file of the record; without it a step that MLflow runs logs itself."""
