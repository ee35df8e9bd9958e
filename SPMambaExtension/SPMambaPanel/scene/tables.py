"""Findings and slice scores as table nodes: the scene's record of them, saved and loaded with it.

Columns are found by name, so that later versions may add some.  Text that a reader sees is made in the panel.
"""
from __future__ import annotations

from dataclasses import asdict
from typing import AbstractSet, Any, Dict, List, Sequence, Tuple

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from SPMambaLib.detection import Finding

from ..model.applydecisions import Settled
from ..model.decisions import Verdict
from ..model.regions import Region

TEXT, INTEGER, NUMBER = vtk.VTK_STRING, vtk.VTK_INT, vtk.VTK_DOUBLE
FINDING_COLUMNS: Tuple[Tuple[str, int], ...] = (
    ("rank", INTEGER), ("segment", TEXT), ("right", NUMBER), ("anterior", NUMBER), ("superior", NUMBER),
    ("size_i_mm", NUMBER), ("size_j_mm", NUMBER), ("size_k_mm", NUMBER), ("volume_ml", NUMBER), ("voxels", INTEGER),
    ("peak", NUMBER), ("mean", NUMBER), ("band", INTEGER), ("false_positive_rate", NUMBER), ("residual", NUMBER),
    ("prototype", NUMBER), ("mirror", NUMBER), ("intensity", NUMBER), ("contrast", NUMBER), ("concentration", NUMBER),
    ("decision", TEXT), ("reason", TEXT), ("note", TEXT), ("region", TEXT))
SLICE_COLUMNS: Tuple[Tuple[str, int], ...] = (
    ("slice", INTEGER), ("score", NUMBER), ("peak", NUMBER), ("analysed", INTEGER), ("right", NUMBER),
    ("anterior", NUMBER), ("superior", NUMBER), ("seen", INTEGER))
COMPONENTS = ("residual", "prototype", "mirror", "intensity", "contrast", "concentration")

REGION_SEPARATOR = "; "  # between the places of a merged finding

Row = Dict[str, Any]


def segmentName(rank: int) -> str:
    return _("Anomaly {rank}").format(rank=rank)


def segmentId(rank: int) -> str:
    return "Anomaly_{}".format(rank)


def findingRow(finding: Finding) -> Row:
    right, anterior, superior = finding.peak_ras
    row = {"rank": finding.label, "segment": segmentName(finding.label), "right": right, "anterior": anterior,
           "superior": superior, "volume_ml": finding.volume_mm3 / 1000.0, "voxels": finding.voxels,
           "peak": finding.peak, "mean": finding.mean, "band": finding.band,
           "false_positive_rate": finding.false_positive_rate}
    row.update(zip(("size_i_mm", "size_j_mm", "size_k_mm"), finding.size_mm))
    row.update({name: finding.components[name] for name in COMPONENTS if name in finding.components})
    return row


def rasOf(row: Row) -> Tuple[float, float, float]:
    """RAS mm of the peak of a finding, or of the middle of a slice, in the volume's own coordinates."""
    return row["right"], row["anterior"], row["superior"]


def ijkOf(row: Row, ijkToRas: np.ndarray) -> List[float]:
    """The same in voxels (I, J, K) of a grid; not rounded."""
    return np.linalg.solve(ijkToRas, [*rasOf(row), 1.0])[:3].tolist()


def sliceRow(entry: Dict[str, Any]) -> Row:
    """Row of one entry of ``result.json``'s "slices"."""
    right, anterior, superior = entry["ras"]
    return {"slice": entry["index"], "score": entry["score"], "peak": entry["peak"],
            "analysed": int(entry.get("analysed", True)), "right": right, "anterior": anterior, "superior": superior,
            "seen": 0}


def writeTable(tableNode: Any, columns: Sequence[Tuple[str, int]], rows: Sequence[Row]) -> None:
    """Replace the content of a table node.  Every row has a value for every column."""
    with slicer.util.NodeModify(tableNode):
        tableNode.RemoveAllColumns()
        for name, kind in columns:
            array = vtk.vtkStringArray() if kind == TEXT else vtk.vtkDataArray.CreateDataArray(kind)
            array.SetName(name)
            array.SetNumberOfValues(len(rows))
            for index, row in enumerate(rows):
                array.SetValue(index, row[name])
            tableNode.AddColumn(array)
            tableNode.SetColumnType(name, kind)


def readTable(tableNode: Any, columns: Sequence[Tuple[str, int]]) -> List[Row]:
    """The rows of a table node.  A file may have turned numbers into text; unknown columns are left alone."""
    table = tableNode.GetTable()
    read = {TEXT: lambda v: v.ToString(), INTEGER: lambda v: v.ToInt(), NUMBER: lambda v: v.ToDouble()}
    present = [(name, read[kind]) for name, kind in columns if table.GetColumnByName(name) is not None]
    return [{name: convert(table.GetValueByName(index, name)) for name, convert in present}
            for index in range(table.GetNumberOfRows())]


def writeFindings(tableNode: Any, settled: Settled) -> None:
    """Findings with their decisions.

    Components that are not known of all findings have no column: a model lacks some of them.
    """
    rows = []
    for finding, places, verdict in zip(settled.findings, settled.places, settled.verdicts):
        region = REGION_SEPARATOR.join(place.text for place in places)
        rows.append({**findingRow(finding), **asdict(verdict), "region": region})
    columns = [column for column in FINDING_COLUMNS
               if column[0] not in COMPONENTS or (rows and all(column[0] in row for row in rows))]
    writeTable(tableNode, columns, rows)


def readFindings(tableNode: Any) -> List[Row]:
    """Rows of the findings; those of an older version are undecided."""
    undecided = {"decision": "", "reason": "", "note": "", "region": ""}
    return [{**undecided, **row} for row in readTable(tableNode, FINDING_COLUMNS)]


def writeVerdict(tableNode: Any, row: Row, verdict: Verdict) -> None:
    """Write the decision of one finding into its row, as a reader of the table node sees it too."""
    table = tableNode.GetTable()
    row.update(asdict(verdict))
    for name, value in asdict(verdict).items():
        table.GetColumnByName(name).SetValue(row["rank"] - 1, value)
    table.Modified()
    tableNode.Modified()


def placesOf(row: Row) -> List[Region]:
    """The regions of a finding; none if it comes from an older version."""
    return [Region.fromText(text) for text in row["region"].split(REGION_SEPARATOR) if text]


def readSlices(tableNode: Any) -> List[Row]:
    return readTable(tableNode, SLICE_COLUMNS)


def writeSeen(tableNode: Any, seen: AbstractSet[int]) -> None:
    """Write which slices were seen into a table of slice scores; one of an older version gets the column."""
    rows = readSlices(tableNode)
    flags = [int(row["slice"] in seen) for row in rows]
    if [row.get("seen") for row in rows] != flags:
        present = [column for column in SLICE_COLUMNS if column[0] == "seen" or (rows and column[0] in rows[0])]
        writeTable(tableNode, present, [dict(row, seen=flag) for row, flag in zip(rows, flags)])
