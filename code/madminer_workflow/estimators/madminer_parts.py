"""The networks and loss functions of MadMiner that are used here."""

from __future__ import annotations

from madminer_workflow.imports import package_code_skipped

__all__ = [
    "ConditionalMaskedAutoregressiveFlow",
    "DenseLocalScoreModel",
    "DenseSingleParameterizedRatioModel",
    "losses",
]

with package_code_skipped("madminer"):
    from madminer.utils.ml import losses
    from madminer.utils.ml.models.maf import ConditionalMaskedAutoregressiveFlow
    from madminer.utils.ml.models.ratio import DenseSingleParameterizedRatioModel
    from madminer.utils.ml.models.score import DenseLocalScoreModel
