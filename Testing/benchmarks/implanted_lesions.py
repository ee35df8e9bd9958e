"""How a scoring rule sees bright ellipses implanted into held-out normal slices: what the brain recipe was chosen on.

    python Testing/benchmarks/implanted_lesions.py --manifest MANIFEST.csv \
        --output Testing/benchmarks/results/implanted_lesions.json

No abnormal image is used.  Rules are cross-fitted: statistics from one half of the held-out patients, thresholds and
lesions from the other.  Reported per rule and lesion size: share of lesions whose peak exceeds the threshold that 5 %
and 20 % of the normal slices reach, and the pixel average precision.
"""
from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SPMambaLib import bundle, load_model
from SPMambaLib.data.samples import split_by_patient
from SPMambaLib.scoring.maps import TERMS, ScoringConfig, gaussian_blur
from SPMambaLib.scoring.slices import score_maps
from SPMambaLib.training.assemble import load_normals
from SPMambaLib.training.data import read_manifest
from SPMambaLib.training.fit import Normals, fit_scale, raw_terms, rows_of, with_level_chosen
from SPMambaLib.training.judging import halves_by_patient
from SPMambaLib.training.recipes import RECIPES

MODEL = "brain-flair"
SIZES = {"12-28 px": (6.0, 14.0, 1.35, 2.0, 61), "36-80 px": (18.0, 40.0, 1.25, 1.7, 41)}  # radii, gains, inner margin
BRAIN_LEVELS = (0.35, 0.9)
TISSUE = (0.22, 0.55)  # normalised intensity of brain, where a lesion may sit
FORMER = ScoringConfig(terms=("residual", "prototype", "intensity"), weights=(0.5, 1.0, 1.0), levels=6,
                       centring="slice")
SHIPPED = RECIPES[MODEL].scoring
RULES = {
    "first bundle's rule": FORMER,
    "shipped": SHIPPED,
    "shipped, but a sum": dataclasses.replace(SHIPPED, fusion="sum"),
    "shipped, but no centring": dataclasses.replace(SHIPPED, centring="none"),
    "shipped, but all terms by position": dataclasses.replace(SHIPPED, pooled=()),
    "shipped, but the spread of the upper tail": dataclasses.replace(SHIPPED, spread="tail", reach=9),
    "shipped, without residual": dataclasses.replace(SHIPPED, terms=TERMS[1:], weights=(1.0, 1.0, 1.0)),
    "shipped, without mirror": dataclasses.replace(SHIPPED, terms=FORMER.terms, weights=FORMER.weights),
    "shipped, without intensity": dataclasses.replace(SHIPPED, terms=TERMS[:3], weights=(0.5, 1.0, 1.0)),
    "intensity only": dataclasses.replace(SHIPPED, terms=("intensity",), weights=(1.0,)),
}


