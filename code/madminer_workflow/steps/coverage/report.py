"""Coverage as a short table for a terminal."""

from __future__ import annotations

import textwrap

from madminer_workflow.statistics.coverage import Coverage
from madminer_workflow.statistics.limits import Which
from madminer_workflow.steps.coverage.records import EXACT, LEVELS, Study, Tried
from madminer_workflow.tables import aligned

__all__ = ["table"]

_WIDTH = 80
_TITLES: dict[Which, str] = {"full": "kinematics and rate", "kinematics": "kinematics only"}


def table(study: Study) -> str:
    """Returns the coverage of all methods as a table of at most 80 columns.

    Args:
        study: The coverage of all methods.
    """
    heading = f"Coverage in {study.n_toys} toys at each point, {study.luminosity_ipb:g} /pb"
    lines = [heading, "", *_points(study)]
    for which, title in _TITLES.items():
        lines += ["", f"{title}:", *_rows(study, which)]
    return "\n".join([*lines, "", *_notes(study)])


def _points(study: Study) -> list[str]:
    """Returns the true points with their numbers."""
    lines = []
    for number, (theta, n) in enumerate(zip(study.thetas, study.n_expected, strict=True), start=1):
        values = zip(study.parameters, theta, strict=True)
        text = ", ".join(f"{name} = {value:.4g}" for name, value in values)
        line = f"  {number}  {text}: {n:.5g} events"
        lines += textwrap.wrap(line, _WIDTH, subsequent_indent="     ")
    return lines


def _rows(study: Study, which: Which) -> list[str]:
    """Returns one line a point and method, with the thresholds of q if they were constructed."""
    rows = [["point", "method", *_titles(study.construct)]]
    coverages = [study.coverages(one)[which] for one in study.tried]
    for point in range(len(study.thetas)):
        for one, at in zip(study.tried, coverages, strict=True):
            cells = [cell for level in LEVELS for cell in _cells(at[point][level])]
            rows.append([str(point + 1), one.name, *cells])
    return [f"  {line}".rstrip() for line in aligned(rows)]


def _titles(constructed: bool) -> list[str]:
    """Returns the titles of the columns of both regions."""
    more = ["border q", "coverage"] if constructed else []
    return [title for level in LEVELS for title in (f"{level} %", *more)]


def _cells(coverage: Coverage) -> list[str]:
    """Returns the coverage, and the threshold of Neyman with its coverage if there is one."""
    far = abs(coverage.coverage.value - coverage.nominal) > 2.0 * coverage.nominal_error
    cells = [f"{coverage.coverage.value:.3f}{' *' if far else ''}"]
    if coverage.neyman is not None:
        neyman = coverage.neyman
        digits = f"({max(1, round(100 * neyman.error))})"
        cells += [f"{neyman.threshold:.2f}{digits}", f"{neyman.coverage.value:.3f}"]
    return cells


def _notes(study: Study) -> list[str]:
    """Returns what the numbers and marks mean."""
    some = study.coverages(study.tried[0])["full"][0]
    errors = " and ".join(f"{some[level].nominal_error:.3f}" for level in LEVELS)
    notes = [f"Errors are {errors}; * more than two of them from the level"]
    if study.construct:
        borders = " and ".join(f"{some[level].threshold:.2f}" for level in LEVELS)
        notes.append(
            f"border q: from the toys (Neyman) in place of {borders} (chi-square), error of the "
            "last digits in brackets; then its coverage, which has twice the errors"
        )
    if sum(one.method == EXACT for one in study.tried) > 1:
        notes.append("Each exact likelihood has the toys of the methods above it")
    notes += [line for one in study.tried for line in _differences(study, one)]
    return [line for note in notes for line in textwrap.wrap(note, _WIDTH)]


def _differences(study: Study, tried: Tried) -> list[str]:
    """Returns a line on how far the coverage is from that of the exact likelihood, if known."""
    minus = study.minus_exact(tried)
    if minus is None:
        return []
    ranges = []
    for level in LEVELS:
        values = [at[level].value for points in minus.values() for at in points]
        ranges.append(f"{min(values):+.3f} to {max(values):+.3f} ({level} %)")
    return [f"{tried.name} minus exact on the same toys: {', '.join(ranges)}"]
