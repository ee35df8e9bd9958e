"""SP-Mamba for 3D Slicer: marks what is unusual in a medical image, after training on normal images only.

The module, its widget, logic and test as Slicer wants them; what they do lies in SPMambaPanel.
"""
from __future__ import annotations

import sys
from typing import Any, Dict, List, Optional

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin
from SPMambaPanel.casecontroller import CaseController
from SPMambaPanel.scene.parameters import SPMambaParameterNode
from SPMambaPanel.scene.result import Result
from SPMambaPanel.sections.shortcuts import Shortcuts

from SPMambaLib import bundle
from SPMambaLib.errors import SPMambaError


class SPMamba(ScriptedLoadableModule):
    """Name, place and help of the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "SP-Mamba"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = []
        parent.contributors = ["The SP-Mamba for 3D Slicer contributors"]
        parent.helpText = _("Marks what is unusual in a medical image: select a volume and a model, click Detect "
                            "anomalies, walk from finding to finding, export the segments. The models have seen normal "
                            "images only. Research use only, not for diagnosis.")
        parent.acknowledgementText = _("Method: SP-Mamba, an unsupervised detector of anomalies in medical images with "
                                       "spatially bound prototypes and a state space decoder.")


class SPMambaWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Life of the panel: set up, entered, left, scene closed and loaded, cleaned up."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SPMamba.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.inputSelector.setMRMLScene(slicer.mrmlScene)
        self.logic = SPMambaLogic()
        self.workplace = CaseController(self.ui, self.logic.cards)
        self.shortcuts = Shortcuts(self.workplace.views.actions, uiWidget)
        self.workplace.worklist.onMore = self.onMoreVolumes
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneReplaced)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneReplaced)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.addObserver(scene, scene.NodeAddedEvent, self.onNodeAdded)
        if self.parent.isEntered:  # reloaded; otherwise entering does it
            self.initializeParameterNode()

    def cleanup(self) -> None:
        """The module is unloaded or Slicer quits: leave no process, observer or key behind."""
        self.removeObservers()
        self.shortcuts.remove()
        self.workplace.close()

    def enter(self) -> None:
        self.shortcuts.install()
        self.initializeParameterNode()
        self.workplace.guard.onViewsChanged()
        self.workplace.restoreViews()  # the Segment Editor takes the label layer out of the views

    def exit(self) -> None:
        self.shortcuts.remove()
        self.workplace.views.leave()

    def onReload(self) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "SPMambaPanel"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        self.workplace.dropRun()
        self.workplace.setParameters(None)

    def onSceneReplaced(self, caller: Any, event: Any) -> None:
        """A closed or loaded scene has another parameter node, or the same with other values."""
        if self.parent.isEntered or self.workplace.parameters is not None:
            self.initializeParameterNode()  # otherwise entering the module does it
            self.workplace.tellForeignResults()

    def onNodeRemoved(self, caller: Any, event: Any) -> None:
        if not slicer.mrmlScene.IsClosing():
            self.workplace.checkInput()

    def onNodeAdded(self, caller: Any, event: Any) -> None:
        self.workplace.worklist.later()

    def initializeParameterNode(self) -> None:
        parameters = self.logic.getParameterNode()
        self.workplace.setParameters(parameters)
        if parameters.inputVolume is None:
            parameters.inputVolume = self.logic.shownVolume()

    def onMoreVolumes(self) -> None:
        """Volumes were loaded: where none was chosen, the panel takes one.  Later it follows the views, see
        `caseguard`."""
        parameters = self.workplace.parameters
        if parameters is not None and parameters.inputVolume is None and not self.workplace.machine.busy:
            parameters.inputVolume = self.logic.shownVolume()


class SPMambaLogic(ScriptedLoadableModuleLogic):
    """What needs no widget: parameter node, installed models, the volume that the reader looks at."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self._cards: Optional[List[Dict[str, Any]]] = None

    def getParameterNode(self) -> SPMambaParameterNode:
        return SPMambaParameterNode(ScriptedLoadableModuleLogic.getParameterNode(self))

    def cards(self) -> List[Dict[str, Any]]:
        """Cards of the installed models; one that cannot be read is left out."""
        if self._cards is None:
            self._cards = []
            for name in bundle.available_models():
                try:
                    card = bundle.check_card(bundle.read_card(bundle.find_bundle(name)))
                    self._cards.append({**card, "name": name})
                except SPMambaError as error:
                    slicer.util.showStatusMessage("{}: {}".format(name, error.message))
        return self._cards

    def shownVolume(self) -> Any:
        """The volume that the reader looks at: background of the slice views, otherwise the first one loaded."""
        maps = [result.map for result in Result.all()]
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        shown = [slicer.mrmlScene.GetNodeByID(each.GetBackgroundVolumeID() or "") for each in composites]
        for node in shown + slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
            if node is not None and node.GetClassName() == "vtkMRMLScalarVolumeNode" and node not in maps:
                return node
        return None


class SPMambaTest(ScriptedLoadableModuleTest):
    """Runs inside Slicer: without network, torch or main window."""

    def runTest(self) -> None:
        from SPMambaPanel.selftests import selftest  # here: who opens the panel needs none of it

        selftest.SelfTests(self).run()
