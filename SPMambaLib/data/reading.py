"""The one door to a data set: a manifest, a folder of normals, or one of the published layouts."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from ..errors import UnreadableFileError, UsageError
from .folders import read_folder
from .layouts import layout_of, read_layout
from .manifest import read_manifest_rows
from .samples import Patterns, Sample

TRAINING = "train"  # the split whose images a model may have been made from


@dataclass(frozen=True)
class DataSet:
    """Samples and where they come from.

    Attributes:
        kind: "manifest", "folder of normals", "ZhangLab", "CheXpert" or "Uni-Medical".
        samples: all that were chosen, of every split.
    """

    kind: str
    samples: List[Sample]

    @property
    def normals_only(self) -> bool:
        """A source that by its nature has no abnormal images."""
        return self.kind == "folder of normals"

    def for_evaluation(self) -> List[Sample]:
        """A published layout says which images are for testing; of a manifest or a folder all chosen ones are."""
        if self.kind in ("manifest", "folder of normals"):
            return self.samples
        return [sample for sample in self.samples if sample.split != TRAINING]


def read_data(*, manifest: Optional[Path] = None, folder: Optional[Path] = None, select: Patterns = ()) -> DataSet:
    """The samples of a manifest (see `manifest`) or of a folder (see `folders` and `layouts`).

    Args:
        select: glob or globs over the names; those that begin with ``!`` exclude.

    Raises:
        UsageError: neither or both are given, or nothing is chosen.
        UnreadableFileError: the source is missing or is not what it should be.
    """
    if (manifest is None) == (folder is None):
        raise UsageError("Give either a manifest or a folder of images.")
    if manifest is not None:
        data = DataSet("manifest", read_manifest_rows(manifest, select))
    elif folder is None or not folder.is_dir():
        raise UnreadableFileError("There is no folder {}.".format(folder), code="file-missing")
    else:
        layout = layout_of(folder)
        data = (DataSet(layout[0], read_layout(folder, layout[1], select)) if layout
                else DataSet("folder of normals", read_folder(folder, select)))
    if not data.samples:
        patterns = [select] if isinstance(select, str) else list(select)
        what = "matches {}".format(", ".join(repr(p) for p in patterns)) if patterns else "was found"
        raise UsageError("No image of {} {}.".format(manifest or folder, what))
    return data
