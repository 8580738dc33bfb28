"""`python -m madminer_workflow`."""

from __future__ import annotations

from madminer_workflow.cli import main

if __name__ == "__main__":
    main()
