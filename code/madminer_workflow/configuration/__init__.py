"""The configuration: input files, their schema, defaults and checks."""

from madminer_workflow.configuration.merging import PROFILES, Inputs, merge
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.configuration.resolve import load, load_learner
from madminer_workflow.configuration.variants import Variant, load_parts, load_variants

__all__ = [
    "PROFILES",
    "Configuration",
    "Inputs",
    "Variant",
    "load",
    "load_learner",
    "load_parts",
    "load_variants",
    "merge",
]
