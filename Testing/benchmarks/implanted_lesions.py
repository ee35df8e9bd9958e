"""How scoring rules see anomalies implanted into held-out normals: what the recipes' rules are chosen on.

    python Testing/benchmarks/implanted_lesions.py --manifest MANIFEST.csv --set brain-flair [--model BUNDLE]

No abnormal image is used.  Rules are cross-fitted: statistics from one half of the held-out patients, thresholds and
implants from the other.  Reported per rule and size of implant (see `implants`): share of implants whose peak exceeds
the threshold that 5 % and 20 % of the normals reach, pixel average precision over implanted and normal images, AUROC of
the image score, and Dice of what findings would mark at 5 %.  Writes results/implanted_SET.json.
"""
# ruff: noqa: E402 - the path comes before the imports that need it
from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

sys.path[:0] = [str(Path(__file__).resolve().parents[slice_height]) for slice_height in (2, 1)]

from benchmarks.implants import KINDS, implanted
from benchmarks.records import RESULTS

from SPMambaLib import bundle, load_model
from SPMambaLib.scoring import findings
from SPMambaLib.scoring.calibration import Calibration
from SPMambaLib.scoring.components import summarise
from SPMambaLib.scoring.halves import halves_by_patient
from SPMambaLib.scoring.maps import ScoringConfig
from SPMambaLib.scoring.slices import score_maps
from SPMambaLib.training.assemble import load_split, unit_of
from SPMambaLib.training.calibration_fit import PIXEL_STRIDE, Unfitted, extent_of
from SPMambaLib.training.fit import Normals, fit_scale, raw_terms, rows_of, unfitted, with_height_chosen
from SPMambaLib.training.recipes import find_recipe

STEP = 4  # pixel metrics look at every fourth pixel, in both directions


def rules_of(name: str):
    """Scoring rules to compare; the first is the recipe's."""
    recipe = find_recipe(name).scoring
    change = lambda **what: dataclasses.replace(recipe, **what)  # noqa: E731 - as short as what it abbreviates

    def weighing(**weights):
        return change(terms=tuple(weights), weights=tuple(weights.values()),
                      pooled=tuple(term for term in recipe.pooled if term in weights))

    if name == "chest-xray":
        residuals = {"residual weight {}".format(weight): weighing(residual=weight, prototype=1.0)
                     for weight in (0.25, 0.5, 1.0)}
        return {"recipe": recipe, "prototype only": weighing(prototype=1.0), "residual only": weighing(residual=1.0),
                **residuals, "a sum": change(fusion="sum"), "smoothing 4": change(sigma=4.0),
                "smoothing 8": change(sigma=8.0), "deviation": change(spread="deviation"), "reach 9": change(reach=9)}
    weights = dict(zip(recipe.terms, recipe.weights))
    without = {"without " + term: weighing(**{name: w for name, w in weights.items() if name != term})
               for term in weights}
    residuals = {"with residual, weight {}".format(weight): change(
        terms=("residual", *recipe.terms), weights=(weight, *recipe.weights), pooled=("residual", *recipe.pooled))
        for weight in (0.25, 0.5, 1.0)}
    return {"recipe": recipe, **without, **residuals,
            "mirror of the deepest scale": change(mirror_scales=1),
            "intensity weight 1.5": weighing(**dict(weights, intensity=1.5)),
            "a sum": change(fusion="sum"), "no centring": change(centring="none"),
            "no smoothing": change(sigma=0.0), "all terms by place": change(pooled=()),
            "statistics of one height": change(height_bins=1), "intensity only": weighing(intensity=1.0)}


def calibrate(config: ScoringConfig, raw, normals: Normals, half: np.ndarray, seen: Unfitted, scored):
    """Fused maps of each (raw, Normals) of `scored`, every half of the patients judged by the other's statistics."""
    first = {patient for patient, h in zip(normals.patients, half) if h}
    maps = [torch.zeros_like(images.masks) for _, images in scored]
    for own in (True, False):
        learn = torch.from_numpy(np.flatnonzero(half == own))
        slice_height = None if normals.slice_height is None else normals.slice_height[learn]
        scale = fit_scale(config, rows_of(raw, learn), slice_height, normals.masks[learn], seen)
        for out, (terms, images) in zip(maps, scored):
            rows = torch.tensor([n for n, p in enumerate(images.patients) if (p in first) != own])
            for part in rows.split(64):
                chosen = with_height_chosen(rows_of(terms, part))
                slice_height = None if images.slice_height is None else images.slice_height[part]
                out[part] = score_maps(scale, chosen, slice_height, images.masks[part])[0]
    return maps


