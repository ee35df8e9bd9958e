"""The head that comes with the extension: normal anatomy with one implanted lesion, to try the module on."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import slicer
from slicer.i18n import tr as _

import SPMambaLib
from SPMambaLib.errors import UnreadableFileError

FILE = Path("Resources", "SampleData", "FLAIR-sample.nii.gz")


def path() -> Optional[Path]:
    """The file beside the shipped models, in an installed extension or in the source tree; None if it is not there."""
    package = Path(SPMambaLib.__file__).resolve().parent
    return next((folder / FILE for folder in (package, package.parent) if (folder / FILE).is_file()), None)


def load() -> Any:
    """Load the sample as a volume and show it.

    Raises:
        UnreadableFileError: the file is missing or cannot be read.
    """
    file = path()
    if file is None:
        raise UnreadableFileError(_("The sample is missing. Install the SPMamba extension again."))
    try:
        node = slicer.util.loadVolume(str(file))
    except RuntimeError as error:
        raise UnreadableFileError(_("The sample cannot be read. Install the SPMamba extension again."),
                                  repr(error)) from error
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return node
