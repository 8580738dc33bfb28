"""The configuration: the input file, its schema, defaults and checks."""

from madminer_workflow.configuration.model import Configuration
from madminer_workflow.configuration.resolve import load, load_learner

__all__ = ["Configuration", "load", "load_learner"]
