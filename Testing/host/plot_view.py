"""Stand-ins of the plot view widgets: a real VTK chart that follows the scene's chart node, behind a picture."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from host.mrml_widgets import qMRMLWidget
from host.rendered_view import RenderedView

_REACH = 8  # pixels from a click to the point it means
_PENS = {
    "LineStyleNone": vtk.vtkPen.NO_PEN, "LineStyleSolid": vtk.vtkPen.SOLID_LINE, "LineStyleDash": vtk.vtkPen.DASH_LINE,
    "LineStyleDot": vtk.vtkPen.DOT_LINE, "LineStyleDashDot": vtk.vtkPen.DASH_DOT_LINE,
}
_MARKERS = ("None", "Cross", "Plus", "Square", "Circle", "Diamond")  # VTK counts them in this order
_BACKGROUND = (255, 253, 246, 255)


class qMRMLPlotView(RenderedView):
    """The picture of one plot view."""

    dataSelected = QtCore.Signal(object, object)  # vtkStringArray of series IDs, vtkCollection of vtkIdTypeArray

    def __init__(self, *parent):
        super().__init__(*parent)
        self._viewNode = None
        self._observed = []
        self._plots = []
        self._selected = {}  # row by the ID of its series
        self._chart = vtk.vtkChartXY()
        self._chart.GetBackgroundBrush().SetColor(*_BACKGROUND)
        self._actor = vtk.vtkContextActor()
        self._actor.GetScene().AddItem(self._chart)
        self._actor.GetScene().SetRenderer(self._renderer)
        self._renderer.SetBackground(1, 1, 1)
        self._renderer.AddActor(self._actor)
        self._refreshTimer = QtCore.QTimer(self)
        self._refreshTimer.setSingleShot(True)
        self._refreshTimer.setInterval(0)
        self._refreshTimer.timeout.connect(self._refresh)

    def chart(self):
        return self._chart

    def setMRMLPlotViewNode(self, node):
        self._viewNode = node
        node.AddObserver("ModifiedEvent", lambda caller, event: self._refreshTimer.start())
        self._refreshTimer.start()

    def fitToContent(self):
        self._chart.RecalculateBounds()
        self._scheduleRender()

    # inside
    def _refresh(self):
        """Take over chart, series and tables as they are now, and watch them."""
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        node = slicer.mrmlScene.GetNodeByID(self._viewNode.GetPlotChartNodeID() or "")
        count = node.GetNumberOfPlotSeriesNodes() if node is not None else 0
        series = [node.GetNthPlotSeriesNode(n) for n in range(count)]
        series = [each for each in series if each is not None]
        watched = [node, *series, *(each.GetTableNode() for each in series)]
        self._observed = [
            (each, each.AddObserver("ModifiedEvent", lambda caller, event: self._refreshTimer.start()))
            for each in {id(each): each for each in watched if each is not None}.values()
        ]
        self._chart.ClearPlots()
        self._plots = [(each, plot) for each, plot in zip(series, map(_plotOf, series)) if plot is not None]
        for _series, plot in self._plots:
            self._chart.AddPlot(plot)
        if node is not None:
            self._takeAxes(node)
        self._chart.RecalculateBounds()
        self._scheduleRender()

    def _takeAxes(self, node):
        self._chart.SetTitle(node.GetTitle() if node.GetTitleVisibility() else "")
        self._chart.SetShowLegend(bool(node.GetLegendVisibility()))
        for place, axis in ((vtk.vtkAxis.BOTTOM, "X"), (vtk.vtkAxis.LEFT, "Y")):
            self._chart.GetAxis(place).SetTitle(getattr(node, f"Get{axis}AxisTitle")() or "")
            self._chart.GetAxis(place).SetGridVisible(bool(node.GetGridVisibility()))
            if not getattr(node, f"Get{axis}AxisRangeAuto")():
                self._chart.GetAxis(place).SetBehavior(vtk.vtkAxis.FIXED)
                self._chart.GetAxis(place).SetRange(*getattr(node, f"Get{axis}AxisRange")())

    def _pixelOf(self, points):
        """Pixels from the lower left corner of data points (n, 2)."""
        low = np.array([self._chart.GetAxis(place).GetMinimum() for place in (vtk.vtkAxis.BOTTOM, vtk.vtkAxis.LEFT)])
        high = np.array([self._chart.GetAxis(place).GetMaximum() for place in (vtk.vtkAxis.BOTTOM, vtk.vtkAxis.LEFT)])
        corner, opposite = np.array(self._chart.GetPoint1(), float), np.array(self._chart.GetPoint2(), float)
        return corner + (points - low) / (high - low) * (opposite - corner)

    def mousePressEvent(self, event):
        """A click near points selects them, one for each series; elsewhere it changes nothing.

        As seen in Slicer 5.12: told twice, first with what was selected before; always all series that have a
        selection, which they keep when their table changes; a click on nothing is told too.
        """
        super().mousePressEvent(event)
        click = np.array([event.position().x(), self.height - 1 - event.position().y()])
        self._tellSelection()
        for series, _plot in self._plots:
            if series.GetPlotType() != slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter:
                continue
            with np.errstate(invalid="ignore"):
                distances = np.linalg.norm(self._pixelOf(_points(series)) - click, axis=1)
            if np.isfinite(distances).any() and np.nanmin(distances) <= _REACH:
                self._selected[series.GetID()] = int(np.nanargmin(distances))
        self._tellSelection()

    def _tellSelection(self):
        ids, selection = vtk.vtkStringArray(), vtk.vtkCollection()
        for seriesId, row in self._selected.items():
            rows = vtk.vtkIdTypeArray()
            rows.InsertNextValue(row)
            ids.InsertNextValue(seriesId)
            selection.AddItem(rows)
        self.dataSelected.emit(ids, selection)

    def RemovePlotSelections(self):
        self._selected = {}


def _points(series):
    table = series.GetTableNode().GetTable()
    names = (series.GetXColumnName(), series.GetYColumnName())
    return np.array([[table.GetValueByName(n, name).ToDouble() for name in names] for n in
                     range(table.GetNumberOfRows())]).reshape(-1, 2)


def _plotOf(series):
    """The VTK plot of a series node, as Slicer makes it; None while its columns are missing."""
    table = series.GetTableNode().GetTable() if series.GetTableNode() is not None else None
    names = (series.GetXColumnName(), series.GetYColumnName())
    if table is None or any(table.GetColumnByName(name or "") is None for name in names):
        return None
    bars = series.GetPlotType() == slicer.vtkMRMLPlotSeriesNode.PlotTypeScatterBar
    plot = vtk.vtkPlotBar() if bars else vtk.vtkPlotLine()
    plot.SetInputData(table, *names)
    plot.SetWidth(series.GetLineWidth())
    plot.SetColorF(*series.GetColor())
    plot.SetOpacity(series.GetOpacity())
    plot.GetPen().SetOpacityF(series.GetOpacity())
    plot.GetPen().SetLineType(_penOf(series))
    plot.SetLabel(series.GetName())
    if not bars:
        plot.SetMarkerSize(series.GetMarkerSize())
        plot.SetMarkerStyle(_markerOf(series))
    return plot


def _penOf(series):
    node = slicer.vtkMRMLPlotSeriesNode
    return next((pen for name, pen in _PENS.items() if getattr(node, name) == series.GetLineStyle()), 0)


def _markerOf(series):
    node = slicer.vtkMRMLPlotSeriesNode
    return next(n for n, name in enumerate(_MARKERS) if getattr(node, "MarkerStyle" + name) == series.GetMarkerStyle())


class qMRMLPlotWidget(qMRMLWidget):
    """A plot view; the real one has a controller bar above."""

    def __init__(self, *parent):
        super().__init__(*parent)
        self._view = qMRMLPlotView()
        self._viewNode = None
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._view, 1)

    def setMRMLPlotViewNode(self, node):
        self._viewNode = node
        self._view.setMRMLPlotViewNode(node)

    def mrmlPlotViewNode(self):
        return self._viewNode

    def plotView(self):
        return self._view
