"""Shows the product: the module runs in the test host, and the same clicks that a reader makes lead to findings.

    python Testing/demo.py [--output demo] [--screenshots DIR] [--volume FILE] [--model NAME]

Loads the sample volume, clicks Detect anomalies (a worker process runs the shipped model), walks to the first finding
and exports the segments.  Leaves in the output folder: screenshot.png (panel and views), overlay.png (the slice
views), findings.seg.nrrd, findings.nii.gz (label map), findings.csv and demo.mrb (the whole scene).  With a display
the scene is opened in a window afterwards.  The exit code is 0 if all of this worked.
"""
from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image as Picture

TESTING = Path(__file__).resolve().parent
ROOT = TESTING.parent
MODULE = ROOT / "SPMambaExtension" / "SPMamba.py"
SAMPLE = ROOT / "Resources" / "SampleData" / "FLAIR-sample.nii.gz"
LESION = ROOT / "Resources" / "SampleData" / "FLAIR-sample-lesion.nii.gz"
sys.path[:0] = [str(TESTING), str(ROOT)]

import host  # noqa: E402
from host.window import hasDisplay  # noqa: E402

from SPMambaLib.io.image import read_image  # noqa: E402

DETECT_TIMEOUT_MS = 15 * 60 * 1000  # a slow machine that is busy
PICTURE_BYTES = 300_000
WINDOW = (1500, 1060)  # the whole panel is seen without scrolling


class DemoError(Exception):
    """A step did not do what a reader expects; the text says which."""


