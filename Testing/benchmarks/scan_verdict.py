"""How findings and the verdict on the whole scan share one false-positive rate: what their share is chosen on.

    python Testing/benchmarks/scan_verdict.py --manifest MANIFEST.csv [--model BUNDLE]

Held-out normal chest films, cross-fitted by halves of the patients, and changes implanted into them: single opacities
of three sizes (focal) and changes of a whole lung or film (diffuse).  No abnormal image is used.  Reported for each
share of the findings: what findings, verdict and both see of each kind at 1 in 20 and 1 in 5; and the rate at which new
normals really show either, when the budget is read off one half of the patients and tried on the other, beside two
alarms that each have the whole rate.  The simplest rule, mean brightness of the film, stands beside them.
Writes results/scan_verdict.json.
"""
# ruff: noqa: E402 - the path comes before the imports that need it
from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Dict, Optional, Tuple

import numpy as np
import torch
from torch import Tensor

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (2, 1)]

from benchmarks.images import TRAIN
from benchmarks.implanted_lesions import calibrate, quiet
from benchmarks.implants import KINDS, LUNG, Kind, cloud, implanted
from benchmarks.records import RESULTS

from SPMambaLib import bundle, load_model
from SPMambaLib.data.samples import split_by_patient
from SPMambaLib.scoring.budget import budget_of, rank_table, value_at
from SPMambaLib.scoring.components import summarise
from SPMambaLib.scoring.halves import halves_by_patient
from SPMambaLib.scoring.maps import gaussian_blur
from SPMambaLib.training.assemble import with_copies
from SPMambaLib.training.calibration_fit import NO_TERMS
from SPMambaLib.training.data import load_slices, read_normals
from SPMambaLib.training.fit import Normals, raw_terms
from SPMambaLib.training.recipes import find_recipe

SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
RATES = (0.05, 0.2)
SPLITS = 100


def lungs(image: Tensor) -> Tensor:
    """Soft mask (S, S) of what is dark between the shoulders and the diaphragm."""
    top, bottom, left, right = (int(share * len(image)) for share in LUNG)
    smooth = gaussian_blur(image[None], 4.0)[0]
    inside = torch.zeros_like(image)
    inside[top:bottom, left:right] = 1.0
    middle = smooth[inside > 0].median()
    return gaussian_blur((inside * torch.sigmoid((middle - smooth) * 25))[None], 3.0)[0]


def haze(rng: np.random.Generator, image: Tensor, mask: Tensor, radius: float) -> Optional[Tuple[Tensor, Tensor]]:
    """Both lungs a little brighter, as in oedema; `radius` is a tenth of the percentage."""
    veil = lungs(image) * (radius / 100.0) * (1.0 + 0.2 * cloud(rng, len(image), 60.0)).clamp(0.3, 1.7)
    return torch.lerp(image, torch.ones_like(image), veil.clamp(0, 1)), lungs(image) > 0.5


def grain(rng: np.random.Generator, image: Tensor, mask: Tensor, radius: float) -> Optional[Tuple[Tensor, Tensor]]:
    """A coarse texture in both lungs, as in interstitial disease."""
    return image + lungs(image) * (radius / 200.0) * cloud(rng, len(image), 10.0), lungs(image) > 0.5


def flat(rng: np.random.Generator, image: Tensor, mask: Tensor, radius: float) -> Optional[Tuple[Tensor, Tensor]]:
    """Less contrast inside the lungs, as their vessels fade in emphysema."""
    smooth = gaussian_blur(image[None], 10.0)[0]
    return torch.lerp(image, smooth, lungs(image) * min(1.0, radius / 30.0)), lungs(image) > 0.5


FOCAL = {name: KINDS["chest-xray"][name] for name in ("small", "medium", "large")}
DIFFUSE: Dict[str, Kind] = {"scattered": KINDS["chest-xray"]["diffuse"], "haze": Kind(haze, 8.0, 30.0),
                            "texture": Kind(grain, 8.0, 24.0), "faded": Kind(flat, 8.0, 30.0)}