def highlighted(maps: torch.Tensor, calibration: Calibration) -> np.ndarray:
    """Pixels of findings at 5 % (N, S, S)."""
    threshold = calibration.threshold(0.05)
    return np.stack([findings.find(one[None].numpy(), np.eye(4), threshold, calibration=calibration, slice_axis=0)[0][0]
                     for one in maps]) > 0


def row_of(maps: torch.Tensor, images: Normals, lesions: torch.Tensor, normal: torch.Tensor, held: Normals,
           calibration: Calibration, summary: str):
    """Figures of a rule for implants of one size."""
    inside = torch.stack([m[lesion].max() for m, lesion in zip(maps, lesions)]).numpy()
    thin = lambda x: x[:, ::STEP, ::STEP]  # noqa: E731
    pairs = [(thin(maps)[thin(images.masks) > 0], thin(lesions)[thin(images.masks) > 0]),
             (thin(normal)[thin(held.masks) > 0], None)]
    values = np.concatenate([pairs[0][0].numpy(), pairs[1][0].numpy()])
    truth = np.concatenate([pairs[0][1].numpy(), np.zeros(len(pairs[1][0]), dtype=bool)])
    scores = [summarise(m, summary).numpy() for m in (maps, normal[: len(normal) // 2])]
    found, lesion = highlighted(maps, calibration), lesions.numpy()
    figures = {
        "sensitivity_at_5": (inside >= calibration.threshold(0.05)).mean(),
        "sensitivity_at_20": (inside >= calibration.threshold(0.2)).mean(),
        "pixel_ap": average_precision_score(truth, values),
        "auroc": roc_auc_score(np.repeat([True, False], [len(s) for s in scores]), np.concatenate(scores)),
        "dice": 2 * (found & lesion).sum() / (found.sum() + lesion.sum())}
    return {name: round(float(value), 3) for name, value in figures.items()}


def quiet(fraction: float, text: str) -> None:
    """Progress that nobody watches."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--set", required=True, choices=sorted(KINDS))
    parser.add_argument("--model", help="bundle; default: the installed one")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    name = arguments.set
    recipe, detector, kinds = find_recipe(name), load_model(arguments.model or name, "cpu"), KINDS[name]
    seen, held, _ = load_split(recipe, arguments.manifest, quiet, detector.preprocessing)
    implants = {group: implanted(held, kind, seed) for seed, (group, kind) in enumerate(kinds.items())}
    everyone = [held, *(images for images, _ in implants.values())]
    rules = rules_of(name)
    terms = tuple(dict.fromkeys(term for rule in rules.values() for term in rule.terms))
    whole = dataclasses.replace(recipe.scoring, terms=terms, weights=(1.0,) * len(terms))
    half, rows, of_scales = halves_by_patient(held.patients), {}, {}
    for rule, config in rules.items():
        if config.mirror_scales not in of_scales:
            seeing = dataclasses.replace(whole, mirror_scales=config.mirror_scales)
            of_scales[config.mirror_scales] = ([raw_terms(detector.network, seeing, images, quiet)
                                                for images in everyone], unfitted(detector.network, seeing, seen))
        raw, others = of_scales[config.mirror_scales]
        normal, *maps = calibrate(config, raw[0], held, half, others, list(zip(raw, everyone)))
        extent = extent_of([normal[held.masks > 0][::PIXEL_STRIDE]]) if config.hysteresis else None
        calibration = Calibration.from_peaks(normal.amax(dim=(1, 2)).tolist(), unit=unit_of(recipe), extent=extent)
        rows[rule] = {group: row_of(found, images, lesions, normal, held, calibration, config.summary)
                      for (group, (images, lesions)), found in zip(implants.items(), maps)}
        rows[rule]["mean"] = {key: round(float(np.mean([rows[rule][group][key] for group in kinds])), 3)
                              for key in rows[rule]["small"]}
        print(rule, rows[rule]["mean"], flush=True)
    output = arguments.output or RESULTS / "implanted_{}.json".format(name)
    output.write_text(json.dumps({
        "command": "python Testing/benchmarks/implanted_lesions.py --manifest {} --set {}".format(
            arguments.manifest.name, name),
        "date": datetime.date.today().isoformat(), "device": "cpu, {} threads".format(torch.get_num_threads()),
        "torch": torch.__version__, "model": {"name": name, "sha256": detector.card["files"][bundle.WEIGHTS]},
        "images": {"normal": len(held), **{group: len(images) for group, (images, _) in implants.items()}},
        "rules": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
