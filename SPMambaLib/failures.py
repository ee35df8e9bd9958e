"""From whatever went wrong to a typed error: the one place that knows how torch says "out of memory"."""
from __future__ import annotations

import traceback

from .errors import Cancelled, DeviceError, OutOfMemoryError, SPMambaError

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
DEVICE_FAILED = ("cuda error", "cudnn error", "cublas", "no cuda gpus", "device-side assert", "nvidia driver",
                 "not compiled with cuda")
SHARED_LIBRARY = (".dll", ".so", ".dylib", "undefined symbol")


def typed_error(error: BaseException) -> SPMambaError:
    """The typed error to show for `error`; typed errors pass unchanged.

    A message of torch is recognised by its text, because torch raises plain RuntimeError for most device failures and
    this module must not import torch.  The traceback goes into `detail`, for the log.
    """
    if isinstance(error, SPMambaError):
        return error
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    text = str(error).lower()
    if isinstance(error, KeyboardInterrupt):
        return Cancelled()
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(s in text for s in OUT_OF_MEMORY)):
        return OutOfMemoryError("There is not enough memory for this image; close other programs, or choose the CPU "
                                "as device.", detail)
    if isinstance(error, RuntimeError) and any(s in text for s in DEVICE_FAILED):
        return DeviceError("The graphics card stopped working; run again, or choose the CPU as device.", detail)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return DeviceError("The Python package {!r} is not installed here; `spmamba doctor` shows what this machine "
                           "has.".format(error.name.split(".")[0]), detail, code="package-missing")
    if isinstance(error, (ImportError, OSError)) and "torch" in text and any(s in text for s in SHARED_LIBRARY):
        return DeviceError("PyTorch is installed but cannot be loaded; install it again.", detail,
                           code="package-broken")
    return SPMambaError("Something unexpected went wrong ({}).".format(type(error).__name__), detail)
