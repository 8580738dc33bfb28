"""What a study of coverage leaves behind: numbers, test statistics of the toys, and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from madminer_workflow.errors import InputError
from madminer_workflow.steps.coverage.records import Study, Tried
from madminer_workflow.storage import staged, write_figure, write_json, write_npz
from madminer_workflow.storage.provenance import provenance

__all__ = ["find_results", "record", "write"]

_FOLDER = "coverage"


def find_results(output_dir: Path) -> list[Path]:
    """Returns the folders of all results of a run, wherever in its folder they are.

    Args:
        output_dir: The folder of the run.

    Raises:
        InputError: There are none.
    """
    folders = sorted(path.parent for path in output_dir.rglob("results/[!.]*/result.json"))
    if not folders:
        raise InputError(f"output_dir: {output_dir} has no results of a run")
    return folders


def write(study: Study, output_dir: Path, data_file: Path, input_file: Path) -> Path:
    """Writes coverage.json, coverage.npz and the figure.

    Args:
        study: The coverage of all methods.
        output_dir: The folder of the run.
        data_file: The event file, for the record.
        input_file: The input file, for the record.

    Returns:
        The folder of what was written.
    """
    from madminer_workflow.figures import CoverageSeries, coverage

    series = [CoverageSeries(one.name, one.method, study.coverages(one)) for one in study.tried]
    with staged(output_dir / _FOLDER) as folder:
        write_figure(folder, "coverage", coverage(series, study.parameters, study.thetas))
        arrays = {f"q_{which}_{t.name}": q for t in study.tried for which, q in t.q.items()}
        write_npz(folder / "coverage.npz", theta_true=study.thetas, **arrays)
        inputs = provenance(data_file=data_file, input_file=input_file)
        write_json(folder / "coverage.json", record(study) | {"provenance": inputs})
    return output_dir / _FOLDER


def record(study: Study) -> dict[str, Any]:
    """Returns the content of coverage.json but for the provenance.

    Args:
        study: The coverage of all methods.
    """
    return {
        "parameters": study.parameters,
        "luminosity_ipb": study.luminosity_ipb,
        "n_toys": study.n_toys,
        "points": [
            {"theta": dict(zip(study.parameters, theta, strict=True)), "n_expected": n}
            for theta, n in zip(study.thetas.tolist(), study.n_expected.tolist(), strict=True)
        ],
        "methods": {one.name: _method(study, one) for one in study.tried},
    }


def _method(study: Study, tried: Tried) -> dict[str, Any]:
    """Returns the record of one method."""
    exact = study.exact_of(tried)
    return {
        "toys": tried.toys,
        "n_held_out_events": tried.n_events,
        "coverage": study.coverages(tried),
        "minus_exact": study.minus_exact(tried),
        "rms_q_minus_exact": None if exact is None else _rms(tried, exact),
    }


def _rms(tried: Tried, exact: Tried) -> dict[str, list[float]]:
    """Returns the root mean square difference of q over the toys of each true point."""
    return {
        which: np.sqrt(np.mean((q - exact.q[which]) ** 2, axis=1)).tolist()
        for which, q in tried.q.items()
    }
