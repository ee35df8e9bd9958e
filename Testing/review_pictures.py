"""A whole review as a reader does it, with the pictures of it.

    python Testing/review_pictures.py --pictures Resources/Screenshots --output review
    python Testing/review_pictures.py --output review --volume A.nii.gz B.nii.gz   # as many as you like, a list of work

Detects on all volumes as a queue (a scan that the model does not know is detected anyway, as the reader may), looks
at the first in every way, decides by keys, rejects with a reason and a note, exports everything, saves the scene, and
opens it again in a fresh process, which must show the same review.
"""
from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from demo import DETECT_TIMEOUT_MS, MODULE, SAMPLE, TESTING, Demo, DemoError, succeeds

SECTIONS = ("inputsCollapsibleButton", "worklistCollapsibleButton", "overlayCollapsibleButton",
            "findingsCollapsibleButton", "whyCollapsibleButton", "slicesCollapsibleButton", "exportCollapsibleButton",
            "detailsCollapsibleButton")


class Reader(Demo):
    """A reader's clicks and keys after the detection."""

    def show(self, *sections):
        """Open these sections of the panel alone."""
        for name in SECTIONS:
            getattr(self.ui, name).collapsed = name not in sections
        self.host.processEvents(200)

    def key(self, key):
        """Press a key of the module."""
        shortcut, = (each for each in self.host.widget.shortcuts._installed if each.key.toString() == key)
        shortcut.activated.emit()
        self.host.processEvents(100)

    def loadAll(self, volumes, model):
        for volume in reversed(volumes):  # the first one is the one being read
            self.load(volume, model)

    def detectAll(self):
        with self._step("Detecting on all volumes"):
            self.ui.detectAllButton.click()
            self.host.waitFor(lambda: not self.workplace.machine.busy, DETECT_TIMEOUT_MS)
        for line in range(self.ui.worklistTable.rowCount):
            self.ui.worklistTable.cellClicked.emit(line, 0)
            self.host.processEvents(300)
            if self.workplace.review.result is None:
                self.insist()
        print("  " + "\n  ".join(self.states()))

    def insist(self):
        """"Detect anyway" of a scan that the model refused."""
        with self._step("Detecting anyway on " + self.workplace.parameters.inputVolume.GetName()):
            for _attempt in range(2):  # the first says again why not
                self.ui.detectButton.click()
                self.host.waitFor(lambda: not self.workplace.machine.busy, DETECT_TIMEOUT_MS)
                if self.workplace.review.result is not None:
                    return
            raise DemoError(self.ui.statusLabel.text)

    def states(self):
        self.workplace.worklist.refresh()
        table = self.ui.worklistTable
        return ["{}: {}".format(table.item(line, 0).text(), table.item(line, 1).text())
                for line in range(table.rowCount)]

    def looks(self):
        """Map, compare, slices with their plot, keys."""
        layouts = self.host.layoutManager
        self.show("overlayCollapsibleButton", "findingsCollapsibleButton", "whyCollapsibleButton")
        if self.workplace.review.findings:
            self.key("Alt+Down")
        self.key("Alt+M")
        self.ui.wholeMapCheckBox.click()
        self.picture("6-map")
        self.ui.wholeMapCheckBox.click()
        self.key("Alt+M")
        self.key("Alt+C")
        self.picture("6-compare")
        self.key("Alt+C")
        former = layouts.layout
        self.show("findingsCollapsibleButton", "slicesCollapsibleButton")
        self.ui.plotButton.click()
        self.key("Alt+PgDown")
        self.host.processEvents(600)
        self.picture("6-slices")
        layouts.setLayout(former)

    def decide(self, rate):
        """At an operating point with several findings: accept, reject with a reason and a note, leave one unsure."""
        ui, review = self.ui, self.workplace.review
        if rate:
            self.workplace.rates._set(rate)
            self.host.waitFor(lambda: review.result.summary["false_positive_rate"] == rate, 60000)
            self.host.processEvents(500)
        for number in range(min(3, len(review.findings))):
            self.key("Alt+Down")
            self.key(("Alt+A", "Alt+R", "Alt+U")[number])
            if number == 1:
                ui.reasonSelector.setCurrentIndex(ui.reasonSelector.findData("artefact"))
                ui.noteEdit.setText("edge of the slab")
                ui.noteEdit.editingFinished.emit()
        for _step in range(2):
            if len(review.findings) > 1:
                self.key("Alt+Up")
        self.show("findingsCollapsibleButton")
        self.picture("7-decide")
        self.why()
        self.show("inputsCollapsibleButton", "worklistCollapsibleButton", "findingsCollapsibleButton")
        print("  " + "\n  ".join(self.states()))
        self.host.processEvents(200)
        self.picture("7-volumes")

    def why(self):
        """Pictures of the current finding and of what is normal there."""
        self.key("Alt+W")
        self.host.processEvents(200)
        self.picture("7-why")

    def exportReview(self, output):
        from SPMambaPanel import export
        from SPMambaPanel.sections.export import LOG_FILE, REPORT

        self.show("exportCollapsibleButton")
        files = self.workplace.exports.exportAll(output, [*export.FORMATS, REPORT])
        files += self.workplace.exports.exportLog(output / LOG_FILE)
        if not files:
            raise DemoError(self.ui.statusLabel.text)
        print("  " + "\n  ".join(str(path.relative_to(output)) for path in files))
        report = next(path for path in files if path.suffix == ".pdf")
        if self.screenshots and shutil.which("pdftoppm"):
            subprocess.run(["pdftoppm", "-png", "-r", "70", "-singlefile", str(report),
                            str(self.screenshots / "8-report")], check=True)
        self.host.saveScene(output / "review.mrb")


