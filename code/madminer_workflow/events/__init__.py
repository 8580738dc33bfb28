"""MadMiner event files: what the header says, the events, and morphing."""

from madminer_workflow.events.events import Events, read_events
from madminer_workflow.events.forms import form_coefficients, form_monomials
from madminer_workflow.events.header import Header, Morphing, Parameter, read_header

__all__ = [
    "Events",
    "Header",
    "Morphing",
    "Parameter",
    "form_coefficients",
    "form_monomials",
    "read_events",
    "read_header",
]
