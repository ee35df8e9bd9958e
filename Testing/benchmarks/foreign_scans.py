"""What the input check of a model does with foreign scans, altered scans and public normals.

    python Testing/benchmarks/foreign_scans.py --data DATA --model brain-flair \
        --output Testing/benchmarks/results/foreign_brain-flair.json

DATA is the folder of the test data with its MANIFEST.csv.  The ranges of the check come from normals alone, but two of
its constants and its features were settled with these foreign images in view (see `training.fit`): the shares
refused are not those of images never seen.  Reported per set: the shares refused and flagged, the reasons, and with
--findings the share of the others that show a finding at the default operating point.  What a file says of itself
(modality, description) is taken away, so that the check has the image alone.
"""
from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SPMambaLib import bundle, load_model
from SPMambaLib.data.reading import read_data
from SPMambaLib.errors import SPMambaError
from SPMambaLib.input_check.record import FLAGGED, REFUSED, USUAL
from SPMambaLib.io.image import Image, read_image
from SPMambaLib.preprocessing.alignment import warped

T1 = ("brain_volumes/ms_patient07/T1.nii.gz", "brain_volumes/ms_patient19/T1.nii.gz",
      "brain_volumes/MNI152_2009_template.nii.gz", "dicom/adi_brain_T1_memprage")
CT = ("dicom/CTHeadAxial64",)
MS = ("brain_volumes/ms_patient07/FLAIR.nii.gz", "brain_volumes/ms_patient19/FLAIR.nii.gz")
RAW_MS = ("brain_volumes/ms_long_patient01/FLAIR.nii.gz", "brain_volumes/ms_long_patient04/FLAIR.nii.gz")
SAMPLES = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
FACTS = ("has_spacing",)  # all that is kept of what a file says
EVERY_SLICE = 4  # of volumes given slice by slice
Make = Callable[[np.ndarray], np.ndarray]


def silent(image: Image) -> Image:
    return Image(image.voxels, image.ijk_to_ras, {k: v for k, v in image.facts.items() if k in FACTS}, image.kind)


def files(data: Path, *names: str) -> Iterator[Image]:
    return (silent(read_image(data / name)) for name in names)


def chosen(data: Path, select: str, every: int) -> Iterator[Image]:
    samples = read_data(manifest=data / "MANIFEST.csv", select=select).samples
    return (silent(read_image(sample.path)) for sample in samples[::every])


