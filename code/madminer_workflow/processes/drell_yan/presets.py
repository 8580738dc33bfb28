"""Presets: which operators are measured, in which range, with which data.

Nothing heavy is imported here, so that the command line can list them at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from madminer_workflow.errors import InputError
from madminer_workflow.processes.drell_yan.operators import OPERATORS

__all__ = ["PRESETS", "Preset", "make_preset", "preset_from_description"]

MASS_CUTS: Final = (150.0, 5000.0)
"""Allowed lower cuts on the mass in GeV: above the Z boson, below the last events."""


@dataclass(frozen=True)
class Preset:
    """A measurement of Wilson coefficients in Drell-Yan events.

    Attributes:
        name: Name of the preset.
        operators: Names of the operators, one for each parameter.
        ranges: Smallest and largest value of each parameter.
        benchmarks: Parameter points at which events have weights, as many as a polynomial of
            second degree has coefficients; the first one is the Standard Model.
        m_min: Smallest measured mass of the lepton pair in GeV.
        luminosity_ipb: Integrated luminosity in pb^-1.

    Raises:
        InputError: A value is not allowed.
    """

    name: str
    operators: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    benchmarks: tuple[tuple[float, ...], ...]
    m_min: float
    luminosity_ipb: float

    def __post_init__(self) -> None:
        """Checks the values."""
        unknown = [name for name in self.operators if name not in OPERATORS]
        n_parameters = len(self.operators)
        n_benchmarks = (n_parameters + 1) * (n_parameters + 2) // 2
        if not self.operators or unknown or len(set(self.operators)) < n_parameters:
            self._refuse("operators", self.operators, f"different ones of {', '.join(OPERATORS)}")
        if len(self.ranges) != n_parameters or not all(low < high for low, high in self.ranges):
            self._refuse("ranges", self.ranges, "(minimum, maximum) for each operator")
        if len(self.benchmarks) != n_benchmarks or any(self.benchmarks[0]):
            self._refuse("benchmarks", self.benchmarks, f"{n_benchmarks} points, zero first")
        if not MASS_CUTS[0] <= self.m_min <= MASS_CUTS[1]:
            self._refuse("m_min", self.m_min, f"{MASS_CUTS[0]:g} to {MASS_CUTS[1]:g} GeV")
        if not self.luminosity_ipb > 0:
            self._refuse("luminosity_ipb", self.luminosity_ipb, "a positive number")

    def _refuse(self, field: str, value: object, allowed: str) -> None:
        """Raises the error for a field."""
        raise InputError(f"preset {self.name}: {field} = {value}, allowed: {allowed}")

    @property
    def benchmark_names(self) -> tuple[str, ...]:
        """Names of the benchmarks: sm, b1, b2, ..."""
        return ("sm", *(f"b{i}" for i in range(1, len(self.benchmarks))))

    @property
    def description(self) -> dict[str, Any]:
        """What an event file says about the process, in terms of JSON."""
        return {
            "name": "drell_yan",
            "preset": self.name,
            "operators": list(self.operators),
            "ranges": [list(interval) for interval in self.ranges],
            "benchmarks": [list(point) for point in self.benchmarks],
            "m_min": self.m_min,
            "luminosity_ipb": self.luminosity_ipb,
            "unit": "(10 TeV)$^{-2}$",
        }


def preset_from_description(description: Mapping[str, Any]) -> Preset:
    """Returns the preset that an event file describes.

    Args:
        description: What `Preset.description` gave.

    Raises:
        InputError: A key is missing or a value is not allowed.
    """
    try:
        return Preset(
            name=description["preset"],
            operators=tuple(description["operators"]),
            ranges=tuple((low, high) for low, high in description["ranges"]),
            benchmarks=tuple(tuple(point) for point in description["benchmarks"]),
            m_min=description["m_min"],
            luminosity_ipb=description["luminosity_ipb"],
        )
    except KeyError as error:
        raise InputError(f"process of the event file: no key {error}") from error


def make_preset(
    name: str,
    ranges: Mapping[str, tuple[float, float]],
    *,
    m_min: float = 1000.0,
    luminosity_ipb: float = 300e3,
    benchmarks: Sequence[Sequence[float]] | None = None,
) -> Preset:
    """Returns a preset with any choice of operators.

    Args:
        name: Name of the preset.
        ranges: Range of the parameter of each operator, by the name of the operator.
        m_min: Smallest measured mass of the lepton pair in GeV.
        luminosity_ipb: Integrated luminosity in pb^-1.
        benchmarks: The benchmarks, the Standard Model first; chosen by default.

    Raises:
        InputError: A value is not allowed.

    >>> make_preset("mine", {"c_lu": (-1.0, 1.0)}).benchmarks
    ((0.0,), (-1.0,), (1.0,))
    """
    from madminer_workflow.processes.drell_yan.benchmarks import choose_benchmarks, determine

    if benchmarks is None:
        benchmarks = choose_benchmarks(tuple(ranges.values()))
    preset = Preset(
        name=name,
        operators=tuple(ranges),
        ranges=tuple(ranges.values()),
        benchmarks=tuple(tuple(point) for point in benchmarks),
        m_min=m_min,
        luminosity_ipb=luminosity_ipb,
    )
    if not determine(preset.benchmarks):
        raise InputError(f"preset {name}: benchmarks {benchmarks} do not fix the event weights")
    return preset


PRESETS: Final = {
    preset.name: preset
    for preset in (
        Preset(
            name="dy2",
            operators=("c_eu", "c_ed"),
            ranges=((-1.5, 2.5), (-4.0, 3.5)),
            benchmarks=(
                (0.0, 0.0),
                (-1.5, -3.7),
                (-1.5, 3.5),
                (1.4, -4.0),
                (1.7, 3.5),
                (2.5, -0.8),
            ),
            m_min=1000.0,
            luminosity_ipb=300e3,
        ),
        Preset(
            name="dy2b",
            operators=("c_lq1", "c_qe"),
            ranges=((-2.0, 3.5), (-2.0, 3.0)),
            benchmarks=(
                (0.0, 0.0),
                (-2.0, -2.0),
                (-2.0, 2.5),
                (1.6, 3.0),
                (2.6, -2.0),
                (3.5, 0.9),
            ),
            m_min=500.0,
            luminosity_ipb=36e3,
        ),
        Preset(
            name="dy1",
            operators=("c_eu",),
            ranges=((-1.5, 2.5),),
            benchmarks=((0.0,), (-1.5,), (2.5,)),
            m_min=1000.0,
            luminosity_ipb=300e3,
        ),
        Preset(
            name="dy3",
            operators=("c_eu", "c_ed", "c_qe"),
            ranges=((-1.5, 2.5), (-4.0, 3.5), (-1.0, 2.0)),
            benchmarks=(
                (0.0, 0.0, 0.0),
                (-1.5, 3.5, -1.0),
                (-1.5, -4.0, -1.0),
                (2.5, 3.5, -1.0),
                (2.5, -4.0, -1.0),
                (-1.5, 3.5, 2.0),
                (-1.5, -4.0, 2.0),
                (2.5, -0.25, 2.0),
                (0.5, 3.5, 2.0),
                (2.5, -4.0, 0.5),
            ),
            m_min=1000.0,
            luminosity_ipb=300e3,
        ),
    )
}
"""Every preset by its name; the first one is the default."""
