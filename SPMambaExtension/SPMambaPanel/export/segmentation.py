"""Slicer segmentation, .seg.nrrd: names, colors and terminology codes beside the voxels."""
from __future__ import annotations

from pathlib import Path
from typing import List

import slicer

from .chosen import Chosen


def writeSegmentation(chosen: Chosen, folder: Path, stem: str) -> List[Path]:
    """Through a storage node of its own: the scene's own file name stays."""
    path = folder / (stem + ".seg.nrrd")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    return [path] if storage.WriteData(chosen.node) else []
