"""One line per volume in the Data module: what a detection has made lies in one folder beside its volume.

Slicer gives every node that is not hidden a line there.  What no reader needs is hidden; our own segmentation is, too,
so that no editor offers it: it is made anew whenever the operating point moves.
"""
from __future__ import annotations

from typing import Any, Iterable

import slicer

from .result import FOLDER, OWNED, VISIBLE, Result

IN_FOLDER = (*VISIBLE, "segmentation")  # Slicer complains about every segment of a segmentation without a line


def arrange(result: Result) -> None:
    """Hide what is ours alone, the rest goes into the folder of the volume; mends a scene of an older version."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    for role in OWNED:
        node = result.get(role)
        if node is not None and role not in VISIBLE and not node.GetHideFromEditors():
            node.SetHideFromEditors(True)
            item = hierarchy.GetItemByDataNode(node) if hierarchy is not None and role not in IN_FOLDER else 0
            if item:
                hierarchy.RemoveItem(item, False, False)
    putIntoFolder(result, [result.get(role) for role in IN_FOLDER])


def putIntoFolder(result: Result, nodes: Iterable[Any]) -> None:
    """Into the folder of the volume, which is made if there is none."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    folder = _folderOf(result, hierarchy)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node) if node is not None else 0
        if node is not None and (not item or hierarchy.GetItemParent(item) != folder):
            hierarchy.SetItemParent(item or hierarchy.CreateItem(folder, node), folder)


def _folderOf(result: Result, hierarchy: Any) -> int:
    """Item of the folder: the one that another result of the same volume has, otherwise a new one beside the volume."""
    scan = result.input
    for each in [result, *(other for other in Result.all() if scan is not None and other.input is scan)]:
        for node in [node for node in map(each.get, IN_FOLDER) if node is not None]:
            item = hierarchy.GetItemByDataNode(node)
            parent = hierarchy.GetItemParent(item) if item else 0
            if parent and hierarchy.GetItemAttribute(parent, FOLDER):
                return int(parent)
    item = hierarchy.GetItemByDataNode(scan) if scan is not None else 0
    above = hierarchy.GetItemParent(item) if item else hierarchy.GetSceneItemID()
    folder = hierarchy.CreateFolderItem(above, "SP-Mamba: {}".format(result.inputName))
    hierarchy.SetItemAttribute(folder, FOLDER, "1")
    hierarchy.SetItemExpanded(folder, False)
    return int(folder)
