"""Run inside a real Slicer by ``make slicer SLICER=... CHECK=1``: self-test, a scripted run, pictures, report, status.

    Slicer --no-splash --additional-module-paths SPMambaExtension --python-script Testing/real_slicer.py FOLDER

What a person has to look at is in real_slicer.md.  The run detects on the sample where torch is installed, otherwise on
the synthetic volume of the self-test with a stub in place of the analysis, and says so.
"""
from __future__ import annotations

import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import slicer

DETECT_S = 900.0
NEAR = ("detectButton", "statusLabel", "operatingPointSlider", "nextFindingButton", "acceptButton", "rejectButton",
        "unsureButton", "undoButton")
LONG = "Written to /mnt/archive/department/radiology/studies/{}/results.".format("x" * 90)


class Run:
    """The steps of a reader, each with what is expected of it.

    Args:
        folder: for pictures.

    Attributes:
        lines: of the report, one a check.
        failed: some check did not hold, or a step raised.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: List[str] = []
        self.failed = False
        self.widget: Any = None

    @property
    def place(self) -> Any:
        return self.widget.workplace

    def expect(self, holds: bool, what: str) -> None:
        self.lines.append("{}  {}".format("ok    " if holds else "FAILED", what))
        self.failed = self.failed or not holds

    def note(self, text: str) -> None:
        self.lines.append("        " + text)

    def step(self, name: str, do: Callable[[], None]) -> None:
        """One step; its picture is made whatever happens."""
        self.lines.append(name)
        try:
            do()
        except Exception:
            self.expect(False, "the step ends without an exception\n" + traceback.format_exc())
        settle()
        window = slicer.util.mainWindow()
        if window is not None:
            window.grab().save(str(self.folder / "{}.png".format(name)))

    # -- steps ---------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        slicer.util.selectModule("SPMamba")
        settle()
        self.widget = slicer.modules.spmamba.widgetRepresentation().self()
        self.expect(self.widget.ui.detectButton.visible, "the panel is built and shown")
        self.expect("slicer" in sys.modules and "torch" not in sys.modules, "torch is not in Slicer's process")

    def selfTest(self) -> None:
        sys.modules["SPMamba"].SPMambaTest().runTest()
        self.expect(True, "the module's self-test passes")

    def detect(self) -> None:
        ui = self.widget.ui
        ui.detectButton.click()
        waitFor(lambda: not self.place.machine.busy, DETECT_S)
        settle(0.5)
        count = len(self.place.review.findings)
        self.note(ui.statusLabel.text.replace("\n", " / "))
        self.expect(count > 0 and self.place.review.finding == 0, "the first finding is in view")
        self.expect(not [name for name in NEAR if not self.inSight(name)],
                    "from Detect to Undo everything is in sight without scrolling")
        shown = {node.GetLabelVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
        self.expect(shown == {self.place.review.result.severity.GetID()}, "the bands are in all slice views")

    def inSight(self, name: str) -> bool:
        """Whether the part of a widget that the panel shows is all of it."""
        widget = getattr(self.widget.ui, name)
        region = widget.visibleRegion().boundingRect()
        return bool(widget.visible and region.height() >= widget.height - 1 and region.width() >= widget.width - 1)

    def inThreeD(self) -> None:
        display = self.place.review.result.segmentation.GetDisplayNode()
        box = self.widget.ui.show3DCheckBox
        if not box.checked:
            box.click()
        waitFor(lambda: bool(display.GetVisibility3D()), 60.0)
        bounds = [0.0] * 6
        self.place.review.result.segmentation.GetRASBounds(bounds)
        self.expect(bounds[0] < bounds[1], "the findings have surfaces")
        slicer.app.layoutManager().resetThreeDViews()

    def decide(self) -> None:
        actions = self.place.views.actions
        from SPMambaPanel.sections import shortcuts

        actions[shortcuts.REJECT]()
        row = next(row for row in self.place.review.findings if row["decision"])
        self.expect(row["decision"] == "rejected", "one key rejects")
        layer = slicer.util.arrayFromVolume(self.place.review.result.severity)
        gray = len(self.place.review.result.calibration.bands) + 1
        self.expect(bool((layer == gray).any()), "what is rejected is gray in the fill")
        actions[shortcuts.UNDO]()
        actions[shortcuts.ACCEPT]()
        self.expect([row["decision"] for row in self.place.review.findings].count("accepted") == 1,
                    "taken back and accepted by one key each")

    def data(self) -> None:
        tree = slicer.mrmlScene.GetSubjectHierarchyNode()
        result = self.place.review.result
        folder = tree.GetItemParent(tree.GetItemByDataNode(result.map))
        self.expect(tree.GetItemName(folder).startswith("SP-Mamba: "), "what was made lies in one folder")
        outside = [role for role in ("bandColors", "mapColors", "slices", "chart", "evidence")
                   if result.get(role) is not None and tree.GetItemByDataNode(result.get(role))]
        self.expect(not outside, "helper nodes have no line in Data {}".format(outside))

    def editor(self) -> None:
        scan = self.place.parameters.inputVolume
        self.widget.ui.editButton.click()
        settle(0.5)
        self.expect(slicer.util.selectedModule() == "SegmentEditor", "the Segment Editor opens")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        node = editor.segmentationNode()
        self.expect(node is not None and not node.GetHideFromEditors() and "accepted" in node.GetName(),
                    "on the segmentation of the accepted findings")
        self.expect(editor.sourceVolumeNode() is scan, "with the scan as source")
        slicer.util.selectModule("SPMamba")
        settle(0.5)
        shown = {each.GetLabelVolumeID() for each in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
        self.expect(shown == {self.place.review.result.severity.GetID()}, "back in the module the bands are there")

    def longText(self) -> None:
        panel = slicer.modules.spmamba.widgetRepresentation()
        before = panel.width
        self.place.machine.say(LONG)
        settle(0.5)
        self.expect(panel.width == before, "a long message does not widen the panel")
        self.place.machine.say("")

    def save(self) -> None:
        scene = str(self.folder / "scene.mrb")
        name = self.place.parameters.inputVolume.GetName()
        before = [row["decision"] for row in self.place.review.findings]
        self.expect(bool(slicer.util.saveScene(scene)), "the scene is saved")
        slicer.mrmlScene.Clear(0)
        settle(0.5)
        slicer.util.loadScene(scene)
        settle(1.0)
        self.expect(self.place.parameters.inputVolume is slicer.util.getNode(name)
                    and [row["decision"] for row in self.place.review.findings] == before,
                    "the scene comes back with all decisions")

    def keys(self) -> None:
        import qt
        from SPMambaPanel.sections import shortcuts

        own = {qt.QKeySequence(key).toString(): key for key in shortcuts.KEYS}
        self.widget.shortcuts.remove()
        try:
            window = slicer.util.mainWindow()
            taken = {each.key.toString() for each in window.findChildren(qt.QShortcut)}
            taken |= {each.shortcut.toString() for each in window.findChildren(qt.QAction)}
        finally:
            self.widget.shortcuts.install()
        self.expect(not [own[key] for key in own if key in taken], "no key of the module belongs to Slicer")

    def run(self) -> None:
        """All of them."""
        self.step("1 the module is opened", self.open)
        if self.widget is None:
            return
        self.step("2 self-test", self.selfTest)
        with case(self) as real:
            self.note("the sample, with the analysis" if real else "a synthetic volume with a stub: torch is missing")
            for name, do in (("3 Detect", self.detect), ("4 Show in 3D", self.inThreeD), ("5 decisions", self.decide),
                             ("6 Data module", self.data), ("7 Segment Editor and back", self.editor),
                             ("8 long message", self.longText), ("9 scene saved and loaded", self.save),
                             ("10 keys", self.keys)):
                self.step(name, do)


@contextmanager
def case(run: Run) -> Iterator[bool]:
    """A volume on the desk: the sample where it can be analysed (True), otherwise a synthetic one (False)."""
    from SPMambaPanel.detection import dependencies
    from SPMambaPanel.selftests import panelselftest, selftest

    slicer.mrmlScene.Clear(0)
    settle()
    if not dependencies.missing():
        run.widget.workplace.onLoadSampleButton()
        settle(0.5)
        yield True
    else:
        volume = selftest.syntheticVolume("SelfTest")
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        run.widget.workplace.parameters.inputVolume = volume
        settle(0.5)
        with panelselftest.stubbed(run.widget, volume):
            run.widget.workplace.update()
            yield False


def settle(seconds: float = 0.2) -> None:
    """Let timers and views come to rest."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.005)


def waitFor(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("not true within {:.0f} s".format(seconds))
        settle(0.02)


def main(folder: Path, size: Tuple[int, int] = (1366, 768)) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder)
    run.lines.append("Slicer {}".format(slicer.app.applicationVersion))
    window = slicer.util.mainWindow()
    if window is not None:
        window.resize(*size)
    run.run()
    text = "\n".join(run.lines + ["FAILED" if run.failed else "all of it holds"]) + "\n"
    (folder / "report.txt").write_text(text, encoding="utf-8")
    print(text)
    return 1 if run.failed else 0


if __name__ == "__main__":
    slicer.util.exit(main(Path(sys.argv[1])))
