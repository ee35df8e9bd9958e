"""What a careless user does to the module: one method for each action of `misuse.py`."""
from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List

HERE = Path(__file__).resolve().parent
BEHAVIOURS = ("good", "good", "good", "patient", "crash", "once", "garbage", "error", "other", "misfit", "misfit")
MOST_VOLUMES = 4


class Careless:
    """Actions; `misuse.User` runs them.

    Args:
        seed: of the dice.
        folder: for scenes and exports.
        host: the running test host.
    """

    def __init__(self, seed: int, folder: Path, host: Any) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.host = host
        self.scenes: List[Path] = []
        self._translator: Any = None

    @property
    def widget(self) -> Any:
        import slicer

        return slicer.modules.SPMambaWidget

    @property
    def workplace(self) -> Any:
        return self.widget.workplace

    def any(self, items: List[Any]) -> Any:
        return self.random.choice(items) if items else None

    def synthetic(self) -> List[Any]:
        """Volumes but for the sample, which no prepared result fits."""
        from SPMambaPanel.sections import worklist
        from SPMambaPanel.selftests import selftest

        shape = tuple(reversed(selftest.SHAPE))
        return [each for each in worklist.volumes() if each.GetImageData().GetDimensions() == shape]

    def remove(self, node: Any) -> None:
        if node is not None and node.GetScene() is self.host.scene:
            self.host.scene.RemoveNode(node)

    def useWorker(self, behaviour: str) -> None:
        """Another worker from now on; its result fits the synthetic volumes."""
        folder = self.folder / "prepared"
        if not folder.exists():
            import slicer
            from SPMambaPanel.selftests import selftest

            folder.mkdir()
            volume = selftest.syntheticVolume("Model")
            selftest.writeResult(folder, volume)
            slicer.mrmlScene.RemoveNode(volume)
        (folder / "crashed").unlink(missing_ok=True)
        self.workplace.worker.stop()
        self.workplace.worker.command = [sys.executable, "-u", str(HERE / "fake_worker.py"), behaviour, str(folder)]

    # -- actions ------------------------------------------------------------------------------------------------------

    def actions(self) -> Dict[Callable[[], None], int]:
        """How often each one is taken."""
        return {self.addVolume: 6, self.detect: 12, self.detectAll: 5, self.wait: 18, self.chooseVolume: 8,
                self.chooseFinding: 8, self.decide: 8, self.reason: 3, self.note: 4, self.merge: 3, self.slide: 8,
                self.filter: 4, self.walk: 6, self.overlay: 3, self.deleteInput: 2, self.deleteNode: 4,
                self.deleteRecord: 1, self.closeScene: 1, self.save: 1, self.load: 2, self.export: 2,
                self.killWorker: 1, self.changeWorker: 3, self.leaveAndEnter: 2, self.reload: 1, self.quit: 1,
                self.landscape: 14, self.detectAnyway: 6, self.loadSample: 1, self.compare: 4, self.blink: 2,
                self.why: 5, self.plot: 2, self.unseen: 3, self.keys: 1, self.layout: 2, self.choices: 4,
                self.reviewed: 2, self.editSegments: 2, self.deleteCase: 1, self.deleteLog: 1, self.addScene: 1,
                self.switchLanguage: 1, self.rename: 1, self.chooseNothing: 2}

    def addVolume(self) -> None:
        from SPMambaPanel.sections import worklist
        from SPMambaPanel.selftests import selftest

        if len(worklist.volumes()) < MOST_VOLUMES:
            selftest.syntheticVolume("Volume")

    def landscape(self) -> None:
        """A result with three findings appears."""
        from landscape import landscape

        volume = self.any(self.synthetic())
        if volume is not None and not self.workplace.machine.busy:
            result = landscape(volume)
            if self.workplace.review.result is not None and self.workplace.review.result.node is result.node:
                self.workplace.review.open(result)  # its table was written behind the panel's back
            self.workplace.update()

    def detect(self) -> None:
        self.workplace.ui.detectButton.click()

    def detectAll(self) -> None:
        self.workplace.ui.detectAllButton.click()

    def wait(self) -> None:
        self.host.processEvents(self.random.choice((1, 10, 50, 200, 400)))

    def chooseVolume(self) -> None:
        self.workplace.ui.worklistTable.cellClicked.emit(self.random.randrange(MOST_VOLUMES), 0)

    def chooseFinding(self) -> None:
        table = self.workplace.ui.findingsTable
        if table.rowCount:
            table.selectRow(self.random.randrange(table.rowCount))

    def decide(self) -> None:
        ui = self.workplace.ui
        self.random.choice((ui.acceptButton, ui.rejectButton, ui.unsureButton)).click()

    def reason(self) -> None:
        self.workplace.ui.reasonSelector.setCurrentIndex(self.random.randrange(6))

    def note(self) -> None:
        self.workplace.ui.noteEdit.text = self.random.choice(("", "a", "\u00e4 \"b\"\t", "x" * 500))
        if self.random.random() < 0.5:
            self.workplace.ui.noteEdit.editingFinished.emit()

    def merge(self) -> None:
        count = len(self.workplace.review.findings)
        if count > 1:
            self.workplace.review.merge(self.random.sample(range(count), 2))

    def slide(self) -> None:
        slider = self.workplace.ui.operatingPointSlider
        if slider.enabled:
            slider.value = self.random.randrange(201)

    def filter(self) -> None:
        ui = self.workplace.ui
        ui.decisionFilter.setCurrentIndex(self.random.randrange(5))
        ui.sizeFilter.value = self.random.choice((0.0, 0.1, 5.0))
        ui.findingsTable.horizontalHeader().sectionClicked.emit(self.random.randrange(9))

    def walk(self) -> None:
        ui = self.workplace.ui
        self.random.choice((ui.nextFindingButton, ui.previousFindingButton, ui.nextSliceButton)).click()

    def overlay(self) -> None:
        ui = self.workplace.ui
        ui.overlaySelector.setCurrentIndex(self.random.randrange(3))
        ui.overlayVisibleCheckBox.click()

    def deleteInput(self) -> None:
        from SPMambaPanel.sections import worklist

        self.remove(self.any(worklist.volumes()))

    def deleteNode(self) -> None:
        from SPMambaPanel.scene.result import OWNED, Result

        result = self.any(Result.all())
        self.remove(result.get(self.random.choice(OWNED)) if result else None)

    def deleteRecord(self) -> None:
        from SPMambaPanel.scene.result import Result

        result = self.any(Result.all())
        if result is not None:
            result.remove()

    def closeScene(self) -> None:
        self.host.scene.Clear(0)

    def save(self) -> None:
        if len(self.scenes) < 3:
            path = self.folder / "scene{}.mrb".format(len(self.scenes))
            self.host.saveScene(path)
            self.scenes.append(path)

    def load(self) -> None:
        if self.scenes:
            self.host.loadScene(self.random.choice(self.scenes), clear=True)

    def export(self) -> None:
        exporting = self.workplace.exports
        with tempfile.TemporaryDirectory(dir=self.folder) as target:
            exporting.exportAll(Path(target), [self.random.choice(("seg.nrrd", "nii.gz", "stl", "csv", "report"))])
            if self.workplace.review.result is not None:
                exporting.exportTo(Path(target), [self.random.choice(("seg.nrrd", "obj", "csv", "report"))])
                exporting.acceptedSegmentation()
            exporting.exportLog(Path(target) / "log.jsonl")

    def killWorker(self) -> None:
        if self.workplace.worker.processId:
            os.kill(self.workplace.worker.processId, 9)

    def changeWorker(self) -> None:
        self.useWorker(self.random.choice(BEHAVIOURS))

    def leaveAndEnter(self) -> None:
        self.widget.exit()
        self.widget.enter()

    def reload(self) -> None:
        self.widget.onReload()
        self.prepare()

    def quit(self) -> None:
        """What Slicer does when it ends; then it is started again."""
        self.workplace.close()
        self.widget.initializeParameterNode()

    def detectAnyway(self) -> None:
        """Insist where the model has refused; otherwise get refused."""
        if self.workplace.machine.refused:
            self.detect()
        elif not self.workplace.machine.busy:
            self.useWorker("misfit")
            self.detect()

    def loadSample(self) -> None:
        from SPMambaPanel.sections import worklist

        if len(worklist.volumes()) < MOST_VOLUMES:
            self.workplace.ui.loadSampleButton.click()

    def compare(self) -> None:
        self.workplace.ui.compareCheckBox.click()

    def blink(self) -> None:
        self.workplace.ui.blinkButton.click()

    def why(self) -> None:
        """Open or close the evidence, by key or by hand."""
        if self.random.random() < 0.5:
            self.workplace.findings.toggleWhy()
        else:
            button = self.workplace.ui.whyCollapsibleButton
            button.collapsed = not button.collapsed

    def plot(self) -> None:
        self.workplace.ui.plotButton.click()

    def unseen(self) -> None:
        ui = self.workplace.ui
        self.random.choice((ui.nextUnseenButton, ui.previousUnseenButton)).click()

    def keys(self) -> None:
        """The list of keys, and any of them."""
        ui, actions = self.workplace.ui, self.workplace.views.actions
        ui.keysButton.click()
        self.workplace.views.keysMenu.close()
        shortcuts = self.widget.shortcuts._installed
        if shortcuts and len(shortcuts) != len(actions):
            raise AssertionError("{} keys of {}".format(len(shortcuts), len(actions)))
        if shortcuts:
            self.random.choice(shortcuts).activated.emit()
        if self.workplace.views.keysMenu is not None:
            self.workplace.views.keysMenu.close()

    def layout(self) -> None:
        self.host.layoutManager.setLayout(self.random.choice((3, 4, 6, 29, 36)))

    def choices(self) -> None:
        """Boxes and lists that do nothing of their own."""
        ui = self.workplace.ui
        self.random.choice((ui.outlineCheckBox, ui.legendCheckBox, ui.wholeMapCheckBox, ui.sortDescendingCheckBox,
                            ui.defaultRateButton)).click()
        box = self.random.choice((ui.sortSelector, ui.exportChoiceSelector, ui.deviceSelector, ui.modelSelector))
        if box.enabled and box.count:
            box.setCurrentIndex(self.random.randrange(box.count))
        ui.opacitySlider.value = self.random.random()

    def reviewed(self) -> None:
        self.workplace.ui.reviewedButton.click()

    def editSegments(self) -> None:
        """What the Segment Editor may do to a result: remove, rename, add, recolor."""
        from SPMambaPanel.scene.result import Result

        result = self.any([each for each in Result.all() if each.complete])
        if result is None:
            return
        segmentation = result.segmentation.GetSegmentation()
        count = segmentation.GetNumberOfSegments()
        kind = self.random.randrange(4)
        if kind == 0 or not count:
            segmentation.AddEmptySegment("", self.random.choice(("mine", "a/b: \u00e4", "Anomaly 1")))
        elif kind == 1:
            segmentation.RemoveSegment(segmentation.GetNthSegmentID(self.random.randrange(count)))
        elif kind == 2:
            segmentation.GetNthSegment(self.random.randrange(count)).SetName("renamed/../x")
        else:
            segmentation.GetNthSegment(self.random.randrange(count)).SetColor(0.1, 0.2, 0.3)

    def deleteCase(self) -> None:
        """The parameter node."""
        if self.workplace.parameters is not None:
            self.remove(self.workplace.parameters.parameterNode)

    def deleteLog(self) -> None:
        from SPMambaPanel.scene import auditlog

        self.remove(self.any(auditlog.logNodes()))

    def addScene(self) -> None:
        """Load a scene into this one."""
        from SPMambaPanel.sections import worklist

        if self.scenes and len(worklist.volumes()) < MOST_VOLUMES:
            self.host.loadScene(self.random.choice(self.scenes), clear=False)

    def switchLanguage(self) -> None:
        """German and back, as after a restart in another language: the module is loaded again."""
        from PySide6 import QtCore

        release = shutil.which("pyside6-lrelease", path=str(Path(sys.executable).parent))
        if release is None:
            return
        if self._translator is None:
            source = HERE.parents[1] / "SPMambaExtension" / "Resources" / "Translations" / "SPMamba_de.ts"
            compiled = self.folder / "panel.qm"
            subprocess.run([release, str(source), "-qm", str(compiled)], check=True, stdout=subprocess.DEVNULL)
            self._translator = QtCore.QTranslator()
            self._translator.load(str(compiled))
            QtCore.QCoreApplication.installTranslator(self._translator)
        else:
            QtCore.QCoreApplication.removeTranslator(self._translator)
            self._translator = None
        self.reload()

    def rename(self) -> None:
        volume = self.any(self.synthetic())
        if volume is not None:
            volume.SetName(self.random.choice(("Volume", "../x", "", "\u65e5\u672c\u8a9e", "n" * 300)))

    def chooseNothing(self) -> None:
        if self.workplace.parameters is not None and not self.workplace.machine.busy:
            self.workplace.ui.inputSelector.setCurrentNode(None)

    # -- of `misuse.User` ---------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        raise NotImplementedError
