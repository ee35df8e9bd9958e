"""Stand-ins of the layout manager and the main window: panel on the left, slice views, 3D view and plot view."""

from __future__ import annotations

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from host import rendered_view
from host.plot_view import qMRMLPlotWidget
from host.segment_editor import qSlicerModuleSelectorToolBar
from host.slice_view import qMRMLSliceWidget
from host.threed_view import qMRMLThreeDWidget

ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class qMRMLLayoutManager(QtCore.QObject):
    """The views of the scene, and the layout that says which of them are shown."""

    layoutChanged = QtCore.Signal(int)

    def __init__(self, *parent):
        super().__init__(*parent)
        self._sliceWidgets = {}
        self._threeDWidget = None
        self._plotWidget = None

    def _open(self, scene, applicationLogic):
        self._scene, self._applicationLogic = scene, applicationLogic
        # Before the layout: slice and view logics make their nodes, and would not use those that the layout makes.
        for name, orientation in ORIENTATIONS.items():
            widget = qMRMLSliceWidget()
            widget._open(name, orientation, scene, applicationLogic)
            self._sliceWidgets[name] = widget
        self._threeDWidget = qMRMLThreeDWidget()
        self._threeDWidget._open(scene, applicationLogic)
        self._layoutLogic = slicer.vtkMRMLLayoutLogic()
        self._layoutLogic.SetMRMLScene(scene)
        self._layoutNode = self._layoutLogic.GetLayoutNode()
        self._layoutNode.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)  # makes the plot node
        self._plotWidget = qMRMLPlotWidget()
        self._plotWidget.setMRMLPlotViewNode(scene.GetFirstNodeByClass("vtkMRMLPlotViewNode"))
        self._layoutNode.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._shownLayout = self._layoutNode.GetViewArrangement()
        self._layoutNode.AddObserver("ModifiedEvent", lambda caller, event: self._onLayoutModified())

    def _onLayoutModified(self):
        if self._layoutNode.GetViewArrangement() != self._shownLayout:
            self._shownLayout = self._layoutNode.GetViewArrangement()
            self.layoutChanged.emit(self._shownLayout)

    def _views(self):
        return [w.sliceView() for w in self._sliceWidgets.values()] + [
            self._threeDWidget.threeDView(), self._plotWidget.plotView()]

    def sliceViewNames(self):
        return tuple(self._sliceWidgets)

    def sliceWidget(self, name):
        return self._sliceWidgets.get(name)

    def threeDWidget(self, index):
        return self._threeDWidget if index in (0, "1") else None

    def tableWidget(self, index):
        return None

    def plotWidget(self, index):
        return self._plotWidget if index == 0 else None

    def mrmlScene(self):
        return self._scene

    def mrmlSliceLogics(self):
        return self._applicationLogic.GetSliceLogics()

    def mrmlViewLogics(self):
        return self._applicationLogic.GetViewLogics()

    def layoutLogic(self):
        return self._layoutLogic

    def activeMRMLThreeDViewNode(self):
        return self._threeDWidget.mrmlViewNode()

    def resetSliceViews(self):
        for widget in self._sliceWidgets.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self):
        self._threeDWidget.threeDView().resetFocalPoint()
        self._threeDWidget.threeDView().resetCamera()

    def setLayout(self, layout):
        self._layoutNode.SetViewArrangement(layout)

    def pauseRender(self):
        rendered_view.pauseRender()

    def resumeRender(self):
        rendered_view.resumeRender(self._views())

    layout = QtCore.Property(int, lambda self: self._layoutNode.GetViewArrangement(), setLayout)
    threeDViewCount = QtCore.Property(int, lambda self: 1)
    tableViewCount = QtCore.Property(int, lambda self: 0)
    plotViewCount = QtCore.Property(int, lambda self: 1)


class qSlicerLayoutManager(qMRMLLayoutManager):
    """The layout manager of the application."""


class qSlicerMainWindow(QtWidgets.QMainWindow):
    """Panel of the module on the left, the views on the right, a status bar below.

    As seen in Slicer 5.12: the panel is never narrower than what is in it needs at least, so that the view area shrinks
    when a text grows; Alt+Left and Alt+Right go through the module history.
    """

    _panelWidth = 460

    def __init__(self, *parent):
        super().__init__(*parent)
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer test host")
        self._panelArea = QtWidgets.QScrollArea()
        self._panelArea.setWidgetResizable(True)
        self._panelArea.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarAlwaysOff)
        self._panelArea.setMinimumWidth(self._panelWidth)
        self._grid = QtWidgets.QGridLayout()
        self._grid.setSpacing(2)
        self._grid.setContentsMargins(0, 0, 0, 0)
        views = QtWidgets.QWidget()
        views.setLayout(self._grid)
        splitter = QtWidgets.QSplitter()
        splitter.addWidget(self._panelArea)
        splitter.addWidget(views)
        splitter.setStretchFactor(1, 1)
        self.setCentralWidget(splitter)
        self.setStatusBar(QtWidgets.QStatusBar())
        self._selector = qSlicerModuleSelectorToolBar()
        for key in ("Alt+Left", "Alt+Right"):
            QtGui.QShortcut(QtGui.QKeySequence(key), self)

    def moduleSelector(self):
        return self._selector

    def eventFilter(self, watched, event):
        if watched is self._panelArea.widget() and event.type() == QtCore.QEvent.Type.LayoutRequest:
            self._widen()
        return super().eventFilter(watched, event)

    def _widen(self):
        """As wide as the panel needs at least, never narrower than it was made."""
        bar = self.style().pixelMetric(QtWidgets.QStyle.PixelMetric.PM_ScrollBarExtent)
        needed = self._panelArea.widget().layout().totalMinimumSize().width() + bar + 2
        self._panelArea.setMinimumWidth(max(self._panelWidth, needed))

    def _showViews(self, layoutManager):
        self._layoutManager = layoutManager
        layoutManager.layoutChanged.connect(lambda layout: self._arrange())
        self._arrange()

    def _arrange(self):
        """The views of Slicer's four-up, four-up plot, side-by-side and red layouts; others are shown as four-up.
        Slice nodes know whether their view is in the layout, as in Slicer."""
        manager, node = self._layoutManager, slicer.vtkMRMLLayoutNode
        red, green, yellow = (manager.sliceWidget(name) for name in ("Red", "Green", "Yellow"))
        threeD, plot = manager.threeDWidget(0), manager.plotWidget(0)
        rows = {
            node.SlicerLayoutFourUpPlotView: ((red, plot), (green, yellow)),
            node.SlicerLayoutSideBySideView: ((red, yellow),),
            node.SlicerLayoutOneUpRedSliceView: ((red,),),
        }.get(manager.layout, ((red, threeD), (green, yellow)))
        for widget in (red, green, yellow, threeD, plot):
            self._grid.removeWidget(widget)
            widget.setParent(self._grid.parentWidget())
            widget.setVisible(any(widget in row for row in rows))
        for widget in (red, green, yellow):
            widget.mrmlSliceNode().SetMappedInLayout(int(any(widget in row for row in rows)))
        for i in (0, 1):
            self._grid.setRowStretch(i, 1 if i < len(rows) else 0)
            self._grid.setColumnStretch(i, 1)
        for i, row in enumerate(rows):
            for j, widget in enumerate(row):
                self._grid.addWidget(widget, i, j)

    def _showPanel(self, panel):
        if self._panelArea.widget() is not panel:
            self._panelArea.takeWidget()
            self._panelArea.setWidget(panel)
            panel.installEventFilter(self)
            panel.show()
            self._widen()
