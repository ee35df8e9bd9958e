"""Plot of the slices: highest map value of each, the range of normal slices behind, what is current and not yet seen.

The chart lives in the scene; a plot view of any layout may show it.  What it draws is rebuilt from the table of slice
scores, because a chart that was shown while the scene was saved comes back incomplete.
"""
from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import slicer
from slicer.i18n import tr as _

from . import tables
from .drawntext import drawn
from .result import Result
from .tables import NUMBER, Row

STROKES = 600  # vertical strokes that fill the normal range: Slicer's charts have no areas
SERIES = ("normalSeries", "thresholdSeries", "series", "unseenSeries", "currentSeries")  # from back to front
UNIT = 0.5  # half a slice
HEADROOM = 1.35  # above the highest value, for the legend


def fill(result: Result, name: str) -> None:
    """Make or mend chart, series and tables of a result; `name` is that of the volume."""
    for role in ("normalTable", "unseenTable", "marksTable"):
        _node(result, role, "vtkMRMLTableNode", name + " plot").SetHideFromEditors(1)
    series = slicer.vtkMRMLPlotSeriesNode
    line, none = series.LineStyleSolid, series.MarkerStyleNone
    titles = {"normalSeries": drawn(_("19 of 20 normal slices"), "19 of 20 normal slices"),
              "thresholdSeries": drawn(_("operating point"), "operating point"),
              "series": drawn(_("highest map value"), "highest map value"),
              "unseenSeries": drawn(_("not seen yet"), "not seen yet"),
              "currentSeries": drawn(_("current slice"), "current slice")}
    looks: Dict[str, Tuple[Any, ...]] = {
        "normalSeries": ("normalTable", "slice", "value", (0.84, 0.88, 0.9), line, none, 3),
        "thresholdSeries": ("marksTable", "across", "threshold", (0.35, 0.35, 0.35), series.LineStyleDash, none, 1.5),
        "series": ("slices", "slice", "peak", (0.8, 0.25, 0.05), line, none, 2),
        "unseenSeries": ("unseenTable", "slice", "peak", (0.0, 0.3, 0.6), series.LineStyleNone,
                         series.MarkerStyleCircle, 1),
        "currentSeries": ("marksTable", "current", "height", (0.0, 0.45, 0.3), line, none, 2)}
    for role, (table, x, y, color, lineStyle, marker, width) in looks.items():
        title = titles[role]
        node = _node(result, role, "vtkMRMLPlotSeriesNode", title)
        with slicer.util.NodeModify(node):
            node.SetAndObserveTableNodeID(result.get(table).GetID())
            node.SetXColumnName(x)
            node.SetYColumnName(y)
            node.SetPlotType(series.PlotTypeScatter)
            node.SetLineStyle(lineStyle)
            node.SetMarkerStyle(marker)
            node.SetMarkerSize(5)
            node.SetLineWidth(width)
            node.SetColor(*color)
            node.SetName(title)  # the legend shows it: no number for the second volume
    chart = _node(result, "chart", "vtkMRMLPlotChartNode", name + " slice scores")
    with slicer.util.NodeModify(chart):
        chart.RemoveAllPlotSeriesNodeIDs()
        for role in SERIES:
            chart.AddAndObservePlotSeriesNodeID(result.get(role).GetID())
        chart.SetTitle(drawn(_("Slices of {name}"), "Slices of {name}").format(name=name))
        chart.SetXAxisTitle(drawn(_("Slice"), "Slice"))
        chart.SetYAxisTitle(drawn(_("Highest map value (normal spread)"), "Highest map value (normal spread)"))
        chart.SetLegendVisibility(True)
        chart.SetGridVisibility(False)
    mark(result, (), None, float(result.summary["threshold"]))


def mark(result: Result, seen: Any, current: Any, threshold: float) -> None:
    """Bring the moving parts up to date: slices not in `seen`, the `current` slice or None, the operating point."""
    rows = [row for row in tables.readSlices(result.get("slices")) if row["analysed"]]
    rows.sort(key=lambda row: row["slice"])  # the model may have read them from the top down
    if not rows or None in [result.get(role) for role in ("normalTable", "unseenTable", "marksTable", "chart")]:
        return
    first, last = rows[0]["slice"] - UNIT, rows[-1]["slice"] + UNIT
    limit = result.calibration.threshold(0.05)
    top = max(limit, threshold, max(row["peak"] for row in rows)) * 1.05
    if not result.get("normalTable").GetNumberOfRows():
        _write(result, "normalTable", ("slice", "value"), _strokes(first, last, limit))
    _write(result, "unseenTable", ("slice", "peak"),
           [{"slice": row["slice"], "peak": row["peak"]} for row in rows if row["slice"] not in seen])
    chart = result.get("chart")
    with slicer.util.NodeModify(chart):
        for setAuto in (chart.SetXAxisRangeAuto, chart.SetYAxisRangeAuto):
            setAuto(False)
        chart.SetXAxisRange(first, last)
        chart.SetYAxisRange(0.0, HEADROOM * top)
    at = first if current is None else current
    _write(result, "marksTable", ("across", "threshold", "current", "height"),
           [{"across": first, "threshold": threshold, "current": at, "height": 0.0},
            {"across": last, "threshold": threshold, "current": at, "height": 0.0 if current is None else top}])


def sliceOfSelection(result: Result, ids: Sequence[str], rows: Sequence[int]) -> List[Row]:
    """Rows of the table of slice scores that a click on the chart means: series IDs, and the row of each in its
    table."""
    found = {row["slice"]: row for row in tables.readSlices(result.get("slices"))}
    chosen = []
    for role in ("unseenSeries", "series"):
        node = result.get(role)
        if node is not None and node.GetID() in ids:
            table = node.GetTableNode().GetTable()
            index = rows[list(ids).index(node.GetID())]
            if index < table.GetNumberOfRows():
                chosen.append(found[table.GetValueByName(index, "slice").ToInt()])
    return chosen


def _strokes(first: float, last: float, limit: float) -> List[Row]:
    step = (last - first) / STROKES
    heights = ((0.0, limit), (limit, 0.0))
    return [{"slice": first + step * n, "value": value} for n in range(STROKES + 1) for value in heights[n % 2]]


def _write(result: Result, role: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    tables.writeTable(result.get(role), [(name, NUMBER) for name in names], rows)


def _node(result: Result, role: str, nodeClass: str, name: str) -> Any:
    return result.get(role) or result.add(role, nodeClass, name)
