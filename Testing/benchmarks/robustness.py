"""Is a finding bound to disease, or to how the picture was taken?  Perturbed test images at the fixed threshold.

    python Testing/benchmarks/robustness.py MODEL --manifest MANIFEST.csv [--images 60]

Every image goes through the detector as a user's would, also where the input check would refuse it; what that check
says is counted beside.  Writes results/robustness_MODEL.json and .svg, or, of chosen conditions (`--only noise=0.03`),
which may then see more images, results/chosen_MODEL.json; `robustness_page.py` makes the page.
"""
# ruff: noqa: E402 - the path comes before the imports that need it
from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[slice_height]) for slice_height in (2, 1)]

from benchmarks.images import TEST
from benchmarks.perturbations import PERTURBATIONS, Change
from benchmarks.records import RESULTS
from benchmarks.robustness_page import figure

from SPMambaLib import load_model
from SPMambaLib.data.samples import Sample
from SPMambaLib.detection import Detection
from SPMambaLib.errors import SPMambaError
from SPMambaLib.evaluation.controls import window
from SPMambaLib.input_check.record import FLAGGED, REFUSED, USUAL
from SPMambaLib.io.image import Image, finite_voxels, read_image
from SPMambaLib.training.data import read_manifest
from SPMambaLib.worker.processors import share_processors

VERDICTS = (FLAGGED, REFUSED)


def main() -> None:
    share_processors()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="name or bundle; its card's name chooses the test images")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--images", type=int, default=60, help="of each class, evenly over the test set")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder")
    parser.add_argument("--only", nargs="+", metavar="NAME=STRENGTH", help="these conditions, and unchanged images")
    arguments = parser.parse_args()
    detector = load_model(arguments.model, "cpu")
    samples = drawn(read_manifest(arguments.manifest, TEST[detector.name]), arguments.images)
    rows = []
    for name, strength, change in conditions():
        if arguments.only and name != "none" and "{}={:g}".format(name, strength) not in arguments.only:
            continue
        rows.append({"perturbation": name, "strength": strength, **shares(
            [assessed(detector, sample, change, strength, seed) for seed, sample in enumerate(samples)])})
        print(rows[-1], flush=True)
    command = "python Testing/benchmarks/robustness.py {} --manifest {} --images {}".format(
        detector.name, arguments.manifest.name, arguments.images)
    result = {"command": " ".join([command, *(["--only", *arguments.only] if arguments.only else [])]),
              "date": datetime.date.today().isoformat(), "device": "cpu, {} threads".format(torch.get_num_threads()),
              "torch": torch.__version__, "model": {k: detector.summary()[k] for k in ("name", "title", "sha256")},
              "operating_point": detector.calibration.default_rate,
              "input_check": "input_check" in detector.card["calibration"],
              "rows": rows}
    stem = arguments.output / "{}_{}".format("chosen" if arguments.only else "robustness", detector.name)
    stem.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if not arguments.only:
        stem.with_suffix(".svg").write_text(figure(result), encoding="utf-8")


def conditions() -> Iterator[Tuple[str, float, Change]]:
    """The clean images first."""
    yield "none", 0.0, lambda picture, strength, random: picture
    for name, (change, _, strengths, _) in PERTURBATIONS.items():
        for strength in strengths:
            yield name, strength, change


def drawn(samples: Sequence[Sample], count: int) -> List[Sample]:
    """At most `count` of each class, evenly over the list."""
    chosen: List[Sample] = []
    for abnormal in (False, True):
        own = [sample for sample in samples if sample.abnormal == abnormal]
        chosen += [own[n] for n in np.unique(np.linspace(0, len(own) - 1, min(count, len(own))).astype(int))]
    return chosen


def perturbed(image: Image, change: Change, strength: float, seed: int) -> Image:
    """A changed copy of a picture; strengths are relative to its black and white."""
    voxels = finite_voxels(image)[0].astype(np.float64)
    random = np.random.default_rng(seed)
    low, high = window(voxels)
    changed = np.stack([low + (high - low) * change((picture - low) / (high - low), strength, random)
                        for picture in voxels])
    return Image(changed.astype(np.float32), image.ijk_to_ras, dict(image.facts), image.kind, list(image.notices))


def assessed(detector: Any, sample: Sample, change: Change, strength: float, seed: int) -> Dict[str, Any]:
    """Whether the picture shows a finding at the default operating point, and what the input check says."""
    image = perturbed(read_image(sample.path), change, strength, seed)
    try:
        detection = detector.detect(image, force=True)
    except SPMambaError as error:  # not an image to this model at all: nothing is marked, and the user is told
        return {"abnormal": sample.abnormal, "finding": False, "verdict": "refused", "code": error.code}
    return {"abnormal": sample.abnormal, "finding": bool(detection.findings), "verdict": verdict(detection)}


def verdict(detection: Detection) -> str:
    """"" for a picture that the input check lets pass, else "flagged" or "refused"."""
    state = detection.input_check.state if detection.input_check is not None else USUAL
    return "" if state == USUAL else state


def shares(assessments: Sequence[Dict[str, Any]]) -> Dict[str, Any]:
    """Rates over the normal and the abnormal pictures of one condition.

    "silent" false positives are those that the input check let pass.
    """
    normal, abnormal = ([j for j in assessments if j["abnormal"] == kind] for kind in (False, True))
    return {"normal": len(normal), "abnormal": len(abnormal),
            "false_positive_rate": share(j["finding"] for j in normal),
            "silent_false_positive_rate": share(j["finding"] and not j["verdict"] for j in normal),
            "sensitivity": share(j["finding"] for j in abnormal),
            "caught_normal": share(bool(j["verdict"]) for j in normal),
            "caught_abnormal": share(bool(j["verdict"]) for j in abnormal),
            "refused": share(j["verdict"] == "refused" for j in assessments)}


def share(flags: Any) -> Any:
    values = [bool(flag) for flag in flags]
    return round(sum(values) / len(values), 4) if values else None


if __name__ == "__main__":
    main()
