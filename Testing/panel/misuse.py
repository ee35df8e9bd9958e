"""A careless user: hundreds of random actions on the module, in a process of their own.

    python Testing/panel/misuse.py SEED ACTIONS [SABOTAGE]

Clicks, decides, deletes nodes, closes and loads scenes, kills the worker, reloads the module, all of it while things
run.  Prints one JSON line: what was done, and what was wrong afterwards.  SABOTAGE breaks the module on purpose, to see
that it would be noticed: "process" forgets to end the worker, "nodes" leaves half a result, "slot" raises.
"""
from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1]), str(HERE)]

import host  # noqa: E402

ROLES = ("map", "severity", "segmentation", "findings", "slices", "series", "bandColors")
BEHAVIOURS = ("good", "good", "good", "patient", "crash", "once", "garbage", "error", "other")
MOST_VOLUMES = 4


class User:
    """The module in the host, and what a careless user does to it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.host = host.start(str(HERE.parents[1] / "SPMambaExtension" / "SPMamba.py"))
        self.processes: List[int] = []
        self.scenes: List[Path] = []
        self.problems: List[str] = []
        self.moments: Counter = Counter()  # in how many of them something ran, or was read
        self.prepare()

    @property
    def widget(self) -> Any:
        import slicer

        return slicer.modules.SPMambaWidget

    @property
    def workplace(self) -> Any:
        return self.widget.workplace

    def prepare(self) -> None:
        """What a test's fixtures do; again after every reload."""
        from SPMambaPanel import dependencies, selftest

        dependencies.missing = lambda: []
        calibration = selftest.syntheticCalibration().to_dict()
        self.widget.logic._cards = [{"format": 1, "name": "synthetic", "title": "Synthetic", "plane": "axial",
                                     "calibration": {"map": calibration}}]
        sabotage((sys.argv[3:] or [""])[0])
        self.useWorker("good")

    def useWorker(self, behaviour: str) -> None:
        """Another worker from now on; its result fits the synthetic volumes."""
        folder = self.folder / "prepared"
        if not folder.exists():
            import slicer
            from SPMambaPanel import selftest

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
                self.landscape: 14}

    def addVolume(self) -> None:
        from SPMambaPanel import selftest, worklist

        if len(worklist.volumes()) < MOST_VOLUMES:
            selftest.syntheticVolume("Volume")

    def landscape(self) -> None:
        """A result with three findings appears."""
        from landscape import landscape
        from SPMambaPanel import worklist

        volume = self.any(worklist.volumes())
        if volume is not None and not self.workplace.machine.busy:
            landscape(volume)
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
        from SPMambaPanel import worklist

        self.remove(self.any(worklist.volumes()))

    def deleteNode(self) -> None:
        from SPMambaPanel.result import Result

        result = self.any(Result.all())
        self.remove(result.get(self.random.choice(ROLES)) if result else None)

    def deleteRecord(self) -> None:
        from SPMambaPanel.result import Result

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
        exporting = self.workplace.exporting
        with tempfile.TemporaryDirectory(dir=self.folder) as target:
            exporting.exportAll(Path(target), [self.random.choice(("seg.nrrd", "nii.gz", "stl", "csv", "report"))])
        if self.workplace.review.result is not None:
            exporting.acceptedSegmentation()

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

    # -- afterwards ---------------------------------------------------------------------------------------------------

    def any(self, items: List[Any]) -> Any:
        return self.random.choice(items) if items else None

    def remove(self, node: Any) -> None:
        if node is not None and node.GetScene() is self.host.scene:
            self.host.scene.RemoveNode(node)

    def look(self, action: str) -> None:
        """What must hold at every moment."""
        if self.workplace.worker.processId:
            self.processes.append(self.workplace.worker.processId)
        for exception in self.host.exceptions:
            self.problems.append("{}: {}".format(action, exception.text))
        self.host.exceptions.clear()
        place = self.workplace
        if (place.run is not None) != place.machine.busy:
            self.problems.append("{}: {} with run {}".format(action, place.machine.state, place.run))
        if not place.machine.busy:
            self.problems += ["{}: {}".format(action, text) for text in staleNodes()]

    def run(self, count: int) -> Dict[str, int]:
        actions = self.actions()
        done: Counter = Counter()
        for _ in range(count):
            action = self.random.choices(list(actions), list(actions.values()))[0]
            done[action.__name__] += 1
            self.moments["running"] += self.workplace.machine.busy
            self.moments["reading"] += self.workplace.review.result is not None
            try:
                action()
                self.host.processEvents()
            except Exception as error:  # a click in Slicer would print it
                self.problems.append("{}: {!r}".format(action.__name__, error))
            self.look(action.__name__)
        return dict(done)

    def end(self) -> None:
        """Slicer quits, whatever was going on."""
        import slicer

        self.widget.exit()
        self.workplace.close()
        self.host.closeScene()
        self.host.processEvents(300)
        self.look("end")
        self.problems += ["orphan process {}".format(process) for process in set(self.processes) if lives(process)]
        self.problems += ["left: {}".format(path) for path in Path(slicer.app.temporaryPath).glob("SPMamba-*")]


def staleNodes() -> List[str]:
    """Nodes of a detection or an export that belong to nothing while nothing runs."""
    import slicer
    from SPMambaPanel.result import SUMMARY_PARAMETER, Result

    records = [node for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
               if node.GetParameter(SUMMARY_PARAMETER)]
    stale = ["half a result: {}".format(node.GetName()) for node in records if not Result(node).finished]
    owned = {Result(node).get(role) for node in records for role in ROLES}
    for name in ("vtkMRMLLabelMapVolumeNode", "vtkMRMLSegmentationNode"):
        stale += ["belongs to nothing: {}".format(node.GetName()) for node in slicer.util.getNodesByClass(name)
                  if node not in owned and "accepted" not in node.GetName()]
    return stale


def lives(process: int) -> bool:
    """Whether a process is there, and not only waits to be asked for its exit code."""
    try:
        return "Z" not in Path("/proc/{}/stat".format(process)).read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def sabotage(kind: str) -> None:
    from SPMambaPanel import jobs, panel, worker

    def fail(self: Any, *args: Any) -> None:
        raise RuntimeError("sabotage")

    if kind == "process":
        worker.WorkerClient.stop = lambda self: None
    elif kind == "nodes":
        jobs.overlay.replace = lambda result: iter(())
    elif kind == "slot":
        panel.Panel.showProgress = fail


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        user = User(int(sys.argv[1]), Path(folder))
        done = user.run(int(sys.argv[2]))
        user.end()
        print("MISUSE " + json.dumps({"done": done, "moments": user.moments,
                                     "processes": len(set(user.processes)), "problems": user.problems}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
