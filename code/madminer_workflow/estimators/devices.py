"""Where networks are trained and evaluated: processors or a graphics processor."""

from __future__ import annotations

import torch

from madminer_workflow.configuration.model import Device
from madminer_workflow.errors import InputError

__all__ = ["device_of"]


def device_of(name: Device) -> torch.device:
    """Returns the device that a name in the input file stands for on this machine.

    Args:
        name: `cpu`, `cuda`, or `auto` for a graphics processor where there is one.

    Raises:
        InputError: There is no graphics processor, but it must be one.
    """
    if name == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        raise InputError('device: "cuda", but PyTorch finds no GPU here, allowed: "auto", "cpu"')
    return torch.device("cpu")
