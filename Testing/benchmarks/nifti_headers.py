"""Random NIfTI headers: voxels and places beside SimpleITK, 3D Slicer's own reader and nibabel.

    python Testing/benchmarks/nifti_headers.py          # 600 headers, writes results/nifti_headers.md

Each header has its own forms, codes, scales, shears, units, byte order, version and value scaling.  A volume must lie
where 3D Slicer shows it, or a notice must say that it may not; where nobody else reads the file, ours must say why.
"""
from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import warnings
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing" / "library")]

from image_references import assert_same_in_patient, itk_geometry, mrml_volume  # noqa: E402

from SPMambaLib.errors import SPMambaError  # noqa: E402
from SPMambaLib.io.image import read_image  # noqa: E402

RESULT = ROOT / "Testing" / "benchmarks" / "results" / "nifti_headers.md"
TYPES = ("u1", "i2", "i4", "f4", "f8", "i1", "u2", "u4")
TOLERANCE = 2e-3  # mm, at the corners: headers hold 32-bit numbers
VALUES = 1e-3  # of scaled voxels, up to 350
UNITS = (1.0, 1000.0, 0.001)  # mm, of mm, m and um, which nibabel leaves to the caller
PLACED = ("two-geometries", "tilted-slice", "no-orientation")


def rotation(random: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * (1.0 if np.linalg.det(q) > 0 else -1.0)


def write(random: np.random.Generator, path: Path) -> str:
    """Write one random file; returns what is special about it."""
    import nibabel

    kind = nibabel.Nifti2Image if random.random() < 0.15 else nibabel.Nifti1Image
    shape = tuple(int(n) for n in random.integers(2, 9, size=3))
    array = random.integers(0, 100, shape).astype(TYPES[random.integers(len(TYPES))])
    header = kind.header_class(endianness="<>"[int(random.random() < 0.2)])
    header.set_data_dtype(array.dtype)
    header.set_data_shape(shape)
    spacing = random.uniform(0.3, 5.0, 3)
    affine = np.eye(4)
    turn = rotation(random) if random.random() < 0.7 else np.eye(3)[random.permutation(3)] * random.choice([-1, 1], 3)
    affine[:3, :3] = turn * spacing * (1, 1, random.choice([-1, 1]))
    affine[:3, 3] = random.uniform(-150, 150, 3)
    header.set_qform(affine, int(random.choice([0, 1, 2, 4])))
    other, special = affine.copy(), "equal forms"
    draw = random.random()
    if draw < 0.2:
        other[:3, :3], other[:3, 3], special = rotation(random) * spacing, random.uniform(-90, 90, 3), "two positions"
    elif draw < 0.4:
        other[:3, :3] *= random.uniform(0.5, 1.6, 3 if random.random() < 0.5 else 1)
        special = "two sizes"
    elif draw < 0.55:
        other[:3, 1] += random.uniform(0.05, 0.5) * other[:3, 0]
        special = "sheared"
    elif draw < 0.65:
        other[:3, 3] += random.uniform(-2e-4, 2e-4, 3)
        special = "a hair apart"
    header.set_sform(other, int(random.choice([0, 1, 2, 3, 4])))
    codes = int(header["qform_code"]), int(header["sform_code"])
    if random.random() < 0.1:
        header["pixdim"][1:4] = [0.0, *header["pixdim"][2:4]] if random.random() < 0.5 else 0.0
        special = "spacing zero"
    header["xyzt_units"] = int(random.choice([0, 2, 2, 2, 1, 3]))
    slope, intercept = (1.0, 0.0) if random.random() < 0.6 else (random.uniform(0.1, 3.0), random.uniform(-50, 50))
    header["scl_slope"], header["scl_inter"] = slope, intercept
    header["vox_offset"], header["magic"] = header.single_vox_offset, header.single_magic
    values = array.astype(array.dtype.newbyteorder(header.endianness)).tobytes(order="F")
    path.write_bytes(header.binaryblock + b"\0" * (header.single_vox_offset - len(header.binaryblock)) + values)
    return "{}, {}".format(special, {(False, False): "no code", (True, False): "qform", (False, True): "sform",
                                     (True, True): "both"}[(codes[0] > 0, codes[1] > 0)])


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """What C++ libraries print."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def reads(function: Any, path: Path) -> Any:
    try:
        with silence():
            return function(path)
    except (RuntimeError, AssertionError):
        return None


def nibabel_volume(path: Path) -> Any:
    import nibabel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = nibabel.load(path)
        return image.affine, np.asanyarray(image.dataobj).T


def same_place(image: Any, other: Tuple[np.ndarray, np.ndarray]) -> bool:
    scale = max(1.0, float(np.abs(image.ijk_to_ras).max()) / 100.0)
    try:
        assert_same_in_patient(image, *other, tolerance=TOLERANCE * scale, values=VALUES)
    except AssertionError:
        return False
    return True


def look(path: Path) -> Tuple[str, bool]:
    """(what came of it, whether that is right)."""
    try:
        image = read_image(path)
    except SPMambaError as error:
        return "refused [{}]".format(error.code), error.code != "internal"
    theirs = nibabel_volume(path)
    if not np.allclose(image.voxels, theirs[1], rtol=1e-5, atol=VALUES):
        return "other voxels than nibabel", False
    noticed = [notice.code for notice in image.notices if notice.code in PLACED]
    slicer, itk = reads(mrml_volume, path), reads(itk_geometry, path)
    if slicer is None and itk is None:
        same = any(same_place(image, (np.diag([unit, unit, unit, 1.0]) @ theirs[0], theirs[1])) for unit in UNITS)
        return "only nibabel reads it: " + ("as there" if same else "elsewhere") + (", noticed" if noticed else ""), \
            bool(same or noticed)
    shown = [same_place(image, other) for other in (slicer, itk) if other is not None]
    if all(shown):
        return "as 3D Slicer shows it" + (", noticed" if noticed else ""), True
    return "elsewhere than 3D Slicer shows it" + (", noticed" if noticed else ""), bool(noticed)


def run(count: int, seed: int = 0) -> Dict[str, Any]:
    """Counts by (what is special, what came of it), and the seeds of what is wrong."""
    table: "Counter[Tuple[str, str]]" = Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.nii"
        for number in range(count):
            special = write(np.random.default_rng([seed, number]), path)
            came, right = look(path)
            table[(special, came)] += 1
            if not right:
                wrong.append((number, special, came))
    return {"table": table, "wrong": wrong}


def page(result: Dict[str, Any], count: int) -> str:
    import nibabel
    import SimpleITK

    lines = ["# NIfTI headers beside other readers", "",
             "`python Testing/benchmarks/nifti_headers.py`, {}, CPU; SimpleITK {}, nibabel {}, 3D Slicer's volume "
             "reader of slicer-core.".format(date.today(), SimpleITK.Version_VersionString(), nibabel.__version__), "",
             "{} random headers, {} wrong. Right is: voxels as nibabel has them, and placed as 3D Slicer shows them, "
             "or with a notice.".format(count, len(result["wrong"])), "",
             "| forms and codes | what came of it | files |", "|---|---|---|"]
    lines += ["| {} | {} | {} |".format(*key, number) for key, number in sorted(result["table"].items())]
    lines += ["", *("- number {}: {}, {}".format(*each) for each in result["wrong"])]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--output", type=Path, default=RESULT)
    arguments = parser.parse_args()
    result = run(arguments.count)
    arguments.output.write_text(page(result, arguments.count), encoding="utf-8")
    print(page(result, arguments.count))
    return int(bool(result["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
