"""The maps of whole networks on a device against those of the CPU: the shipped models, on the sample volume.

Compared is what a reader would see of `Detector.detect`, without the comparison of the head as a whole, which is
computed on the CPU in any case and would hide the network's map.  The models are told to analyse whatever they get:
it is numbers that are on trial here, not findings.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from .. import bundle
from ..detector import Detector, load_model
from ..io.image import Image, read_image
from ..scan import default_backend

TOLERANCE = {"single": 1e-4, "half": 5e-2}
"""Of the map's range on the CPU.  Half: a CPU's bfloat16 lies up to 2e-2 away (see `test_doctor_maps`)."""

SLICES = 8
SAMPLE = Path("Resources", "SampleData", "FLAIR-sample.nii.gz")

Progress = Callable[[float, str], None]


def shipped() -> List[Path]:
    """Bundles that come with this software, and not the user's own."""
    folders = [folder for folder in bundle.search_folders()[-2:] if folder.is_dir()]
    return sorted(path for folder in folders[:1] for path in folder.iterdir() if (path / bundle.CARD).is_file())


def volume(slices: int = SLICES) -> Tuple[Image, str]:
    """The middle slices of the sample (more than it has: again from the first), and what they are.

    Where the sample is not installed, an ellipsoid of noise in air.
    """
    for folder in (Path(__file__).resolve().parents[1], Path(__file__).resolve().parents[2]):
        if (folder / SAMPLE).is_file():
            image = read_image(folder / SAMPLE)
            order = (np.arange(slices) + max(0, (len(image.voxels) - slices) // 2)) % len(image.voxels)
            return Image(image.voxels[order], image.ijk_to_ras), "the sample"
    k, j, i = np.ogrid[-0.5:0.5:slices * 1j, -1.2:1.2:192j, -1.2:1.2:160j]
    noise = np.random.default_rng(0).uniform(80.0, 120.0, (slices, 192, 160))
    return Image(np.where(k * k + j * j + i * i < 1.0, noise, 0.0).astype(np.float32), np.eye(4)), "an ellipsoid"


def suited(image: Image, detector: Detector) -> Image:
    """The same for a model of single pictures: the middle slice."""
    if detector.card["plane"] != "native":
        return image
    return Image(image.voxels[len(image.voxels) // 2:][:1], image.ijk_to_ras, kind="image")


def load(path: Path, device: str, scan: Optional[str] = None, precision: str = "single") -> Detector:
    """A detector whose maps are the network's alone."""
    detector = load_model(str(path), device, scan=scan, precision=precision)
    detector.normal_brain = None
    return detector


def of_volumes(device: str, scan: str) -> Detector:
    """A shipped model of volumes, which computes many slices at once."""
    detectors = (load(path, device, scan) for path in shipped())
    return next(detector for detector in detectors if detector.card["plane"] != "native")


def map_of(detector: Detector, image: Image) -> np.ndarray:
    """Anomaly map (K, J, I) on the grid of the image."""
    return detector.detect(suited(image, detector), force=True).map


def difference(found: np.ndarray, right: np.ndarray) -> float:
    """The largest, as a share of the range of what is right; infinite if something is not finite."""
    if found.shape != right.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - right).max() / max(float(right.max() - right.min()), 1e-12))


def yardstick(device: str, scan: str) -> Tuple[str, str]:
    """Device and backend whose maps are right: another backend of the CPU where the CPU itself is on trial."""
    if device != "cpu":
        return "cpu", default_backend("cpu")
    return "cpu", "reference" if scan == "torch" else "torch"


def run(device: str, scan: str, *, slices: int = SLICES, progress: Progress = lambda fraction, text: None,
        check: Callable[[], None] = lambda: None) -> List[Dict[str, Any]]:
    """One row for each shipped model and precision; JSON-ready.

    A row has ``model``, ``precision``, ``backend``, ``state`` ("right", "wrong", "failed"), ``difference`` and
    ``text``.

    Args:
        scan: backend of the selective scan that is used on the device.
        check: called between computations; may raise to end the run.
    """
    rows: List[Dict[str, Any]] = []
    image, what = volume(slices)
    paths = shipped()
    for number, path in enumerate(paths):
        progress(number / len(paths), "maps of {}".format(path.name))
        other = yardstick(device, scan)
        right = map_of(load(path, *other), image)
        for precision in ("single",) if device == "cpu" else ("single", "half"):
            check()
            rows.append({"model": path.name, "precision": precision, "backend": scan, "on": what,
                         "against": "{} by {}".format(*other), **_judged(path, device, scan, precision, image, right)})
    return rows


def _judged(path: Path, device: str, scan: str, precision: str, image: Image, right: np.ndarray) -> Dict[str, Any]:
    try:
        off = difference(map_of(load(path, device, scan, precision), image), right)
    except Exception as error:  # compilers and drivers fail in many ways
        return {"state": "failed", "difference": None,
                "text": " ".join("{}: {}".format(type(error).__name__, error).split())[:300]}
    fits = off <= TOLERANCE[precision]
    return {"state": "right" if fits else "wrong", "difference": off if off != float("inf") else None,
            "text": "map off by {:.0e} of its range ({:.0e} are allowed in {} precision)".format(
                off, TOLERANCE[precision], precision)}