def slices(data: Path, *names: str) -> Iterator[Image]:
    """Axial slices of volumes as pictures; those with little in them are left out."""
    for image in files(data, *names):
        stack = image.plane("axial").to_slices(np.asarray(image.voxels, dtype=np.float32))
        for voxels in stack[len(stack) // 6:-len(stack) // 6 or None:EVERY_SLICE]:
            if np.ptp(voxels) > 0.2 * np.ptp(stack):
                yield Image(voxels[None], np.diag([-1.0, -1.0, 1.0, 1.0]), {"has_spacing": False}, "image")


def altered(images: Iterable[Image], change: Make) -> Iterator[Image]:
    return (Image(change(np.asarray(i.voxels, dtype=np.float32)), i.ijk_to_ras, i.facts, i.kind) for i in images)


def noisy(sd: float) -> Make:
    random = np.random.default_rng(0)
    return lambda v: v + random.normal(0, sd * (np.quantile(v, 0.995) - v.min()), v.shape).astype(np.float32)


def turned(degrees: float) -> Make:
    """In the slice plane of a picture or an axial volume."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def change(voxels: np.ndarray) -> np.ndarray:
        ratio = voxels.shape[1] / voxels.shape[2]
        affine = torch.tensor([[[c, s * ratio, 0.0], [-s / ratio, c, 0.0]]], dtype=torch.float32)
        return warped(torch.from_numpy(voxels)[None], affine)[0].numpy()

    return change


ALTERATIONS: Dict[str, Make] = {
    "noise sd .03": noisy(0.03), "rotated 10 degrees": turned(10.0), "rotated 25 degrees": turned(25.0),
    "inverted": lambda v: v.max() + v.min() - v, "upside down": lambda v: np.ascontiguousarray(v[:, ::-1]),
    "left and right exchanged": lambda v: np.ascontiguousarray(v[..., ::-1]),
    "blurred": lambda v: F.avg_pool2d(torch.from_numpy(v)[None], 7, 1, 3, count_include_pad=False)[0].numpy(),
}


def sets(model: str, data: Path, every: int) -> Iterator[Tuple[str, str, Iterable[Image]]]:
    """(kind, name, images); kind is normal, abnormal, foreign, altered or other."""
    brain, chest = ("brain_lgg_flair256/test/", "cxr_kermany224/test/")
    noise = (Image(np.random.default_rng(n).random((1, 256, 256)).astype(np.float32), np.eye(4), {}, "image")
             for n in range(8))
    if model == "chest":
        yield "normal", "normal chest films", chosen(data, chest + "NORMAL/*", every)
        yield "abnormal", "pneumonia films", chosen(data, chest + "PNEUMONIA/*", every)
        yield "foreign", "brain FLAIR slices", chosen(data, brain + "normal/*", every)
        yield "foreign", "brain FLAIR slices with tumour", chosen(data, brain + "lesion/*", every)
    else:
        yield "normal", "normal FLAIR slices", chosen(data, brain + "normal/*", every)
        yield "abnormal", "FLAIR slices with tumour", chosen(data, brain + "lesion/*", every)
        yield "foreign", "chest films", chosen(data, chest + "*", every)
        yield "foreign", "T1 volumes", files(data, *T1)
        yield "foreign", "CT head volume", files(data, *CT)
        yield "other", "MS FLAIR volumes, skull-stripped", files(data, *MS)
        yield "other", "MS FLAIR volumes, raw", files(data, *RAW_MS)
        head = "FLAIR-sample.nii.gz"  # with its implanted lesion
        yield "other", "sample head", files(SAMPLES, head)
        for name, change in ALTERATIONS.items():
            yield "altered", "sample head, " + name, altered(files(SAMPLES, head), change)
    yield "foreign", "retinal OCT", chosen(data, "oct_kermany/*", 1)
    yield "foreign" if model == "chest" else "other", "CT head slices, one by one", slices(data, *CT)
    abdomen = ("dicom/dcmqi_ct_liver_seg/0{}.dcm".format(n) for n in (1, 2, 3))
    yield "foreign", "CT abdomen slices", files(data, *abdomen)
    yield "foreign" if model == "chest" else "other", "T1 slices, one by one", slices(data, *T1)
    yield "foreign", "noise", noise
    yield "foreign" if model == "brain" else "other", "chest film of an adult (CR)", files(
        data, "dicom/chest_cr/RG1_J2KI.dcm")
    normals = chest + "NORMAL/*" if model == "chest" else brain + "normal/*"
    for name, change in ALTERATIONS.items():
        yield "altered", "normals, " + name, altered(chosen(data, normals, 4 * every), change)


def measure(detector: Any, images: Iterable[Image], findings: bool) -> Dict[str, Any]:
    """Shares of one set; with `findings` those that pass are analysed too."""
    states: Counter = Counter()
    reasons: Counter = Counter()
    found = 0
    for image in images:
        try:
            fit = detector.assess(image)
        except SPMambaError as error:  # refused for another reason, before the check
            states[REFUSED] += 1
            reasons[error.code] += 1
            continue
        states[fit.state] += 1
        reasons.update(reading.name for reading in fit.readings if reading.state != USUAL)
        if findings and fit.state == USUAL:
            found += bool(detector.detect(image).findings)
    n = sum(states.values())
    row = {"n": n, "refused": round(states[REFUSED] / n, 4), "flagged": round(states[FLAGGED] / n, 4)}
    if findings and states[USUAL]:
        row["findings_in_the_rest"] = round(found / states[USUAL], 4)
    return dict(row, reasons=dict(reasons.most_common()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture of the large sets")
    parser.add_argument("--findings", nargs="*", default=[], metavar="KIND",
                        help="kinds of sets whose unflagged images are analysed too, e.g. normal altered")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    detector = load_model(arguments.model, "cpu")
    kind = "chest" if detector.card["plane"] == "native" else "brain"
    rows: List[Dict[str, Any]] = []
    for group, name, images in sets(kind, arguments.data, arguments.every):
        rows.append({"kind": group, "set": name, **measure(detector, images, group in arguments.findings)})
        print(json.dumps(rows[-1]), flush=True)
    totals = {}
    for group in ("normal", "abnormal", "foreign"):
        mine = [row for row in rows if row["kind"] == group]
        count = sum(row["n"] for row in mine)
        totals[group] = {"n": count, **{state: round(sum(row[state] * row["n"] for row in mine) / count, 4)
                                        for state in ("refused", "flagged")}}
    arguments.output.write_text(json.dumps({
        "command": " ".join(
            ["python Testing/benchmarks/foreign_scans.py --data DATA --model", detector.name, "--every",
             str(arguments.every), *(["--findings", *arguments.findings] if arguments.findings else [])]),
        "date": datetime.date.today().isoformat(), "device": "cpu, {} threads".format(torch.get_num_threads()),
        "torch": torch.__version__, "model": {"name": detector.name, "sha256": detector.card["files"][bundle.WEIGHTS]},
        "input_check": {name: detector.card["calibration"]["input_check"][name]
                    for name in ("rate", "worth", "normals", "patients")},
        "totals": totals, "sets": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
