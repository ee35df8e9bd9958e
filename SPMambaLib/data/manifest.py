"""A data set as a CSV manifest.

Columns: ``path`` and ``label`` are needed; ``patient`` (otherwise the file's name is the patient), ``mask_path``,
``split``, ``fold`` and ``note`` are used when there.  Paths are relative to the manifest.  A note such as
``slice 7/23`` gives the height of a picture that was cut from a volume.
"""
from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Dict, List, Optional

from ..errors import UnreadableFileError
from .samples import Patterns, Sample, chosen

LEVEL = re.compile(r"slice (\d+)/(\d+)")


def read_manifest_rows(manifest: Path, select: Patterns = ()) -> List[Sample]:
    """Samples of a manifest whose ``path`` is `chosen`, in its order; whether the files exist is not looked at.

    Raises:
        UnreadableFileError: the manifest is missing, is not CSV text or lacks a column.
    """
    if not manifest.is_file():
        raise UnreadableFileError("The manifest {} does not exist.".format(manifest), code="file-missing")
    try:
        with open(manifest, newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            missing = {"path", "label"} - set(table.fieldnames or ())
            if missing:
                raise UnreadableFileError("The manifest {} lacks: {}.".format(manifest, ", ".join(sorted(missing))))
            return [_sample(manifest.parent, row) for row in table if row["path"] and chosen(row["path"], select)]
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise UnreadableFileError("The manifest {} is not CSV text.".format(manifest), str(error)) from error


def slice_height_of(note: str) -> Optional[float]:
    """Relative height in [0, 1] from a note such as ``slice 7/23``."""
    found = LEVEL.search(note)
    return (int(found[1]) - 1) / max(int(found[2]) - 1, 1) if found else None


def _sample(folder: Path, row: Dict[str, str]) -> Sample:
    path = folder / row["path"]
    mask = folder / row["mask_path"] if row.get("mask_path") else None
    return Sample(
        path,
        row["label"] or "",
        row.get("patient") or path.stem,
        slice_height_of(row.get("note") or ""),
        mask,
        row.get("split") or "",
        row.get("fold") or "",
        name=row["path"],
    )
