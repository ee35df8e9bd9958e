"""Which findings are exported, as a segmentation of the moment."""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List

import slicer
from slicer.i18n import tr as _

from .. import tables
from ..decisions import ACCEPTED, REJECTED
from ..result import Result

NOT_REJECTED, ACCEPTED_ONLY, EVERYTHING = CHOICES = ("not rejected", "accepted", "all")


def choiceTexts() -> Dict[str, str]:
    return {NOT_REJECTED: _("all but the rejected"), ACCEPTED_ONLY: _("accepted only"),
            EVERYTHING: _("all, rejected too")}


def fits(decision: str, choice: str) -> bool:
    return choice == EVERYTHING or decision == ACCEPTED or (choice == NOT_REJECTED and decision != REJECTED)


@dataclass
class Chosen:
    """Findings to be exported.

    Attributes:
        result: whose they are.
        node: vtkMRMLSegmentationNode with a copy of their segments, in order of rank.
        ranks: rank of each segment; segments that the user has added count on from the last rank.
    """

    result: Result
    node: Any
    ranks: List[int]


def ranksOf(result: Result, choice: str) -> Dict[str, int]:
    """Rank of each segment of a choice by its ID, in the order of the segmentation."""
    segmentation = result.segmentation.GetSegmentation()
    rows = tables.readFindings(result.get("findings"))
    known = {tables.segmentId(row["rank"]): row for row in rows}
    ranks, added = {}, len(rows)
    for n in range(segmentation.GetNumberOfSegments()):
        name = segmentation.GetNthSegmentID(n)
        row = known.get(name)
        if row is None:
            added += 1  # the user drew it: nothing to be decided about
        if row is None or fits(row["decision"], choice):
            ranks[name] = row["rank"] if row else added
    return ranks


def copySegments(result: Result, choice: str, target: Any) -> List[int]:
    """Copy the segments of a choice into a segmentation node, with geometry and transform; returns their ranks."""
    ranks = ranksOf(result, choice)
    target.SetReferenceImageGeometryParameterFromVolumeNode(result.map)
    target.SetAndObserveTransformNodeID(result.segmentation.GetTransformNodeID())
    for name in ranks:
        target.GetSegmentation().CopySegmentFromSegmentation(result.segmentation.GetSegmentation(), name)
    return list(ranks.values())


@contextmanager
def chosenSegments(result: Result, choice: str) -> Iterator[Chosen]:
    """The findings of a choice (of `CHOICES`) in a node that leaves the scene again."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "SP-Mamba export")
    node.SetHideFromEditors(True)
    node.CreateDefaultDisplayNodes()  # otherwise a writer does, and removes it again
    try:
        yield Chosen(result, node, copySegments(result, choice, node))
    finally:
        display = [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
        for each in (node, *display):
            slicer.mrmlScene.RemoveNode(each)
