"""Checks a workspace by *.feature files with REANA's reader of them: acceptance.py WORKSPACE LOG.

To be run with Python of the environment `engine.lock`. The workspace is a folder in which Yadage
has run, with that log. Prints the scenarios of all files that `reana.yaml` lists, and
what came of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SPEC = yaml.safe_load((ROOT / "reana.yaml").read_text())
TIMES = {"started_at": "2026-01-01T00:00:00", "finished_at": "2026-01-01T00:01:00"}


class Workspace:
    """Answers what REANA's server is asked, from a folder; all steps have taken a minute."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log = folder, log

    def list_files(self, _workflow: str, file_name: str) -> list[dict[str, Any]]:
        sizes = [path.stat().st_size for path in self._folder.glob(file_name)]
        return [{"name": file_name, "size": {"raw": size}} for size in sizes]

    def get_workflow_disk_usage(self, _workflow: str, options: dict[str, bool]) -> dict[str, Any]:
        paths = list(self._folder.rglob("*"))
        if options["summarize"]:
            size = sum(path.stat().st_size for path in paths if path.is_file())
            return {"disk_usage_info": [{"name": "", "size": {"raw": size}}]}
        names = [f"/{path.relative_to(self._folder)}" for path in paths]
        return {"disk_usage_info": [{"name": name} for name in names]}

    def get_workflow_logs(self, _workflow: str, steps: list[str] | None = None) -> dict[str, str]:
        jobs = {
            str(path): {"logs": path.read_text(), **TIMES}
            for path in self._folder.glob("**/_packtivity/*.run.log")
            if not steps or path.name.removesuffix(".run.log") in steps
        }
        logs = {"workflow_logs": self._log.read_text(), "engine_specific": "", "job_logs": jobs}
        return {"logs": json.dumps(logs)}

    def get_workflow_status(self, _workflow: str) -> dict[str, Any]:
        return {"status": "finished", "progress": {f"run_{k}": v for k, v in TIMES.items()}}

    def get_workflow_specification(self, _workflow: str) -> dict[str, Any]:
        return {"specification": SPEC}

    def download_file(self, _workflow: str, file_name: str) -> tuple[bytes, str, bool]:
        return (self._folder / file_name.lstrip("/")).read_bytes(), file_name, False


def main(folder: str, log: str) -> None:
    from reana_commons.gherkin_parser.parser import parse_and_run_tests

    workspace = Workspace(Path(folder), Path(log))
    files = [str(ROOT / name) for name in SPEC["tests"]["files"]]
    found = [one for file in files for one in parse_and_run_tests(file, "", workspace)[1]]
    json.dump({one.scenario: [one.result.name, one.error_log] for one in found}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
