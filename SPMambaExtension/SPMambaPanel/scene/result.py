"""A detection's nodes in the scene, found again after a reload.

One vtkMRMLScriptedModuleNode per result refers to all of its nodes and keeps, as JSON, what a later session needs to
move the threshold without the worker: calibration, model facts, slice axis.
"""
from __future__ import annotations

import json
import uuid
from typing import Any, Dict, List, Optional

import slicer

from SPMambaLib import __version__
from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.scan_verdict import ScanVerdict

from ..model.decisions import Decisions
from ..model.summaryfacts import SummaryFacts, summaryFacts

FORMAT = "1"
FORMAT_PARAMETER = "SPMamba.ResultFormat"
VERSION_PARAMETER = "SPMamba.Version"
SUMMARY_PARAMETER = "SPMamba.Summary"
DECISIONS_PARAMETER = "SPMamba.Decisions"
REVIEWED_PARAMETER = "SPMamba.Reviewed"
EXPORTED_PARAMETER = "SPMamba.Exported"
NAME_PARAMETER = "SPMamba.InputName"
IDENTITY_PARAMETER = "SPMamba.Identity"
INPUT = "spmambaInput"
ACCEPTED_REFERENCE = "spmambaAccepted"  # segmentation of the reader, with the findings accepted
FOLDER = "SPMamba.Folder"  # attribute of the folder of a volume in the subject hierarchy
OWNED = ("mapColors", "bandColors", "map", "severity", "segmentation", "findings", "slices", "series", "chart",
         "normalTable", "normalSeries", "unseenTable", "unseenSeries", "marksTable", "currentSeries", "thresholdSeries",
         "evidence")
VISIBLE = ("map", "severity", "findings")  # in Data and in the selectors of other modules; all else is ours alone
NEEDED = {"findings": ("rank", "right", "anterior", "superior", "volume_ml", "voxels", "peak", "mean", "band",
                       "size_i_mm", "size_j_mm", "size_k_mm"),
          "slices": ("slice", "score", "peak", "analysed", "right", "anterior", "superior")}
SUMMARY_FIELDS = ("threshold", "false_positive_rate", "slice_axis", "plane", "score", "components", "calibration",
                  "model", "backend", "device", "timings", "notices", "unit", "scan_verdict", "no_scan_verdict")

Stamp = List[int]  # of a file: size and time of last change