def facts(host):
    """What must survive of a review."""
    from SPMambaPanel.scene import evidencenode

    workplace = host.widget.workplace
    review = workplace.review
    segmentation = review.result.segmentation.GetSegmentation()
    return {
        "findings": [[row[name] for name in ("rank", "decision", "reason", "note", "voxels")]
                     for row in review.findings],
        "seen": sorted(row["slice"] for row in review.slices if row["slice"] in review.seen),
        "rate": review.result.summary["false_positive_rate"], "threshold": review.threshold,
        "slider": workplace.ui.operatingPointSlider.value,
        "colors": [[round(part, 3) for part in segmentation.GetNthSegment(n).GetColor()]
                   for n in range(segmentation.GetNumberOfSegments())],
        "plot": review.result.get("chart").GetTitle(),
        "evidence": evidencenode.evidenceOf(review.result).to_dict()}


def reopened(scene):
    """The facts as a fresh process sees them."""
    import host

    running = host.start(str(MODULE))
    running.loadScene(str(scene))
    running.processEvents(500)
    print(json.dumps(facts(running)))


def run(options):
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    reader = Reader(None)
    reader.loadAll(options.volume, options.model)
    reader.screenshots = options.pictures
    reader.detectAll()
    first = reader.ui.worklistTable.rowCount - 1
    reader.ui.worklistTable.cellClicked.emit(first, 0)
    reader.host.processEvents(500)
    reader.looks()
    reader.decide(options.rate)
    before = facts(reader.host)
    reader.exportReview(output)
    exceptions = len(reader.host.exceptions)
    reader.host.unload()
    if exceptions:
        raise DemoError("{} exceptions in the panel, see above.".format(exceptions))
    answer = subprocess.run([sys.executable, __file__, "--reopen", str(output / "review.mrb")], cwd=str(TESTING),
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    after = json.loads(answer.strip().splitlines()[-1])
    lost = [name for name, value in json.loads(json.dumps(before)).items() if after[name] != value]
    if lost:
        raise DemoError("Lost by saving and loading: {}\n{}\n{}".format(
            ", ".join(lost), [before[name] for name in lost], [after[name] for name in lost]))
    print("Saved and loaded in a fresh process: the same review, {} findings, {} slices seen.".format(
        len(after["findings"]), len(after["seen"])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("review"))
    parser.add_argument("--pictures", type=Path, help="folder for the pictures")
    parser.add_argument("--volume", type=Path, nargs="+", default=[SAMPLE])
    parser.add_argument("--model", default="brain-flair")
    parser.add_argument("--rate", type=float, help="false-positive rate at which to decide; default: the model's own")
    parser.add_argument("--reopen", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reopen:
        reopened(options.reopen)
        return 0
    return 0 if succeeds("review", run, options) else 1


if __name__ == "__main__":
    sys.exit(main())
