"""How well the shipped models separate normal from abnormal on the public test images.

    python Testing/benchmarks/detection_quality.py --manifest MANIFEST.csv --model chest-xray \
        --select "cxr_kermany224/test/*" --output Testing/benchmarks/results/quality_chest-xray.json

Every image goes through `Detector.detect` as a user's would.  Nothing is tuned on these images: thresholds come from
the bundle's own calibration on normals; "best Dice" is an oracle and named so.
"""
from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SPMambaLib import load_model, read_image
from SPMambaLib.training.data import read_manifest

LEVEL_TOLERANCE = 0.06  # level-matched AUROC compares only slices this close in relative height
STRIDE = 2  # pixels are subsampled for the pixel metrics


def level_matched_auroc(scores: np.ndarray, abnormal: np.ndarray, levels: np.ndarray) -> float:
    """Share of (abnormal, normal) pairs of similar level that are ranked right; ties count half."""
    wins = pairs = 0.0
    for score, level in zip(scores[abnormal], levels[abnormal]):
        near = scores[~abnormal & (np.abs(levels - level) < LEVEL_TOLERANCE)]
        wins += (score > near).sum() + 0.5 * (score == near).sum()
        pairs += len(near)
    return float(wins / pairs)


def pixel_metrics(maps: np.ndarray, masks: np.ndarray, threshold: float) -> dict:
    flat, truth = maps.ravel(), masks.ravel()
    order = np.argsort(-flat, kind="stable")
    hits = np.cumsum(truth[order])
    dice = 2 * hits / (np.arange(1, len(flat) + 1) + truth.sum())
    chosen = flat >= threshold
    return {"auroc": float(roc_auc_score(truth, flat)), "ap": float(average_precision_score(truth, flat)),
            "best_dice_oracle": float(dice.max()),
            "dice": float(2 * (chosen & truth).sum() / (chosen.sum() + truth.sum()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--select", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--every", type=int, default=1, help="use every n-th image only")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    samples = [s for s in read_manifest(arguments.manifest, arguments.select) if "/mask/" not in str(s.path)]
    samples = samples[::arguments.every]
    detector = load_model(arguments.model, "cpu")
    rows, maps, masks = [], [], []
    for number, sample in enumerate(samples, start=1):
        detection = detector.detect(read_image(sample.path))
        rows.append(dict(detection.components, score=detection.score, peak=float(detection.map.max()),
                         findings=len(detection.findings)))
        if sample.level is not None:
            maps.append(detection.map[0, ::STRIDE, ::STRIDE])
            mask = np.zeros(detection.map.shape[1:])
            if sample.mask_path:
                mask = read_image(sample.mask_path).voxels[0] > 127
            masks.append(mask[::STRIDE, ::STRIDE].astype(bool))
        if number % 50 == 0:
            print("{} of {}".format(number, len(samples)), file=sys.stderr, flush=True)
    abnormal = np.array([s.label.lower() != "normal" for s in samples])
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    flagged = columns["findings"] > 0
    result = {
        "command": "python Testing/benchmarks/detection_quality.py " + " ".join(
            "--{} {!r}".format(k, str(v.name if k in ("manifest",) else v)) for k, v in vars(arguments).items()),
        "date": datetime.date.today().isoformat(), "device": "cpu, {} threads".format(torch.get_num_threads()),
        "python": platform.python_version(), "torch": torch.__version__,
        "model": detector.summary(), "n": {"normal": int((~abnormal).sum()), "abnormal": int(abnormal.sum())},
        "protocol": "deployable: nothing chosen on these images", "operating_point": detector.calibration.default_rate,
        "image": {
            "auroc": float(roc_auc_score(abnormal, columns["score"])),
            "ap": float(average_precision_score(abnormal, columns["score"])),
            "auroc_of": {name: float(roc_auc_score(abnormal, values)) for name, values in columns.items()},
            "sensitivity": float(flagged[abnormal].mean()), "specificity": float(1 - flagged[~abnormal].mean()),
        },
    }
    if maps:
        levels = np.array([s.level for s in samples])
        result["image"]["auroc_level_matched"] = level_matched_auroc(columns["score"], abnormal, levels)
        threshold = detector.calibration.threshold(detector.calibration.default_rate)
        result["pixel"] = pixel_metrics(np.stack(maps), np.stack(masks), threshold)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["image"], indent=1), json.dumps(result.get("pixel"), indent=1))


if __name__ == "__main__":
    main()