class Result:
    """Handle on the nodes of one detection.

    Attributes:
        node: the vtkMRMLScriptedModuleNode behind it.

    Example:
        >>> result = Result.of(volumeNode)
        >>> result.map.GetName(), result.calibration.threshold(0.05)
    """

    def __init__(self, node: Any) -> None:
        self.node = node

    @classmethod
    def create(cls, volumeNode: Any, summary: Dict[str, Any]) -> "Result":
        """A result without nodes yet, not to be found before `finish`.  `summary` is the content of ``result.json``."""
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        node.SetName("SP-Mamba result of {}".format(volumeNode.GetName()))
        node.SetNodeReferenceID(INPUT, volumeNode.GetID())
        node.SetParameter(NAME_PARAMETER, volumeNode.GetName())
        node.SetParameter(IDENTITY_PARAMETER, uuid.uuid4().hex)
        result = cls(node)
        result.summary = {key: summary[key] for key in SUMMARY_FIELDS if key in summary}
        return result

    def finish(self) -> None:
        """All nodes are there; from now on `all` and `of` find this result."""
        self.node.SetParameter(VERSION_PARAMETER, __version__)
        self.node.SetParameter(FORMAT_PARAMETER, FORMAT)

    @property
    def finished(self) -> bool:
        return self.node.GetParameter(FORMAT_PARAMETER) == FORMAT

    @classmethod
    def all(cls) -> List["Result"]:
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [result for result in map(cls, nodes) if result.finished]

    @classmethod
    def removeHalves(cls) -> None:
        """Take out what a scene holds that was saved while a result was being made.  Not while one is being made."""
        for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode"):
            if node.GetParameter(SUMMARY_PARAMETER) and not node.GetParameter(FORMAT_PARAMETER):
                cls(node).remove()

    @classmethod
    def foreignVersions(cls) -> List[str]:
        """Versions of the module that made results in this scene which this one cannot read."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return sorted({node.GetParameter(VERSION_PARAMETER) or "?" for node in nodes
                       if node.GetParameter(FORMAT_PARAMETER) not in (None, "", FORMAT)})

    @classmethod
    def of(cls, volumeNode: Any) -> Optional["Result"]:
        """The newest complete result of a volume."""
        if volumeNode is None:
            return None
        return next((each for each in reversed(cls.all()) if each.input is volumeNode and each.complete), None)

    @classmethod
    def byVolume(cls) -> Dict[str, "Result"]:
        """The newest complete result of each volume of the scene, by the ID of the volume."""
        newest = {result.input.GetID(): result for result in cls.all() if result.input is not None and result.complete}
        return newest

    # -- nodes --------------------------------------------------------------------------------------------------------

    def add(self, role: str, nodeClass: str, name: str) -> Any:
        """A new node of the scene that this result owns under `role` (one of `OWNED`).  What no reader needs is hidden
        from the start: Slicer's subject hierarchy leaves it out then."""
        node = getattr(slicer, nodeClass)()
        node.SetName(name)
        node.SetHideFromEditors(role not in VISIBLE)
        slicer.mrmlScene.AddNode(node)
        self.node.SetNodeReferenceID("spmamba" + role, node.GetID())
        return node

    def get(self, role: str) -> Any:
        """The node of a role of `OWNED`; None if it was deleted."""
        return self.node.GetNodeReference("spmamba" + role)

    @property
    def input(self) -> Any:
        return self.node.GetNodeReference(INPUT)

    @property
    def inputName(self) -> str:
        """Of the volume, also when it has left the scene: as it was called when it was analysed."""
        return str(self.input.GetName() if self.input is not None else self.node.GetParameter(NAME_PARAMETER) or "")

    @property
    def identity(self) -> str:
        """In the log: no other result has it, in no scene.  Node IDs change when scenes are added to one another."""
        return str(self.node.GetParameter(IDENTITY_PARAMETER) or self.node.GetID())

    @property
    def map(self) -> Any:
        """Anomaly map, float32 vtkMRMLScalarVolumeNode in units of normal spread."""
        return self.get("map")

    @property
    def severity(self) -> Any:
        """Colored label layer, vtkMRMLLabelMapVolumeNode: 0 or a 1-based severity band."""
        return self.get("severity")

    @property
    def segmentation(self) -> Any:
        return self.get("segmentation")

    @property
    def complete(self) -> bool:
        """False once a node is gone without which nothing can be reviewed, or what is kept of it makes no sense."""
        there = None not in (self.map, self.severity, self.segmentation, self.get("findings"), self.get("slices"))
        return there and self._isSound

    @property
    def _isSound(self) -> bool:
        """Whether summary and tables, which a file or a user may have changed, still say what a review needs."""
        facts = self._known
        if not facts.usable or facts.calibration is None:
            return False
        tables = [(self.get(role).GetTable(), columns) for role, columns in NEEDED.items()]
        return all(
            not table.GetNumberOfRows() or all(table.GetColumnByName(name) is not None for name in columns)
            for table, columns in tables)

    def remove(self) -> None:
        """Take all nodes of this result out of the scene, with their display nodes and hierarchy items."""
        scene = slicer.mrmlScene
        self.node.SetParameter(FORMAT_PARAMETER, "")  # first: nobody is to find, or to mend, what goes
        hierarchy = scene.GetSubjectHierarchyNode()
        folders = set()
        for role in OWNED:
            node = self.get(role)
            if node is None:
                continue
            item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
            if item:
                folders.add(hierarchy.GetItemParent(item))
                hierarchy.RemoveItem(item, False, True)
            helpers = []
            if node.IsA("vtkMRMLDisplayableNode"):
                helpers += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
            if node.IsA("vtkMRMLStorableNode"):
                helpers += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
            for each in (node, *helpers):
                if each is not None and each.GetScene() is scene:
                    scene.RemoveNode(each)
        if self.node.GetScene() is scene:
            scene.RemoveNode(self.node)
        for folder in folders:
            if hierarchy.GetItemAttribute(folder, FOLDER) and not hierarchy.GetNumberOfItemChildren(folder):
                hierarchy.RemoveItem(folder, False, False)

    def _kept(self, name: str, default: Any) -> Any:
        """JSON of a parameter; `default` where there is none, or where it was damaged."""
        try:
            return json.loads(self.node.GetParameter(name) or "null") or default
        except ValueError:
            return default

    # -- facts --------------------------------------------------------------------------------------------------------

    @property
    def _known(self) -> SummaryFacts:
        return summaryFacts(self.node.GetID(), str(self.node.GetParameter(SUMMARY_PARAMETER) or ""))

    @property
    def summary(self) -> Dict[str, Any]:
        """A copy of `SUMMARY_FIELDS` of ``result.json``; threshold and rate are those shown now."""
        return dict(self._known.summary)

    @summary.setter
    def summary(self, value: Dict[str, Any]) -> None:
        self.node.SetParameter(SUMMARY_PARAMETER, json.dumps(value, separators=(",", ":")))

    @property
    def notices(self) -> List[str]:
        """What the reader must know of the result, such as that the scan is foreign to the model."""
        return [str(notice.get("message", "")) for notice in self.summary.get("notices", ())]

    @property
    def decisions(self) -> Decisions:
        """A copy: changes count once it is set again."""
        found = self._kept(DECISIONS_PARAMETER, [])
        return Decisions([entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else [])

    @decisions.setter
    def decisions(self, value: Decisions) -> None:
        self.node.SetParameter(DECISIONS_PARAMETER, json.dumps(value.entries, separators=(",", ":")))

    @property
    def reviewed(self) -> bool:
        """The reader has said so, of a volume without findings."""
        return self.node.GetParameter(REVIEWED_PARAMETER) == "1"

    @reviewed.setter
    def reviewed(self, value: bool) -> None:
        self.node.SetParameter(REVIEWED_PARAMETER, "1" if value else "")

    @property
    def exported(self) -> Dict[str, Dict[str, Stamp]]:
        """Files written, by folder and name; see `export.naming`."""
        found = self._kept(EXPORTED_PARAMETER, {})
        return found if isinstance(found, dict) else {}

    @exported.setter
    def exported(self, value: Dict[str, Dict[str, Stamp]]) -> None:
        self.node.SetParameter(EXPORTED_PARAMETER, json.dumps(value, separators=(",", ":")))

    @property
    def calibration(self) -> Calibration:
        known = self._known
        return known.calibration or Calibration.from_dict(known.summary["calibration"])

    @property
    def scanVerdict(self) -> Optional[ScanVerdict]:
        """Whether the scan is unusual as a whole, at the operating point shown; None where the model cannot tell, and
        for a result of an older version."""
        summary = self.summary
        try:
            return ScanVerdict.from_dict(summary["scan_verdict"]).at(float(summary["false_positive_rate"]))
        except (KeyError, TypeError, ValueError):
            return None

    def setOperatingPoint(self, rate: float, threshold: float) -> None:
        self.summary = dict(self.summary, false_positive_rate=rate, threshold=threshold)
