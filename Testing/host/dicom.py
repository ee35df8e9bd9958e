"""Stand-ins of Slicer's DICOM world: a film comes as its reader leaves it, and the database may be closed."""

from __future__ import annotations

import sys

import numpy as np
import slicer
from PySide6 import QtCore

Property = QtCore.Property


class ctkDICOMDatabase(QtCore.QObject):
    """As seen in Slicer 5.12: it is there though closed; asked then, it prints SQL errors and returns nothing."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._open = False
        self._values = {}

    def instanceValue(self, instance, tag):
        if not self._open:
            sys.stderr.write("QSqlQuery::exec: database not open\n" * 3)
            return ""
        return self._values.get((instance, tag), "")

    isOpen = Property(bool, lambda self: self._open)


def loadFilm(path):
    """Load a one-frame file as the DICOM module does: MONOCHROME1 arrives turned round, shown in all views."""
    import pydicom

    file = pydicom.dcmread(path)
    pixels = file.pixel_array
    if file.PhotometricInterpretation == "MONOCHROME1":
        pixels = (2**file.BitsStored - 1 - pixels).astype(pixels.dtype)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", str(file.get("SeriesDescription", "film")))
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(pixels)[None])
    row, column = (float(each) for each in file.get("PixelSpacing", (1.0, 1.0)))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.diag([-column, -row, 1.0, 1.0])))
    node.CreateDefaultDisplayNodes()
    node.SetAttribute("DICOM.instanceUIDs", str(file.SOPInstanceUID))
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(node.GetID())
        composite.SetForegroundVolumeID(None)
        composite.SetLabelVolumeID(None)
    database = getattr(slicer, "dicomDatabase", None)
    if database is not None:
        for element in file:
            tag = "{:04X},{:04X}".format(element.tag.group, element.tag.element)
            if element.keyword and element.keyword != "PixelData":
                database._values[str(file.SOPInstanceUID), tag] = str(element.value)
    return node
