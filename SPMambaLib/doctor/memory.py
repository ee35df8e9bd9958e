"""Out of memory, provoked and recovered from: by the way that `Detector.detect` has for it, smaller batches."""
from __future__ import annotations

import contextlib
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Tuple

import numpy as np
import torch
from torch import Tensor

from ..detector import Detector
from ..errors import SPMambaError, typed_error
from ..io.image import Image
from .maps import TOLERANCE, difference, map_of

SLICES = 32
SHARES = (0.75, 0.5, 0.3, 0.15)
"""Of the memory that full batches need beyond the weights: what is left to try with, most first."""

Limit = Callable[[float], ContextManager[None]]


def of_card(device: str, needed: int) -> Limit:
    """Limits PyTorch to a share of `needed` bytes beyond what it holds now; other programs do not notice."""

    @contextlib.contextmanager
    def limit(share: float) -> Iterator[None]:
        torch.cuda.empty_cache()
        total = torch.cuda.mem_get_info(device)[1]
        allowed = torch.cuda.memory_reserved(device) + share * needed
        torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total), device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
            torch.cuda.empty_cache()

    return limit


def prove_card(detector: Detector, image: Image) -> Dict[str, Any]:
    """`prove` on the detector's graphics card."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(detector.device)
    before = torch.cuda.memory_reserved(detector.device)
    right, sizes = _run(detector, image)
    needed = torch.cuda.max_memory_reserved(detector.device) - before
    return prove(detector, image, of_card(detector.device, needed), right, max(sizes))


def prove(detector: Detector, image: Image, limit: Limit, right: np.ndarray, full: int) -> Dict[str, Any]:
    """Take memory away until full batches no longer fit, and see that the map is the same; JSON-ready.

    Args:
        limit: context in which only a share of the memory is there.
        right: the map with enough memory.
        full: slices of a batch with enough memory.

    Returns:
        ``state``: "recovered", "not provoked" or "failed"; ``batches`` that were computed, ``text``.
    """
    for share in SHARES:
        with limit(share):
            try:
                found, sizes = _run(detector, image)
            except Exception as error:
                typed = typed_error(error)
                return {"state": "failed", "batches": [], "text": "it ended with: {}".format(typed.message)}
        if max(sizes) < full:
            off = difference(found, right)
            return _after(detector, image, right, off, sizes, full)
    return {"state": "not provoked", "batches": [full], "text": "full batches went through however little was left"}


def _after(detector: Detector, image: Image, right: np.ndarray, off: float, sizes: List[int],
           full: int) -> Dict[str, Any]:
    """What is said of a run with smaller batches, once full ones have been tried again."""
    if off > TOLERANCE["single"]:
        return {"state": "failed", "batches": sizes, "text": "with smaller batches the map is off by {:.0e} of its "
                                                             "range".format(off)}
    try:
        again = max(_run(detector, image)[1])
    except SPMambaError as error:
        return {"state": "failed", "batches": sizes, "text": "afterwards it ended with: {}".format(error.message)}
    if again < full:
        return {"state": "failed", "batches": sizes, "text": "the memory did not come back: {} slices at once instead "
                                                             "of {}".format(again, full)}
    return {"state": "recovered", "batches": sizes, "text": "{} slices at once instead of {}, the same map, and all "
                                                            "memory back".format(max(sizes), full)}


def _run(detector: Detector, image: Image) -> Tuple[np.ndarray, List[int]]:
    """The map, and the sizes of the batches that were computed."""
    sizes: List[int] = []
    inner = detector.terms

    def noted(pixels: Tensor) -> Any:
        result = inner(pixels)
        sizes.append(len(pixels))
        return result

    detector.terms = noted  # type: ignore[method-assign]
    try:
        return map_of(detector, image), sizes
    finally:
        del detector.terms
