"""How the files of a result are called.

A volume of a name that the scene has twice has a number, which stays with it.
"""
from __future__ import annotations

import itertools
import re
from typing import Any, Dict, List

import slicer

from .result import Result

LONGEST = 80  # letters that a volume gives to the names of its files
NUMBER = "SPMamba.Number"  # attribute of a volume, or of the segmentation of one that is gone


def plain(text: str) -> str:
    """In letters that every system takes in a file name."""
    return re.sub(r"[^\w.-]+", "_", text)[:LONGEST].strip("._") or "anomalies"


def fileStem(result: Result) -> str:
    """File name of a result without suffix; no other of the scene has the same."""
    own = result.input if result.input is not None else result.segmentation
    stem, number = _key(own), numberOf(own)
    return stem if number == 1 else "{}-{}".format(stem, number)


def numberOf(node: Any) -> int:
    """From 1: tells volumes apart whose names come to the same as file names.  Stays when the others go."""
    same = sameName(node)
    if len(same) > 1:
        numbers: Dict[str, Any] = {}
        for each in same:  # two scenes that were added to one another may both have a number 2
            numbers.setdefault(each.GetAttribute(NUMBER) or "", each)
        for each in same:
            if not each.GetAttribute(NUMBER) or numbers[each.GetAttribute(NUMBER)] is not each:
                number = next(str(n) for n in itertools.count(1) if str(n) not in numbers)
                numbers[number] = each
                each.SetAttribute(NUMBER, number)
    return int(node.GetAttribute(NUMBER) or 1)


def titleOf(volumeNode: Any) -> str:
    """Name of a volume in the names of its nodes: two of one name are told apart by their number."""
    number = numberOf(volumeNode)
    return str(volumeNode.GetName()) if number == 1 else "{} ({})".format(volumeNode.GetName(), number)


def sameName(node: Any) -> List[Any]:
    """Volumes (and segmentations of those that are gone) whose name comes to the same, `node` among them."""
    return byName().get(keyOf(node), [])


def keyOf(node: Any) -> str:
    """What a name comes to: equal for those that need a number."""
    return _key(node).casefold()


def byName() -> Dict[str, List[Any]]:
    """Volumes and segmentations of those that are gone by `keyOf`."""
    groups: Dict[str, List[Any]] = {}
    for each in _nodes():
        groups.setdefault(keyOf(each), []).append(each)
    return groups


def _nodes() -> List[Any]:
    """What may be exported: volumes, and segmentations of those that are gone."""
    orphans = [each.segmentation for each in Result.all() if each.input is None and each.complete]
    return [*slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"), *orphans]


def _key(node: Any) -> str:
    name = node.GetName()
    return plain(name if node.IsA("vtkMRMLSegmentationNode") else "{} anomalies".format(name))