class Demo:
    """The module in the host, and a reader's clicks.

    Args:
        screenshots: folder for a picture of each step, or None.
    """

    def __init__(self, screenshots=None):
        with self._step("Starting the test host"):
            self.host = host.start(str(MODULE))
            self.host.mainWindow.resize(*WINDOW)
        self.workplace = self.host.widget.workplace
        self.ui = self.workplace.ui
        self.screenshots = screenshots

    @contextmanager
    def _step(self, text):
        print("{} ...".format(text), flush=True)
        started = time.monotonic()
        yield
        print("  {:.1f} s".format(time.monotonic() - started), flush=True)

    def load(self, volume, model):
        with self._step("Loading {}".format(volume.name)):
            try:
                node = self.host.loadVolume(str(volume))
            except RuntimeError as error:
                raise DemoError(str(error)) from error
            self.workplace.parameters.inputVolume = node
            index = self.ui.modelSelector.findData(model)
            if index < 0:
                raise DemoError("The model {} is not installed.".format(model))
            self.ui.modelSelector.setCurrentIndex(index)
            self.host.processEvents(200)
        self.picture("1-load")

    def detect(self):
        """Click Detect and follow the progress; returns the longest standstill of the event loop in ms (None if a
        picture was taken meanwhile, which stops it)."""
        with self._step("Detecting anomalies"):
            if not self.ui.detectButton.enabled:
                raise DemoError("Detect is not possible: {}".format(self.ui.detectButton.toolTip))
            with self.host.gaps() as gaps:
                self.ui.detectButton.click()
                if self.screenshots:
                    self.host.waitFor(lambda: self.workplace.run is None or self.ui.progressBar.value >= 300,
                                      DETECT_TIMEOUT_MS)
                    self.picture("2-detect")
                self.host.waitFor(self._ended, DETECT_TIMEOUT_MS)
        if self.workplace.machine.state.name != "DONE":
            raise DemoError(self.ui.statusLabel.text)
        print("  " + self.ui.statusLabel.text.replace("\n", "\n  "))
        self.picture("3-result")
        return None if self.screenshots else gaps.largestMs

    def _ended(self):
        line = "  {:>4}  {}".format(self.ui.progressBar.text, self.ui.statusLabel.text)
        if sys.stdout.isatty():
            print("\r{:<78}".format(line[:78]), end="" if self.workplace.run else "\n", flush=True)
        return self.workplace.run is None

    def walk(self):
        """Jump to the first finding, as the Next button does."""
        if not self.workplace.review.findings:
            raise DemoError("There is no finding.")
        self.ui.nextFindingButton.click()
        self.host.processEvents(200)
        self.picture("4-findings")

    def export(self, output):
        """Write segments and label map through the panel's own export, and the table as CSV."""
        with self._step("Exporting"):
            self.ui.exportCollapsibleButton.collapsed = False
            self.ui.exportLabelMapCheckBox.checked = True
            for path in self.workplace.exports.exportTo(Path(os.path.relpath(output)), ["seg.nrrd", "nii.gz"]):
                path.replace(output / ("findings.seg.nrrd" if path.name.endswith(".seg.nrrd") else "findings.nii.gz"))
            missing = [name for name in ("findings.seg.nrrd", "findings.nii.gz") if not (output / name).is_file()]
            if missing:
                raise DemoError("Not exported: {}. {}".format(", ".join(missing), self.ui.statusLabel.text))
            rows = self.workplace.review.findings
            with open(output / "findings.csv", "w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            self.host.saveScene(output / "demo.mrb")
        self.picture("5-export")

    def picture(self, name):
        if self.screenshots:
            self.saveScreenshot(self.screenshots / (name + ".png"))

    def saveScreenshot(self, path):
        """Panel and views; with fewer colors where the file would be large."""
        self.host.screenshot(path)
        if path.stat().st_size > PICTURE_BYTES:
            Picture.open(path).convert("RGB").quantize(256, Picture.Quantize.MAXCOVERAGE, kmeans=1).save(
                path, optimize=True)

    def saveOverlay(self, path):
        """The three slice views side by side."""
        views = [self.host.viewImage(name) for name in ("Red", "Green", "Yellow")]
        height = min(view.shape[0] for view in views)
        Picture.fromarray(np.hstack([view[:height] for view in views])).save(path, optimize=True)


def distanceToLesion(point):
    """mm from an RAS point to the nearest voxel of the sample's implanted lesion (0: inside)."""
    lesion = read_image(LESION)
    voxels = np.argwhere(lesion.voxels)[:, ::-1]
    points = voxels @ lesion.ijk_to_ras[:3, :3].T + lesion.ijk_to_ras[:3, 3]
    nearest = float(np.linalg.norm(points - np.asarray(point), axis=1).min())
    return 0.0 if nearest < max(lesion.spacing) / 2 else nearest


def printSummary(demo, volume, gap):
    """What was found, and whether the sample's lesion is among it."""
    for row in demo.workplace.review.findings[:5]:
        place = [row[name] for name in ("right", "anterior", "superior")]
        line = "  finding {}: peak {:.1f} at RAS ({:.0f}, {:.0f}, {:.0f}), {:.1f} ml".format(
            row["rank"], row["peak"], *place, row["volume_ml"])
        if volume.resolve() == SAMPLE:
            distance = distanceToLesion(place)
            where = "{:.0f} mm from".format(distance) if distance else "in"
            line += ", {} the implanted lesion".format(where)
        print(line)
    if gap is not None:
        print("  longest standstill of the event loop during detection: {:.0f} ms".format(gap))


def run(options):
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    demo = Demo(options.screenshots)
    try:
        demo.load(options.volume, options.model)
        gap = demo.detect()
        demo.walk()
        demo.saveScreenshot(output / "screenshot.png")
        demo.saveOverlay(output / "overlay.png")
        demo.export(output)
        printSummary(demo, options.volume, gap)
        if demo.host.exceptions:
            raise DemoError("{} exceptions in the panel, see above.".format(len(demo.host.exceptions)))
    finally:
        demo.host.unload()


def succeeds(what, run, options):
    """Whether a driven script went through; if not, one sentence says why."""
    try:
        run(options)
    except (DemoError, TimeoutError) as error:
        print("The {} failed: {}".format(what, error), file=sys.stderr)
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("demo"))
    parser.add_argument("--screenshots", type=Path, help="folder for a picture of each step")
    parser.add_argument("--volume", type=Path, default=SAMPLE, help="another volume than the sample")
    parser.add_argument("--model", default="brain-flair")
    options = parser.parse_args()
    started = time.monotonic()
    if not succeeds("demo", run, options):
        return 1
    print("Done in {:.0f} s; see {}".format(time.monotonic() - started, options.output), flush=True)
    if hasDisplay() and not os.environ.get("CI"):
        print("Opening the scene in a window; close it to end.", flush=True)
        return subprocess.run([sys.executable, "-m", "host.window", "--module", str(MODULE), "--volume",
                               str(options.output.resolve() / "demo.mrb")], cwd=str(TESTING), check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
