"""Studies: input files from Python, with values that vary and are combined.

>>> from madminer_workflow.studies import Parameters, combine, logspace, seeds
>>> base = Parameters(methods=["quadratic"], training={"epochs": 20})
>>> rates = base.vary("training.learning_rate", logspace(0.001, 0.1, 3))
>>> for name in combine(rates, base.vary("seed", seeds(2))):
...     print(name)
learning_rate-0.001__seed-1
learning_rate-0.001__seed-2
learning_rate-0.01__seed-1
learning_rate-0.01__seed-2
learning_rate-0.1__seed-1
learning_rate-0.1__seed-2
"""

from madminer_workflow.studies.description import Description, describe
from madminer_workflow.studies.parameters import Parameters
from madminer_workflow.studies.spaces import Choice, choices, linspace, logspace, seeds
from madminer_workflow.studies.study import Study, combine

__all__ = [
    "Choice",
    "Description",
    "Parameters",
    "Study",
    "choices",
    "combine",
    "describe",
    "linspace",
    "logspace",
    "seeds",
]
