"""The networks and loss functions of MadMiner that are used here.

Importing MadMiner as usual also imports its readers of event files and its figures, which takes
two seconds in each of the many short processes of a workflow, so the modules are imported without
running the code of the package above them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator

__all__ = [
    "ConditionalMaskedAutoregressiveFlow",
    "DenseLocalScoreModel",
    "DenseSingleParameterizedRatioModel",
    "losses",
]


@contextlib.contextmanager
def _package_code_skipped(package: str) -> Iterator[None]:
    """Imports modules of a package without its `__init__`, unless that has already run.

    Nothing of it stays among the imported modules, so that a later import is the usual one.
    """
    spec = importlib.util.find_spec(package)
    if package in sys.modules or spec is None:
        yield
        return
    sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            del sys.modules[name]


with _package_code_skipped("madminer"):
    from madminer.utils.ml import losses
    from madminer.utils.ml.models.maf import ConditionalMaskedAutoregressiveFlow
    from madminer.utils.ml.models.ratio import DenseSingleParameterizedRatioModel
    from madminer.utils.ml.models.score import DenseLocalScoreModel