def held_out(manifest: Path, model: str) -> Tuple[Normals, object]:
    """The held-out normals, each followed in a second block by its varied copy, and the detector."""
    recipe, detector = find_recipe("chest-xray"), load_model(model, "cpu")
    samples = read_normals(manifest, (TRAIN["chest-xray"],))
    index = split_by_patient(samples, recipe.held_out)[1]
    own, pixels, masks = load_slices([samples[n] for n in index], detector.preprocessing, "native", quiet)
    return with_copies(own, pixels, masks, recipe, detector.preprocessing), detector


def seen(alarms: Tuple[np.ndarray, np.ndarray]) -> Dict[str, float]:
    finding, verdict = alarms
    return {"findings": round(float(finding.mean()), 3), "verdict": round(float(verdict.mean()), 3),
            "either": round(float((finding | verdict).mean()), 3)}


def realised(peaks: np.ndarray, scores: np.ndarray, patients: list, share: Optional[float]) -> Dict[str, float]:
    """Mean rate at which the other half of the patients shows either, over random halves; None: no budget."""
    rates: Dict[str, list] = {str(rate): [] for rate in RATES}
    for split in range(SPLITS):
        half = halves_by_patient(patients, split)
        if share is None:
            tables = [rank_table(values[half].tolist()) for values in (peaks, scores)]
        else:
            budget = budget_of(peaks[half], scores[half], share)
            tables = [(budget.rates, budget.peaks), (budget.rates, budget.scores)]
        for rate in RATES:
            peak, score = (value_at(rate, *table) for table in tables)
            rates[str(rate)].append(float(((peaks[~half] >= peak) | (scores[~half] >= score)).mean()))
    return {rate: round(float(np.mean(values)), 4) for rate, values in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--model", default="chest-xray", help="bundle; default: the installed one")
    parser.add_argument("--output", type=Path, default=RESULTS / "scan_verdict.json")
    arguments = parser.parse_args()
    held, detector = held_out(arguments.manifest, arguments.model)
    config = detector.scale.config
    kinds = {**FOCAL, **DIFFUSE}
    groups = {name: implanted(held, kind, seed)[0] for seed, (name, kind) in enumerate(kinds.items())}
    everyone = [held, *groups.values()]
    raw = [raw_terms(detector.network, config, images, quiet) for images in everyone]
    maps = calibrate(config, raw[0], held, halves_by_patient(held.patients), NO_TERMS, list(zip(raw, everyone)))
    measured = [(m.amax(dim=(1, 2)).numpy(), summarise(m, config.summary).numpy()) for m in maps]
    brightness = [images.pixels.mean(dim=(1, 2, 3)).numpy() for images in everyone]
    n = len(held) // 2
    peaks, scores = (values[:n] for values in measured[0])
    patients, plain = held.patients[:n], rank_table(brightness[0][:n].tolist())
    rows = {}
    for share in SHARES:
        budget = budget_of(peaks, scores, share)
        row: Dict[str, object] = {"new normals show either": realised(peaks, scores, patients, share)}
        for rate in RATES:
            peak, score = value_at(rate, budget.rates, budget.peaks), value_at(rate, budget.rates, budget.scores)
            by_kind = {name: seen((p >= peak, s >= score)) for name, (p, s) in zip(kinds, measured[1:])}
            for group, members in (("focal", FOCAL), ("diffuse", DIFFUSE)):
                by_kind[group] = {what: round(float(np.mean([by_kind[k][what] for k in members])), 3)
                                  for what in ("findings", "verdict", "either")}
            row[str(rate)] = by_kind
        rows[str(share)] = row
        print(share, row["0.05"]["focal"], row["0.05"]["diffuse"], flush=True)  # type: ignore[index]
    result = {
        "command": "python Testing/benchmarks/scan_verdict.py --manifest {}".format(arguments.manifest.name),
        "date": datetime.date.today().isoformat(), "device": "cpu, {} threads".format(torch.get_num_threads()),
        "torch": torch.__version__, "model": {"name": detector.name, "sha256": detector.card["files"][bundle.WEIGHTS]},
        "images": {"normal": n, **{name: len(images) for name, images in groups.items()}},
        "shares of findings": rows, "two alarms without a budget, new normals show either": realised(
            peaks, scores, patients, None),
        "mean brightness alone": {str(rate): {name: round(float((values >= value_at(rate, *plain)).mean()), 3)
                                              for name, values in zip(kinds, brightness[1:])} for rate in RATES}}
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
