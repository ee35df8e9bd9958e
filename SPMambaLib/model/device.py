"""Where and how exactly to compute: the device of a user's choice, and what its precision means."""
from __future__ import annotations

from typing import Any, Optional, Tuple

import torch

from ..errors import DeviceError, UsageError

BATCH = {"cpu": 4, "cuda": 32}
"""Slices computed at once, by type of device."""


def choose_device(device: str) -> torch.device:
    """The torch device for a user's choice; raises DeviceError rather than falling back in silence.

    On a graphics card `single_means_single` comes with it.
    """
    if device == "auto":
        chosen = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        single_means_single(chosen)
        return chosen
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        message = "Unknown device {!r}; use auto, cpu or cuda:0.".format(device)
        raise DeviceError(message, str(error)) from error
    if chosen.type not in BATCH:
        raise DeviceError("Device {!r} is not supported; use auto, cpu or cuda:0.".format(device))
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise DeviceError("This computer has no {}; choose auto or cpu.".format(device))
    single_means_single(chosen)
    return chosen


def single_means_single(device: torch.device) -> None:
    """Switch TensorFloat-32 off for the whole process, if the device is a graphics card.

    PyTorch rounds the inputs of convolutions there to 10 bits unless it is told otherwise, and matrix products if some
    other part of the program has asked for it; maps would then lie a thousandth from those that the thresholds are of.
    """
    if device.type != "cuda":
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    matmul.allow_tf32 = False
    cudnn.allow_tf32 = False
    owners: Tuple[Any, ...] = (matmul, getattr(cudnn, "conv", None), getattr(cudnn, "rnn", None))
    for owner in owners:  # the switches of newer versions, which win over the older ones
        if hasattr(owner, "fp32_precision"):
            owner.fp32_precision = "ieee"


def half_precision(precision: str, device: torch.device) -> Optional[torch.dtype]:
    """What autocast computes in for a user's choice of precision; None for single precision.

    Raises:
        UsageError: no such precision, or half precision on a CPU, which emulates it many times slower.
    """
    if precision not in ("single", "half"):
        raise UsageError("Unknown precision {!r}; use single or half.".format(precision))
    if precision == "single":
        return None
    if device.type != "cuda":
        raise UsageError("Half precision needs a graphics card; a CPU is faster in single precision.")
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
