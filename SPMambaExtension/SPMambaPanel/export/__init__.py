"""Findings as files that other programs read.  One file per format; all of them take what `Chosen` holds."""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Sequence

from slicer.i18n import tr as _

from SPMambaLib.errors import OutputError, UsageError

from ..scene.naming import fileStem
from ..scene.result import Result
from .chosen import ACCEPTED_ONLY, CHOICES, EVERYTHING, NOT_REJECTED, Chosen, choiceTexts, chosenSegments
from .folders import freeFolder, placed

__all__ = ["ACCEPTED_ONLY", "CHOICES", "EVERYTHING", "FORMATS", "LABEL_MAP", "NOT_REJECTED", "OBJECTS", "SEGMENTATION",
           "SURFACES", "TABLE", "choiceTexts", "exportSegments", "fileStem", "freeFolder"]

SEGMENTATION, LABEL_MAP, SURFACES, OBJECTS, TABLE = FORMATS = ("seg.nrrd", "nii.gz", "stl", "obj", "csv")


def _writers() -> Dict[str, Callable[[Chosen, Path, str], List[Path]]]:
    """By format; imported by the first export, so that the panel opens without them."""
    from .findingstable import writeTable
    from .labelmap import writeLabelMap
    from .segmentation import writeSegmentation
    from .surfaces import writeObjects, writeSurfaces

    return {SEGMENTATION: writeSegmentation, LABEL_MAP: writeLabelMap, SURFACES: writeSurfaces, OBJECTS: writeObjects,
            TABLE: writeTable}


def exportSegments(result: Result, folder: Path, formats: Sequence[str], choice: str = NOT_REJECTED,
                   stem: str = "") -> List[Path]:
    """Write the findings of `result` into an existing folder, all of the files or none, and return them.

    Args:
        formats: of `FORMATS`; "nii.gz" is one label map on the grid of the source whose values are the ranks of the
            findings, "stl" and "obj" are one surface per finding in LPS mm, as other programs expect; "csv" lists
            every finding with its decision, whatever the choice, and says which ones were exported.
        choice: of `CHOICES`.
        stem: of the names of the files, if it is to be another than `fileStem`.  Files of others stay, see `naming`.

    Raises:
        UsageError: there is no finding to export.
        OutputError: the folder cannot be written.
    """
    failure = OutputError(_("The segments could not be written to {folder}.").format(folder=folder))
    if not result.complete:
        raise UsageError(_("There is no result to export."))
    if not folder.is_dir():
        raise failure
    with chosenSegments(result, choice) as chosen:
        if not chosen.ranks and any(each != TABLE for each in formats):
            raise UsageError(_("There is no segment to export at this operating point.") if choice == EVERYTHING else
                             _("There is no segment to export: no finding with this decision at this operating point."))
        writers = _writers()
        try:
            with placed(result, folder, stem) as (part, name, files):
                for each in formats:
                    written = writers[each](chosen, part, name)
                    if not written or not all(path.is_file() for path in written):
                        raise failure
        except OSError as error:
            raise OutputError(failure.message, repr(error)) from error
    return files
