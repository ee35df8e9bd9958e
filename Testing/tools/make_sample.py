"""Makes the sample volume: a population-average FLAIR head with one implanted lesion, and what is known about it.

    python Testing/tools/make_sample.py --manifest MANIFEST.csv --output Resources/SampleData

The manifest is that of the training data (see `SPMambaLib.training.data`); every normal FLAIR slice takes part.  What
the files mean is told in Resources/SampleData/README.md.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import SimpleITK as sitk

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

from average_head import PIXEL_MM, align_heights, average_head, load_slices  # noqa: E402

from SPMambaLib.io.image import write_image  # noqa: E402
from SPMambaLib.training.data import read_manifest  # noqa: E402

SELECT = "brain_lgg_flair256/train/normal/*"
HEIGHT_BINS = np.linspace(0.08, 0.97, 44)  # from the upper teeth to the vertex
SLICE_MM = 3.5
MEMBERS = 10  # slices in each height's average
VALUE_OF_ONE = 860.0  # stored value of relative intensity 1; tissue is near 300
NOISE = 4.0  # stored units, in each of the two channels of a magnitude image
TILT_DEGREES = (5.0, -2.0, 3.0)  # about the axes to the right, anterior and superior: no head lies straight
LESION = {"slice": 27, "row": 84, "column": 103}  # the left hemisphere's white matter, above the ventricle's body
LESION_RADII_MM = (10.0, 11.0, 10.5)  # to the left, anterior, superior
LESION_GAIN = 1.85  # lesion over the tissue it replaces
LESION_BORDER_MM = 3.0
LESION_ROUGHNESS_MM = 1.5


def orientation(shape: Tuple[int, int, int]) -> np.ndarray:
    """ijk_to_ras (4, 4): i to the left, j to the back, k up, tilted; RAS origin at the middle of the volume."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.radians(TILT_DEGREES).tolist())
    ijk_to_ras = np.eye(4)
    ijk_to_ras[:3, :3] = np.reshape(turn.GetMatrix(), (3, 3)) @ np.diag([-PIXEL_MM, -PIXEL_MM, SLICE_MM])
    ijk_to_ras[:3, 3] = -ijk_to_ras[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return ijk_to_ras


def lesion_profile(shape: Tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """(K, J, I) in [0, 1]: 1 inside, 0.5 at the border of a slightly irregular ellipsoid, 0 outside."""
    centre = (LESION["slice"], LESION["row"], LESION["column"])
    spacing = (SLICE_MM, PIXEL_MM, PIXEL_MM)
    offsets = np.meshgrid(*[(np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing)], indexing="ij")
    radius = np.sqrt(sum((o / r) ** 2 for o, r in zip(offsets, LESION_RADII_MM[::-1])))
    rough = sitk.GetImageFromArray(generator.standard_normal(shape))
    rough.SetSpacing(spacing[::-1])
    waves = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(rough, 4.0))
    outside_mm = (radius - 1) * np.mean(LESION_RADII_MM) + LESION_ROUGHNESS_MM * waves / waves.std()
    ramp = np.clip(0.5 - outside_mm / LESION_BORDER_MM, 0.0, 1.0)
    return ramp * ramp * (3 - 2 * ramp)


def magnitude(signal: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The signal as a scanner shows it: noise in two channels, length of the sum."""
    real, imaginary = generator.normal(0.0, NOISE, (2,) + signal.shape)
    return np.hypot(signal + real, imaginary)


def write_sample(head: np.ndarray, output: Path) -> Dict[str, Any]:
    """Implant the lesion into the relative intensities `head` (K, J, I), write all files, return the facts."""
    generator = np.random.default_rng(0)
    ijk_to_ras = orientation(head.shape)
    profile = lesion_profile(head.shape, generator)
    healthy = np.round(magnitude(head * VALUE_OF_ONE, generator))
    added = np.round(healthy * (LESION_GAIN - 1) * profile)
    mask = profile > 0.5
    output.mkdir(parents=True, exist_ok=True)
    volumes = {"FLAIR-sample.nii.gz": (healthy + added).astype(np.int16),
               "FLAIR-sample-lesion.nii.gz": mask.astype(np.uint8),
               "FLAIR-sample-lesion-added.nii.gz": added.astype(np.int16)}
    for name, voxels in volumes.items():
        write_image(output / name, voxels, ijk_to_ras)
    points = np.argwhere(mask)[:, ::-1] @ ijk_to_ras[:3, :3].T + ijk_to_ras[:3, 3]
    extent = (np.ptp(np.argwhere(mask), axis=0) + 1) * (SLICE_MM, PIXEL_MM, PIXEL_MM)
    return {
        "volume": "FLAIR-sample.nii.gz",
        "lesion": {
            "mask": "FLAIR-sample-lesion.nii.gz",
            "added": "FLAIR-sample-lesion-added.nii.gz",
            "centre_ras": points.mean(axis=0).round(1).tolist(),
            "size_mm": extent[::-1].round(1).tolist(),
            "volume_mm3": round(float(mask.sum() * PIXEL_MM * PIXEL_MM * SLICE_MM), 1),
            "intensity": round(float((healthy + added)[mask].mean()), 1),
            "intensity_without_lesion": round(float(healthy[mask].mean()), 1),
        },
        "shape": list(head.shape),
        "ijk_to_ras": ijk_to_ras.tolist(),
        "sha256": {name: hashlib.sha256((output / name).read_bytes()).hexdigest() for name in volumes},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    def progress(step: str, fraction: float) -> None:
        print("\r{:<40}{:4.0%}".format(step, fraction), end="", file=sys.stderr, flush=True)

    samples = read_manifest(arguments.manifest, SELECT)
    slices = load_slices(samples, progress)
    align_heights(slices)
    head = average_head(slices, HEIGHT_BINS, MEMBERS, progress)
    facts = write_sample(head, arguments.output)
    facts["made_from"] = {"slices": len(samples), "patients": len({s.patient for s in samples}),
                          "slices_per_level": MEMBERS}
    (arguments.output / "sample.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="ascii")
    print("\nwritten to {}".format(arguments.output), file=sys.stderr)


if __name__ == "__main__":
    main()
