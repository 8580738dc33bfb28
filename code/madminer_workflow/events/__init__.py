"""MadMiner event files: what the header says, the events, and morphing; observed events."""

from madminer_workflow.events.events import Events, read_events
from madminer_workflow.events.forms import form_coefficients, form_monomials
from madminer_workflow.events.header import Header, Morphing, Parameter, read_header
from madminer_workflow.events.observed import Observed, out_of_range, read_observed

__all__ = [
    "Events",
    "Header",
    "Morphing",
    "Observed",
    "Parameter",
    "form_coefficients",
    "form_monomials",
    "out_of_range",
    "read_events",
    "read_header",
    "read_observed",
]
