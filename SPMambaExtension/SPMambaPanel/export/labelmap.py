"""NIfTI label map on the grid of the source; the value of a voxel is the rank of its finding."""
from __future__ import annotations

from pathlib import Path
from typing import List

import numpy as np
import slicer

from SPMambaLib.io.image import write_image

from ..scene.volumeinfo import ijkToRas
from .chosen import Chosen


def writeLabelMap(chosen: Chosen, folder: Path, stem: str) -> List[Path]:
    """Through a label map node of the moment; written by the library, which keeps sheared geometry as it is."""
    path = folder / (stem + ".nii.gz")
    scene = slicer.mrmlScene
    before = set(slicer.util.getNodesByClass("vtkMRMLNode"))
    labelNode = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    try:
        if not slicer.vtkSlicerSegmentationsModuleLogic.ExportAllSegmentsToLabelmapNode(
                chosen.node, labelNode, slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY):
            return []
        values = np.array([0, *chosen.ranks], dtype=np.int16)  # Slicer numbers the segments from 1 as they come
        write_image(path, values[slicer.util.arrayFromVolume(labelNode)], ijkToRas(labelNode))
        return [path]
    finally:
        for node in set(slicer.util.getNodesByClass("vtkMRMLNode")) - before:
            scene.RemoveNode(node)  # the label map, its display node and color table
