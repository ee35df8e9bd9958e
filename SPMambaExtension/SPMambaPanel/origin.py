"""Where a volume comes from: patient and study where the scene knows them, otherwise its file.

For the reader's eyes, in the list of volumes and in the report; never part of a file name.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, List

import slicer

from .facts import dicomValue


def originOf(volumeNode: Any) -> str:
    """"Doe (17), MR 2026-01-02, 5 T1 sag", or "case-17/FLAIR.nii.gz", or nothing."""
    parents = _parents(volumeNode)
    return ", ".join(parents + [text for text in [_series(volumeNode)] if text]) if parents else _file(volumeNode)


def _series(volumeNode: Any) -> str:
    """Number and description of its DICOM series: a study has several."""
    return " ".join(text for text in (dicomValue(volumeNode, tag) for tag in ("0020,0011", "0008,103E")) if text)


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


def _file(volumeNode: Any) -> str:
    """With its folder: the files of many patients have the same name."""
    storage = volumeNode.GetStorageNode()
    path = Path(storage.GetFileName() or "") if storage is not None else Path()
    return "/".join(part for part in (path.parent.name, path.name) if part)
