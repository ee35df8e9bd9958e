"""Brain FLAIR volumes: the product at its default operating point beside the simplest rule a reader would think of.

    python Testing/benchmarks/volumes.py --data DATA [--output Testing/benchmarks/results/volumes.json]

DATA holds ``brain_volumes``; the sample lies in Resources.  Nothing is forced: a refused volume is one without
findings, and the table says so.  What was settled with these scans in view: see Resources/Docs/models/seen.md.
The rule: brighter than z robust spreads over the
brain's own median, after smoothing by 0.8 voxel, 3 voxels inside of the brain, at least 0.1 ml; for
skull-stripped scans.  A lesion is a
26-connected component of the mask of at least 0.1 ml; it is found when a finding
touches it; a false finding touches none.
"""
from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from SPMambaLib.detector import load_model  # noqa: E402
from SPMambaLib.errors import SPMambaError  # noqa: E402
from SPMambaLib.geometry import voxel_volume  # noqa: E402
from SPMambaLib.io.image import Image, read_image  # noqa: E402

TOUCHING = np.ones((3, 3, 3))
SMALLEST_ML = 0.1
CASES: Tuple[Tuple[str, str, Optional[str], bool], ...] = (  # name, scan, mask, skull-stripped
    ("MS 07", "ms_patient07/FLAIR.nii.gz", "ms_patient07/lesion_mask.nii.gz", True),
    ("MS 19", "ms_patient19/FLAIR.nii.gz", "ms_patient19/lesion_mask.nii.gz", True),
    ("tumour DU-7294", "tumour_TCGA-DU-7294/fla.nii.gz", "tumour_TCGA-DU-7294/mask_simple_fusion.nii.gz", True),
    ("tumour AURORA", "tumour_AURORA-example/flair.nii.gz", None, True),
    ("raw MS 01", "ms_long_patient01/FLAIR.nii.gz", None, False),
    ("raw MS 04", "ms_long_patient04/FLAIR.nii.gz", None, False),
)
OTHERS = ("ms_patient07/T1.nii.gz", "ms_patient19/T1.nii.gz", "tumour_TCGA-DU-7294/t1.nii.gz",
          "tumour_AURORA-example/t1.nii.gz", "MNI152_2009_template.nii.gz")


def rule(image: Image, z: float) -> np.ndarray:
    """Label map (K, J, I) of the simple rule."""
    voxels = image.voxels.astype(float)
    brain = ndimage.binary_fill_holes(voxels > 0)
    smooth = ndimage.gaussian_filter(voxels, 0.8)
    median = np.median(smooth[brain])
    spread = 1.4826 * np.median(np.abs(smooth[brain] - median))
    bright = (smooth - median > z * spread) & ndimage.binary_erosion(brain, iterations=3)
    labels, count = ndimage.label(bright, TOUCHING)
    large = np.bincount(labels.ravel(), minlength=count + 1) * voxel_volume(image.ijk_to_ras) / 1000.0 >= SMALLEST_ML
    large[0] = False
    return np.where(large[labels], labels, 0)


def score(labels: np.ndarray, truth: Optional[np.ndarray], ijk_to_ras: np.ndarray) -> Dict[str, Any]:
    """Findings against a mask; without one their number and volume."""
    ml = voxel_volume(ijk_to_ras) / 1000.0
    numbers = np.unique(labels[labels > 0])
    result: Dict[str, Any] = {"findings": len(numbers), "ml": round(float((labels > 0).sum()) * ml, 2)}
    if truth is None:
        return result
    lesions, count = ndimage.label(truth, TOUCHING)
    large = np.flatnonzero(np.bincount(lesions.ravel(), minlength=count + 1)[1:] * ml >= SMALLEST_ML) + 1
    touched, true = np.unique(lesions[labels > 0]), np.unique(labels[truth])
    false = [n for n in numbers if n not in true]
    both = float(((labels > 0) & truth).sum())
    return {**result, "lesions": len(large), "found": int(np.isin(large, touched).sum()), "false": len(false),
            "false_ml": round(float(np.isin(labels, false).sum()) * ml, 2),
            "dice": round(2.0 * both / max(1.0, float((labels > 0).sum() + truth.sum())), 3)}


def measured(detector: Any, name: str, image: Image, truth: Optional[np.ndarray], stripped: bool) -> Dict[str, Any]:
    """One row: product and rule on a scan."""
    start = time.perf_counter()
    row: Dict[str, Any] = {"scan": name}
    try:
        found = detector.detect(image)
        row["product"] = score(found.labels, truth, image.ijk_to_ras)
        row["input_check"] = found.input_check.state
        row["peaks"] = [round(f.peak, 1) for f in found.findings[:20]]
        row["at_ras"] = [[round(x) for x in f.peak_ras] for f in found.findings[:20]]
        row["steps"] = found.timings
    except SPMambaError as error:
        row["refused"] = str(error)
    row["seconds"] = round(time.perf_counter() - start, 1)
    if stripped:
        row.update({"rule {:g}".format(z): score(rule(image, z), truth, image.ijk_to_ras) for z in (2.0, 2.5)})
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="brain-flair")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    detector, rows = load_model(arguments.model, device="cpu"), []
    folder = arguments.data / "brain_volumes"
    cases: List[Tuple[str, Image, Optional[np.ndarray], bool]] = []
    for name, scan, mask, stripped in CASES:
        truth = None if mask is None else read_image(folder / mask).voxels > 0
        cases.append((name, read_image(folder / scan), truth, stripped))
    sample = ROOT / "Resources" / "SampleData"
    head, added, lesion = (read_image(sample / "FLAIR-sample{}.nii.gz".format(part))
                           for part in ("", "-lesion-added", "-lesion"))
    plain = Image((head.voxels - added.voxels).astype(head.voxels.dtype), head.ijk_to_ras)
    cases += [("sample", head, lesion.voxels > 0, False), ("sample, no lesion", plain, None, False)]
    for case in cases:
        rows.append(measured(detector, *case))
        print(json.dumps(rows[-1]), flush=True)
    refused = {}
    for scan in OTHERS:
        result = detector.assess(read_image(folder / scan))
        refused[scan] = result.state
        print(scan, result.state, flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps({
            "date": date.today().isoformat(), "device": platform.processor() or platform.machine(),
            "model": detector.summary(), "rows": rows, "other_contrasts": refused}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
