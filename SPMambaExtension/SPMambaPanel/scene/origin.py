"""Where a volume comes from: patient, study and series where the scene knows them, otherwise its file.

For the reader's eyes, in the list of volumes and in the report; never part of a file name.  Two volumes of one name
never come from the same.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, List, Sequence

import slicer
from slicer.i18n import tr as _

from .naming import byName, keyOf, numberOf, sameName
from .volumeinfo import dicomValue, seriesNumber

DESCRIPTION = "0008,103E"  # of a series

FILE = "SPMamba.File"  # attribute of a volume
BUNDLED = "Data"  # folder in a scene bundle, relative to it


def originOf(volumeNode: Any) -> str:
    """"Doe (17), MR 2026-01-02, series 3 T1 sag", or "case-17/FLAIR.nii.gz", or nothing; where that is true of another
    volume of the same name as well, with the number that tells the two apart."""
    return _origin(volumeNode, sameName(volumeNode))


def originsOf(volumeNodes: Sequence[Any]) -> List[str]:
    """`originOf` of each of many: who has the same name as another is found out once."""
    groups = byName()
    return [_origin(each, groups.get(keyOf(each), [])) for each in volumeNodes]


def _origin(volumeNode: Any, same: Sequence[Any]) -> str:
    text, others = _known(volumeNode), [each for each in same if each is not volumeNode]
    if any(_known(each) == text for each in others if not each.IsA("vtkMRMLSegmentationNode")):
        number = _("no. {number}").format(number=numberOf(volumeNode))
        return "{}, {}".format(text, number) if text else number
    return text


def _known(volumeNode: Any) -> str:
    parts, number = _parents(volumeNode), seriesNumber(volumeNode)
    if number:
        series = _("series {number}").format(number=number)
        parts.append("{} {}".format(series, dicomValue(volumeNode, DESCRIPTION)).strip())
    return ", ".join(parts) or _file(volumeNode)


def _parents(volumeNode: Any) -> List[str]:
    """Names of patient and study in the subject hierarchy, from the top."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return []
    levels = slicer.vtkMRMLSubjectHierarchyConstants
    wanted = (levels.GetDICOMLevelPatient(), levels.GetDICOMLevelStudy())
    names: List[str] = []
    item = hierarchy.GetItemByDataNode(volumeNode)
    while item and item != hierarchy.GetSceneItemID():
        if hierarchy.GetItemLevel(item) in wanted:
            names.insert(0, hierarchy.GetItemName(item))
        item = hierarchy.GetItemParent(item)
    return names


def keepFile(volumeNode: Any) -> None:
    """Remember the file with the volume: in a saved scene it is a copy of another name."""
    file = _file(volumeNode)
    if file:
        volumeNode.SetAttribute(FILE, file)


def _file(volumeNode: Any) -> str:
    """With its folder: the files of many patients have the same name."""
    storage = volumeNode.GetStorageNode()
    path = Path(storage.GetFileName() or "") if storage is not None else Path()
    if path.parts[:1] == (BUNDLED,) or Path(slicer.app.temporaryPath) in path.parents:
        path = Path()  # a copy in a scene bundle
    return str(volumeNode.GetAttribute(FILE) or "/".join(part for part in (path.parent.name, path.name) if part))
