"""Stand-ins of the layout manager and the main window: panel on the left, three slice views and one 3D view."""

from __future__ import annotations

import slicer
from PySide6 import QtCore, QtWidgets

from host import rendered_view
from host.slice_view import qMRMLSliceWidget
from host.threed_view import qMRMLThreeDWidget

ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class qMRMLLayoutManager(QtCore.QObject):
    """The views of the scene. The layout number is kept in the scene, the arrangement shown is always the same."""

    layoutChanged = QtCore.Signal(int)

    def __init__(self, *parent):
        super().__init__(*parent)
        self._sliceWidgets = {}
        self._threeDWidget = None

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
        self._layoutNode.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._shownLayout = self._layoutNode.GetViewArrangement()
        self._layoutNode.AddObserver("ModifiedEvent", lambda caller, event: self._onLayoutModified())

    def _onLayoutModified(self):
        if self._layoutNode.GetViewArrangement() != self._shownLayout:
            self._shownLayout = self._layoutNode.GetViewArrangement()
            self.layoutChanged.emit(self._shownLayout)

    def _views(self):
        return [w.sliceView() for w in self._sliceWidgets.values()] + [self._threeDWidget.threeDView()]

    def sliceViewNames(self):
        return tuple(self._sliceWidgets)

    def sliceWidget(self, name):
        return self._sliceWidgets.get(name)

    def threeDWidget(self, index):
        return self._threeDWidget if index in (0, "1") else None

    def tableWidget(self, index):
        return None

    def plotWidget(self, index):
        return None

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
    plotViewCount = QtCore.Property(int, lambda self: 0)


class qSlicerLayoutManager(qMRMLLayoutManager):
    """The layout manager of the application."""


class qSlicerMainWindow(QtWidgets.QMainWindow):
    """Panel of the module on the left, the views on the right, a status bar below."""

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

    def _showViews(self, layoutManager):
        """Arrange the views as Slicer's four-up layout: axial and 3D above, coronal and sagittal below."""
        self._grid.addWidget(layoutManager.sliceWidget("Red"), 0, 0)
        self._grid.addWidget(layoutManager.threeDWidget(0), 0, 1)
        self._grid.addWidget(layoutManager.sliceWidget("Green"), 1, 0)
        self._grid.addWidget(layoutManager.sliceWidget("Yellow"), 1, 1)
        for i in (0, 1):
            self._grid.setRowStretch(i, 1)
            self._grid.setColumnStretch(i, 1)

    def _showPanel(self, panel):
        if self._panelArea.widget() is not panel:
            self._panelArea.takeWidget()
            self._panelArea.setWidget(panel)
            panel.show()
