"""Typed errors: a stable code, one sentence for the radiologist, the detail for the log.

Everything the library refuses, it refuses with one of these.  The command line maps the class to an exit code, the
worker sends `to_dict()` over the wire and the panel shows `message`; nobody shows a traceback to a user.
"""
from __future__ import annotations

import errno
import traceback
from typing import Dict


class SPMambaError(Exception):
    """Base of all errors of this library.

    Attributes:
        code: stable identifier, e.g. ``"unreadable-file"``.
        message: one plain sentence that says what happened and what to do.
        detail: technical detail for the log; may be empty.
        exit_code: exit status of the command line for this error.
    """

    code = "internal"
    exit_code = 1

    def __init__(self, message: str, detail: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        if code:
            self.code = code

    def to_dict(self) -> Dict[str, str]:
        return {"code": self.code, "message": self.message, "detail": self.detail}


class UsageError(SPMambaError):
    """The request itself makes no sense (unknown option value, wrong rate)."""

    code = "usage"
    exit_code = 2


class UnreadableFileError(SPMambaError):
    """A file is missing, truncated or not what its name says."""

    code = "unreadable-file"
    exit_code = 3


class DataError(UnreadableFileError):
    """A data set is not fit to be worked with: missing or broken images, an empty class, a patient in two splits."""

    code = "unsound-data"


class UnsupportedImageError(SPMambaError):
    """The image was read but cannot be analysed (colour, 4D, no finite voxel, constant, degenerate geometry)."""

    code = "unsupported-image"
    exit_code = 4


class InputCheckError(UnsupportedImageError):
    """The scan does not look like what the model knows; the user may have it analysed all the same."""

    code = "not-what-the-model-knows"


class ModelMissingError(SPMambaError):
    code = "model-missing"
    exit_code = 5


class ModelDamagedError(SPMambaError):
    """A bundle's files do not match its hashes, or its card is not understood."""

    code = "model-damaged"
    exit_code = 5


class DeviceError(SPMambaError):
    """The requested device is absent or failed."""

    code = "device-unavailable"
    exit_code = 6


class OutOfMemoryError(SPMambaError):
    code = "out-of-memory"
    exit_code = 6


class OutputError(SPMambaError):
    """A result could not be written (full disk, no permission)."""

    code = "cannot-write"
    exit_code = 7


class TrainingError(SPMambaError):
    """Training diverged: the loss is not a number, or the prototypes have collapsed."""

    code = "training-failed"
    exit_code = 8


class Cancelled(SPMambaError):
    """The user asked to stop.  Not a failure."""

    code = "cancelled"
    exit_code = 130

    def __init__(self, message: str = "Cancelled.", detail: str = "") -> None:
        super().__init__(message, detail)

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
DEVICE_FAILED = ("cuda error", "cudnn error", "cublas", "no cuda gpus", "device-side assert", "nvidia driver",
                 "not compiled with cuda")
NOT_OPENED = {errno.EACCES: "there is no permission", errno.EPERM: "there is no permission",
              errno.ELOOP: "its link leads back to itself", errno.ENAMETOOLONG: "its name is too long for this system"}
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
    if isinstance(error, OSError) and error.errno in NOT_OPENED:
        return UnreadableFileError("{} could not be opened: {}.".format(
            error.filename if error.filename is not None else "A file", NOT_OPENED[error.errno]), detail)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return DeviceError("The Python package {!r} is not installed here; `spmamba doctor` shows what this machine "
                           "has.".format(error.name.split(".")[0]), detail, code="package-missing")
    if isinstance(error, (ImportError, OSError)) and "torch" in text and any(s in text for s in SHARED_LIBRARY):
        return DeviceError("PyTorch is installed but cannot be loaded; install it again.", detail,
                           code="package-broken")
    return SPMambaError("Something unexpected went wrong ({}).".format(type(error).__name__), detail)
