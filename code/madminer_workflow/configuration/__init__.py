"""The configuration: input files, their schema, defaults and checks."""

from madminer_workflow.configuration.merging import PROFILES, Inputs, merge
from madminer_workflow.configuration.model import Configuration
from madminer_workflow.configuration.resolve import load, load_learner

__all__ = ["PROFILES", "Configuration", "Inputs", "load", "load_learner", "merge"]