def implant(normals: Normals, size: str, seed: int):
    """(Normals with one ellipse each, masks of the ellipses) for the unaugmented slices that show brain."""
    low, high, weak, strong, margin = SIZES[size]
    rng = np.random.default_rng(seed)
    rows, columns = torch.meshgrid(torch.arange(256.0), torch.arange(256.0), indexing="ij")
    pixels, keep, lesions = [], [], []
    for n in range(len(normals) // 2):
        if not BRAIN_LEVELS[0] <= float(normals.level[n]) <= BRAIN_LEVELS[1]:
            continue
        image, mask = normals.pixels[n, 0], normals.masks[n]
        inner = -F.max_pool2d(-mask[None], margin, 1, margin // 2)[0] > 0
        smooth = gaussian_blur(image[None], 3.0)[0]
        places = (inner & (smooth > TISSUE[0]) & (smooth < TISSUE[1])).nonzero()
        if len(places) < 200:
            continue
        row, column = places[rng.integers(len(places))].float()
        a, b = rng.uniform(low, high, 2)
        turn, gain = rng.uniform(0, np.pi), rng.uniform(weak, strong)
        u = (columns - column) * np.cos(turn) + (rows - row) * np.sin(turn)
        v = (rows - row) * np.cos(turn) - (columns - column) * np.sin(turn)
        share = torch.sigmoid(6 * (1 - torch.sqrt((u / a) ** 2 + (v / b) ** 2))) * mask
        pixels.append((image + share * (smooth * gain - image))[None].clamp(0, 1))
        lesions.append((share > 0.5) & (mask > 0))
        keep.append(n)
    chosen = torch.tensor(keep)
    return Normals(torch.stack(pixels), normals.masks[chosen], normals.level[chosen],
                   [normals.patients[n] for n in keep]), torch.stack(lesions)


def judge(config: ScoringConfig, raw, normals: Normals, half: np.ndarray, seen: Normals, scored):
    """Fused maps of each (raw, Normals) of `scored`, every half of the patients judged by the other's statistics."""
    first = {patient for patient, h in zip(normals.patients, half) if h}
    maps = [torch.zeros_like(images.masks) for _, images in scored]
    for own in (True, False):
        learn = torch.from_numpy(np.flatnonzero(half == own))
        scale = fit_scale(config, rows_of(raw, learn), normals.level[learn], seen)
        for out, (terms, images) in zip(maps, scored):
            rows = torch.tensor([n for n, p in enumerate(images.patients) if (p in first) != own])
            for part in rows.split(64):
                chosen = with_level_chosen(rows_of(terms, part))
                out[part] = score_maps(scale, chosen, images.level[part], images.masks[part])[0]
    return maps


def quiet(fraction: float, text: str) -> None:
    """Progress that nobody watches."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    recipe, detector = RECIPES[MODEL], load_model(MODEL, "cpu")
    samples = read_manifest(arguments.manifest, recipe.select)
    fit_index, held_index = split_by_patient(samples, recipe.held_out)
    seen, held = (load_normals([samples[n] for n in index], recipe, quiet) for index in (fit_index, held_index))
    implanted = {size: implant(held, size, seed) for seed, size in enumerate(SIZES)}
    half, rows = halves_by_patient(held.patients), {}
    everyone = [held, *(images for images, _ in implanted.values())]
    whole = dataclasses.replace(SHIPPED, terms=TERMS, weights=(1.0,) * len(TERMS))
    raw, *others = [raw_terms(detector.network, whole, images, quiet) for images in everyone]
    for rule, config in RULES.items():
        normal, *maps = judge(config, raw, held, half, seen, list(zip([raw, *others], everyone)))
        peaks = normal.amax(dim=(1, 2)).numpy()
        rows[rule] = {}
        for (size, (images, lesions)), found in zip(implanted.items(), maps):
            inside = torch.stack([m[lesion].max() for m, lesion in zip(found, lesions)]).numpy()
            head = images.masks[:, ::4, ::4] > 0
            rows[rule][size] = {
                "sensitivity_at_5": round(float((inside >= np.quantile(peaks, 0.95)).mean()), 3),
                "sensitivity_at_20": round(float((inside >= np.quantile(peaks, 0.80)).mean()), 3),
                "pixel_ap": round(float(average_precision_score(lesions[:, ::4, ::4][head].numpy(),
                                                                found[:, ::4, ::4][head].numpy())), 3)}
        print(rule, rows[rule], flush=True)
    arguments.output.write_text(json.dumps({
        "command": "python Testing/benchmarks/implanted_lesions.py --manifest {}".format(arguments.manifest.name),
        "date": datetime.date.today().isoformat(), "device": "cpu, {} threads".format(torch.get_num_threads()),
        "torch": torch.__version__, "model": {"name": MODEL, "sha256": detector.card["files"][bundle.WEIGHTS]},
        "slices": {"normal": len(held), **{size: len(images) for size, (images, _) in implanted.items()}},
        "rules": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
