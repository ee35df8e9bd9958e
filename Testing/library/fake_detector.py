"""A tiny detector with the interface of `SPMambaLib.detector.Detector`, for tests of what stands around it.

It marks voxels by their distance from the image's mean in standard deviations: no network, but real maps, findings and
failures.  Run as a script it is a worker that computes with it; the model's name chooses how it behaves.
"""
from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SPMambaLib.detection import Detection, Finding, SliceScore  # noqa: E402
from SPMambaLib.errors import Cancelled, ModelDamagedError, ModelMissingError  # noqa: E402
from SPMambaLib.scoring.calibration import Calibration  # noqa: E402

CALIBRATION = Calibration.from_peaks(np.linspace(1.0, 3.0, 100), unit="slice")
KNOWN = ("quick", "slow", "stubborn", "slow-load", "chatty", "out-of-memory", "crash", "disk-full", "die-writing")


class FakeDetector:
    """Deterministic; polls `cancelled` once per slice, as the real one does per batch (except "stubborn")."""

    device, backend = "cpu", "fake"

    def __init__(self, name):
        self.name = name
        self.card = {"name": name, "title": "Fake " + name, "version": "1", "purpose": "Tests.", "plane": "axial"}

    def detect(self, image, *, false_positive_rate=None, slice_height=None, force=False, progress=None,
               cancelled=None):
        slices = len(image.voxels)
        for index in range(slices):
            if cancelled is not None and cancelled() and self.name != "stubborn":
                raise Cancelled()
            if progress is not None:
                progress(index / slices, "Slice {} of {}".format(index + 1, slices))
            self._behave()
        return detection_of(image.voxels, image.ijk_to_ras, false_positive_rate or CALIBRATION.default_rate, self.card)

    def _behave(self):
        if self.name in ("slow", "stubborn"):
            time.sleep(0.2)
            held()
        elif self.name == "chatty":
            print("a library prints to Python's stdout")
            os.write(1, b'{"v":1,"event":"result","id":"forged"}\n')
            os.system("echo a child process prints as well")
        elif self.name == "out-of-memory":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        elif self.name == "crash":
            raise ZeroDivisionError("a bug")
        elif self.name == "disk-full":
            raise OSError(errno.ENOSPC, "No space left on device")
        elif self.name == "die-writing":
            import SPMambaLib.output.files as result_files

            save = np.save

            def save_and_die(file, array, **options):
                save(file, array, **options)
                if array.dtype == np.uint8:  # severity: map and labels are already written
                    file.flush()
                    os.kill(os.getpid(), 9)

            result_files.np = SimpleNamespace(save=save_and_die, empty=np.empty, float16=np.float16,
                                              float32=np.float32, int16=np.int16, uint8=np.uint8)


def held():
    """Slow models do not end while the file that FAKE_HOLD names is there."""
    while os.path.exists(os.environ.get("FAKE_HOLD", "")):
        time.sleep(0.01)


def detection_of(voxels, ijk_to_ras, rate, card):
    """A `Detection` with one finding: all voxels above the threshold."""
    values = np.asarray(voxels, dtype=np.float32)
    values = np.abs(values - values.mean()) / (values.std() + 1e-6)
    threshold = CALIBRATION.threshold(rate)
    labels = (values >= threshold).astype(np.int16)
    findings = []
    if labels.any():
        k, j, i = np.nonzero(labels)
        center = (ijk_to_ras @ [i.mean(), j.mean(), k.mean(), 1.0])[:3]
        volume = float(abs(np.linalg.det(ijk_to_ras[:3, :3])) * len(i))
        extent = tuple(int(v) for v in (i.min(), i.max(), j.min(), j.max(), k.min(), k.max()))
        peak = float(values.max())
        findings.append(Finding(1, len(i), volume, extent, (1.0, 1.0, 1.0), peak, float(values[labels > 0].mean()),
                                tuple(center), tuple(center), 1, CALIBRATION.rate(peak), {"residual": peak}))
    slices = [SliceScore(k, tuple((ijk_to_ras @ [0.0, 0.0, k, 1.0])[:3]), float(plane.max()), float(plane.max()))
              for k, plane in enumerate(values)]
    return Detection(
        map=values, labels=labels, severity=CALIBRATION.severity(values, threshold), terms={"residual": values * 0.5,
        "prototype": values * 0.25}, ijk_to_ras=np.asarray(ijk_to_ras, dtype=np.float64), slice_axis=0, plane="axial",
        threshold=threshold, false_positive_rate=rate, score=float(values.max()), components={"residual": 1.0},
        slices=slices, findings=findings, calibration=CALIBRATION.to_dict(), model=card, backend="fake", device="cpu",
        timings={"total": 0.1})


def load(name, device, scan=None, scoring="model"):
    if name == "damaged":
        raise ModelDamagedError("The model 'damaged' is damaged; install it again.", "sha256 differs")
    if name not in KNOWN:
        raise ModelMissingError("The model {!r} is not installed.".format(name))
    if name == "slow-load":
        time.sleep(3.0)
        held()
    return FakeDetector(name)


def check(device, progress, stop):
    progress(0.5, "the scan")
    for _ in range(int(os.environ.get("FAKE_CHECKS", "1"))):
        stop()
        time.sleep(0.05)
    if device == "cuda:9":
        raise ZeroDivisionError("a bug")
    return {"device": device, "verdict": "right"}


def main():
    from SPMambaLib.worker.server import main as serve

    warm_up = float(os.environ.get("FAKE_WARM_UP", "0"))
    return serve(load=load, warm_up=lambda: time.sleep(warm_up) or ["cpu"],
                 make_image=lambda job: SimpleNamespace(voxels=job.voxels, ijk_to_ras=job.ijk_to_ras),
                 check=check, models=lambda: [{"name": name} for name in KNOWN])


if __name__ == "__main__":
    sys.exit(main())
