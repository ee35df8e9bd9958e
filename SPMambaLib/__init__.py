"""SP-Mamba: an unsupervised detector of what is not normal in a medical image.

Importing this package costs neither torch nor SimpleITK: names are resolved on first use, so that a program which
must not load torch (the Slicer panel) can use the light parts (`errors`, `detection`, `scoring.findings`, ...).

Example:
    >>> import SPMambaLib
    >>> SPMambaLib.available_models()
    ['brain-flair', 'chest-xray']
    >>> detector = SPMambaLib.load_model("brain-flair", device="auto")
    >>> detection = detector.detect(SPMambaLib.read_image("flair.nii.gz"))
    >>> [finding.peak for finding in detection.findings]
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

__version__ = "0.1.0"

_LAZY = {
    "Image": "io.image",
    "read_image": "io.image",
    "write_image": "io.image",
    "Detection": "detection",
    "Finding": "detection",
    "Detector": "detector",
    "load_model": "detector",
    "available_models": "bundle",
    "SPMambaError": "errors",
}

__all__ = ["__version__", *_LAZY]

if TYPE_CHECKING:
    from .bundle import available_models as available_models
    from .detection import Detection as Detection
    from .detection import Finding as Finding
    from .detector import Detector as Detector
    from .detector import load_model as load_model
    from .errors import SPMambaError as SPMambaError
    from .io.image import Image as Image
    from .io.image import read_image as read_image
    from .io.image import write_image as write_image


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module("." + _LAZY[name], __name__), name)
    raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))


def __dir__() -> List[str]:
    return sorted(__all__)
