"""The four-fermion operators: which helicity amplitudes each one shifts, and by how much.

They are the operators of the Warsaw basis (Grzadkowski et al., 2010, arXiv:1008.4884, table 3)
that let a quark pair turn into a pair of charged leptons and interfere with photon and Z. A
parameter theta is the Wilson coefficient C at the scale Lambda = 10 TeV.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = ["OPERATORS", "Shift"]


class Shift(NamedTuple):
    """A term of one operator: amplitude += coefficient * theta / Lambda^2.

    Attributes:
        quark: Flavour of the quark.
        chiralities: Chirality of the quark, then of the lepton, "LR" for example.
        coefficient: What multiplies the Wilson coefficient.
    """

    quark: Literal["u", "d"]
    chiralities: Literal["LL", "LR", "RL", "RR"]
    coefficient: float


OPERATORS: Final[dict[str, tuple[Shift, ...]]] = {
    "c_lq1": (Shift("u", "LL", 1.0), Shift("d", "LL", 1.0)),
    "c_lq3": (Shift("u", "LL", -1.0), Shift("d", "LL", 1.0)),
    "c_qe": (Shift("u", "LR", 1.0), Shift("d", "LR", 1.0)),
    "c_lu": (Shift("u", "RL", 1.0),),
    "c_ld": (Shift("d", "RL", 1.0),),
    "c_eu": (Shift("u", "RR", 1.0),),
    "c_ed": (Shift("d", "RR", 1.0),),
}
"""Every operator by its name."""
