"""A stack of volumes in one scene, read as a list of work, with pictures of it.

    python Testing/review_stack.py --pictures stack --volume A.nii.gz B.nii.gz ...   # also a file of a DICOM series

Loads all of them, begins with "Detect on all", cancels in the middle of the second volume, goes on with what was not
run, takes a scan that the model refused for detection anyway, decides by keys about findings of two volumes at another
operating point, and goes back and forth between them: decisions, slices seen, operating point and the place in the
views must be those that were left.  The exit code is 0 if all of it was so.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo import DETECT_TIMEOUT_MS, DemoError, succeeds
from review_pictures import Reader

PANEL = ("inputsCollapsibleButton", "worklistCollapsibleButton", "findingsCollapsibleButton")


class StackReader(Reader):
    """A reader of many volumes."""

    def choose(self, line):
        """Click a line of the list of volumes."""
        self.ui.worklistTable.cellClicked.emit(line, 0)
        self.host.processEvents(600)

    def waitUntilIdle(self):
        self.host.waitFor(lambda: not self.workplace.machine.busy, DETECT_TIMEOUT_MS)
        self.host.processEvents(300)
        states = self.states()
        print("  {}\n  [{}]\n    {}".format(self.ui.statusLabel.text.replace("\n", "\n  "),
                                         self.ui.detectAllButton.text, "\n    ".join(states)))

    def cancelInTheMiddle(self):
        with self._step("Detect on all, cancelled in the second volume"):
            self.ui.detectAllButton.click()
            self.host.waitFor(lambda: self.ui.statusLabel.text.startswith("2 of "), DETECT_TIMEOUT_MS)
            self.picture("stack-1-running")
            self.ui.detectButton.click()
            self.waitUntilIdle()
        self.picture("stack-2-cancelled")
        self.expect("Not run: " in self.ui.statusLabel.text, "the panel says what was not run")
        self.expect(sum(text.endswith(": not run") for text in self.states()) == len(self.states()) - 1, "one was run")

    def goOn(self):
        with self._step("Going on"):
            self.ui.detectAllButton.click()
            self.waitUntilIdle()
        self.picture("stack-3-all-run")
        self.expect(not any(text.endswith(": not run") for text in self.states()), "all were run")

    def refused(self):
        """Lines of the volumes that the model did not want."""
        return [line for line, text in enumerate(self.states()) if ": refused: " in text]

    def takeRefused(self, line):
        self.choose(line)
        self.expect(self.ui.detectButton.text == "Detect anyway", "one click detects it anyway")
        self.picture("stack-4-refused")
        with self._step("Detecting it anyway"):
            self.ui.detectButton.click()
            self.waitUntilIdle()
        self.picture("stack-5-anyway")
        self.expect(self.workplace.review.result is not None, "it has a result")

    def position(self):
        """What must be as it was left."""
        review = self.workplace.review
        matrix = self.host._view("Red").mrmlSliceNode().GetSliceToRAS()
        return {"decisions": [row["decision"] for row in review.findings],
                "seen": sorted(row["slice"] for row in review.slices if row["slice"] in review.seen),
                "rate": review.result.summary["false_positive_rate"],
                "slider": self.ui.operatingPointSlider.value,
                "view": [round(matrix.GetElement(row, 3), 2) for row in range(3)]}

    def read(self, line, key, slider):
        """Another operating point, one decision, one slice further; returns the place that is left then."""
        self.choose(line)
        if slider is not None:
            self.ui.operatingPointSlider.value = slider
            self.host.processEvents(800)
        self.key("Alt+Down")
        self.key(key)
        self.key("Alt+PgDown")
        self.host.processEvents(300)
        return self.position()

    def backAndForth(self, lines):
        left = {line: self.read(line, key, slider)
                for line, key, slider in zip(lines, ("Alt+A", "Alt+R", "Alt+U"), (140, 60, None))}
        for turn in range(2):
            for line in lines:
                self.choose(line)
                if turn == 0:
                    self.picture("stack-6-back-{}".format(line))
                now = self.position()
                lost = [name for name in now if now[name] != left[line][name]]
                self.expect(not lost, "of line {} nothing is lost: {}".format(
                    line, [(name, left[line][name], now[name]) for name in lost]))

    @staticmethod
    def expect(true, text):
        if not true:
            raise DemoError("It is not so: " + text)
        print("  " + text)


def run(options):
    options.pictures.mkdir(parents=True, exist_ok=True)
    reader = StackReader(None)
    for volume in options.volume:
        reader.host.loadVolume(str(volume))
    reader.host.processEvents(300)
    reader.screenshots = options.pictures
    reader.show(*PANEL)
    reader.picture("stack-0-loaded")
    reader.cancelInTheMiddle()
    reader.goOn()
    for line in range(reader.ui.worklistTable.rowCount):
        reader.choose(line)
        reader.picture("stack-line-{}".format(line))
    for line in reader.refused():
        reader.takeRefused(line)
    found = [line for line, text in enumerate(reader.states()) if ": found " in text]
    reader.backAndForth([found[0], *found[-2:]])
    if reader.host.exceptions:
        raise DemoError("{} exceptions in the panel, see above.".format(len(reader.host.exceptions)))
    reader.host.unload()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, default=Path("stack"))
    parser.add_argument("--volume", type=Path, nargs="+", required=True)
    options = parser.parse_args()
    return 0 if succeeds("review", run, options) else 1


if __name__ == "__main__":
    sys.exit(main())
