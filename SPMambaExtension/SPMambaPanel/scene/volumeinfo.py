"""What is known about a volume besides its voxels, and whether it can be analysed at all."""
from __future__ import annotations

from typing import Any, Dict

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

DICOM_TAGS = {
    "modality": "0008,0060",
    "body_part": "0018,0015",
    "description": "0008,103E",
    "protocol": "0018,1030",
    "sequence": "0018,0024",
    "dicom_series_uid": "0020,000E",
}
DICOM_TIMES = {"echo_time": "0018,0081", "repetition_time": "0018,0080", "inversion_time": "0018,0082"}
DICOM_POSITION = "0020,0032"
DICOM_SPACINGS = ("0028,0030", "0018,1164")  # of pixels in the patient, and at the imager
DICOM_SERIES_NUMBER = "0020,0011"
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def problemOf(volumeNode: Any) -> str:
    """Why this volume cannot be analysed, in one sentence; empty if it can.

    Only what is wrong with any model; the worker judges the content.
    """
    if volumeNode is None:
        return ""
    image = volumeNode.GetImageData()
    if image is None or not image.GetNumberOfPoints():
        return _("The volume has no voxels.")
    if volumeNode.IsA("vtkMRMLLabelMapVolumeNode"):
        return _("This is a label map; choose the image itself.")
    if image.GetNumberOfScalarComponents() != 1:
        return _("This is a color or vector image; convert it to a grayscale volume first (module Vector to Scalar "
                 "Volume).")
    return ""


def ijkToRas(volumeNode: Any) -> np.ndarray:
    """4x4, RAS mm, in the volume's own coordinates (its parent transform is not applied)."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return np.asarray(slicer.util.arrayFromVTKMatrix(matrix), dtype=np.float64)


def voxelsOf(volumeNode: Any) -> np.ndarray:
    """(K, J, I) voxels as they are in the scene: bright means dense on every radiograph.

    Slicer's DICOM reader has turned a MONOCHROME1 film round already; it is never turned round again.
    """
    return slicer.util.arrayFromVolume(volumeNode)


def kindOf(volumeNode: Any) -> str:
    """"image" for a single picture with no place in a patient, otherwise "volume", as `SPMambaLib.io.image` has it.

    A picture is one slice that DICOM gives no position and whose axes are those of the picture, also after it was
    converted to gray or centered; or one slice of a picture's file.
    """
    image = volumeNode.GetImageData()
    if image is None or image.GetDimensions()[2] > 1 or dicomValue(volumeNode, DICOM_POSITION):
        return "volume"
    axes = ijkToRas(volumeNode)[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    asPicture = (
        bool(lengths.all()) and lengths[2] == 1.0 and np.allclose(axes / lengths, np.diag([-1.0, -1.0, 1.0]), atol=1e-6)
    )
    unplaced = np.array_equal(np.abs(ijkToRas(volumeNode)), np.eye(4))
    isPicture = bool(dicomValue(volumeNode, DICOM_TAGS["modality"])) or _fileName(volumeNode).endswith(PICTURES)
    return "image" if isPicture or asPicture or unplaced else "volume"


def hasSpacing(volumeNode: Any) -> bool:
    """Whether millimetres were stated for a picture: by DICOM, or by a spacing that is not the pixel itself."""
    if _fileName(volumeNode).endswith(PICTURES):
        return False
    if dicomValue(volumeNode, DICOM_TAGS["modality"]):
        return any(dicomValue(volumeNode, tag) for tag in DICOM_SPACINGS)
    return not np.allclose(np.linalg.norm(ijkToRas(volumeNode)[:3, :2], axis=0), 1.0, atol=1e-9)


def sourceFacts(volumeNode: Any) -> Dict[str, Any]:
    """Facts of `SPMambaLib.io.image.Image.facts` that Slicer knows of a volume.  Never patient identity."""
    facts: Dict[str, Any] = {
        "name": volumeNode.GetName(),
        "has_spacing": kindOf(volumeNode) == "volume" or hasSpacing(volumeNode),
    }
    for name, tag in DICOM_TAGS.items():
        text = dicomValue(volumeNode, tag)
        if text:
            facts.update({name: text, "format": "DICOM"})
    for name, tag in DICOM_TIMES.items():
        try:
            facts[name] = float(dicomValue(volumeNode, tag))
        except ValueError:
            continue  # not stated
    return facts


def seriesNumber(volumeNode: Any) -> str:
    """Of the DICOM series that a volume came from; empty if it came from elsewhere."""
    return dicomValue(volumeNode, DICOM_SERIES_NUMBER)


def dicomValue(volumeNode: Any, tag: str) -> str:
    """Value of a tag in the volume's first DICOM file; empty if it came from elsewhere, or if the DICOM database is
    closed, as it is in a Slicer that was started without one."""
    database = getattr(slicer, "dicomDatabase", None)
    instances = (volumeNode.GetAttribute("DICOM.instanceUIDs") or "").split()
    if not instances or database is None or not database.isOpen:
        return ""
    return str(database.instanceValue(instances[0], tag) or "").strip()


def _fileName(volumeNode: Any) -> str:
    storage = volumeNode.GetStorageNode()
    return (storage.GetFileName() or "").lower() if storage is not None else ""
