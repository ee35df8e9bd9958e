"""Is "1 in 20 normal scans would show a finding" true?  Fits of many sizes, and what they let through of new normals.

    python Testing/benchmarks/operating_points.py --data DATA --work FOLDER [--sets adult] [--sizes 20 50]

Of each set of normal images, so many patients are drawn, a model is fitted on them by the very steps of `spmamba fit`
(`site_model.fitted_on`), and all others, up to 500, are scored as a new scan would be.  Nothing abnormal is looked at.
The old way stands beside it: patients held out where they are 125 or more, statistics of one half for the other, varied
copies among those whom thresholds come from, the quantile above.  What the network says of an image is kept in FOLDER,
and every finished fit in results/operating_points.jsonl, so that a stopped study goes on.
"""
from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from SPMambaLib import bundle  # noqa: E402
from SPMambaLib.data.reading import read_data  # noqa: E402
from SPMambaLib.data.samples import split_by_patient  # noqa: E402
from SPMambaLib.scoring.budget import budget_of  # noqa: E402
from SPMambaLib.scoring.calibration import Calibration  # noqa: E402
from SPMambaLib.scoring.reliability import rate_interval  # noqa: E402
from SPMambaLib.scoring.scan_verdict import standard_scores, value_at  # noqa: E402
from SPMambaLib.scoring.slices import score_maps, slice_components  # noqa: E402
from SPMambaLib.training import site_model  # noqa: E402
from SPMambaLib.training.calibration_fit import calibration_of  # noqa: E402
from SPMambaLib.training.site_dataset import Fold, Plan, pick, plan_of  # noqa: E402
from SPMambaLib.training.site_features import HeldOnBench, Passes  # noqa: E402
from SPMambaLib.training.stream import Preparation, Source  # noqa: E402
from SPMambaLib.training.workbench import Workbench, key_of  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "operating_points.jsonl"
COMMAND = "python Testing/benchmarks/operating_points.py --data DATA --work FOLDER"
RATES = (0.2, 0.1, 0.05)
OTHERS = 500
POOL = 1100  # images of a set that all of its fits are drawn from; only these go through the network
SPLITS = {20: 10, 50: 10, 100: 10, 200: 10, 400: 5}


@dataclass(frozen=True)
class Normals:
    """A set of normal images: the shipped model that the fits start from, files, and whether patients hold several."""

    base: str
    pattern: str


SETS = {"adult": Normals("chest-xray", "cxr_adult224/train/NORMAL/*"),
        "children": Normals("chest-xray", "cxr_kermany224/train/NORMAL/*"),
        "brain": Normals("brain-flair", "brain_lgg_flair256/*")}


def sources_of(data: Path, normals: Normals) -> List[Source]:
    """All normal images of a set, hashed by their names: nothing is read twice for that."""
    read = read_data(manifest=data / "MANIFEST.csv", select=(normals.pattern,))
    samples = [sample for sample in read.samples if not sample.abnormal]
    sources = [Source(sample, key_of(str(sample.path.relative_to(data)))) for sample in samples]
    return sorted(sources, key=lambda source: key_of("pool", source.sha256))[:POOL]


def divided(sources: Sequence[Source], size: int, seed: int) -> Tuple[List[Source], List[Source]]:
    """`size` images of randomly drawn patients, and up to `OTHERS` of other patients."""
    random = np.random.default_rng(seed)
    patients = sorted({source.sample.patient for source in sources})
    order = {patients[n]: rank for rank, n in enumerate(random.permutation(len(patients)))}
    shuffled = sorted(sources, key=lambda source: (order[source.sample.patient], source.sha256))
    drawn = shuffled[:size]
    taken = {source.sample.patient for source in drawn}
    rest = [source for source in shuffled if source.sample.patient not in taken]
    return drawn, [rest[n] for n in random.permutation(len(rest))[:OTHERS]]


def old_plan(sources: Sequence[Source]) -> Plan:
    samples = [source.sample for source in sources]
    fitted, held = (pick(sources, index) for index in split_by_patient(samples, 0.16))
    if len({source.sample.patient for source in held}) >= 20:
        return Plan(fitted, [Fold(fitted, held)])
    return plan_of(sources)


class OldWay:
    """Held-out normals as they were: copies count, nobody is left out."""

    def __init__(self, held: HeldOnBench) -> None:
        self.patients, self.slice_height, self.batches = held.patients, held.slice_height, held.batches
        self.counted = torch.ones(len(held.patients), dtype=torch.bool)


def new_scans(passes: Passes, scale: Any, card: Dict[str, Any], others: Sequence[Source],
              prototypes: str) -> Tuple[np.ndarray, np.ndarray, HeldOnBench]:
    """Peaks and standard scores (n,) of images that nothing was fitted on, as a detection tells them."""
    held = HeldOnBench(passes.bench, passes.terms(others, prototypes, 1 << 30, lambda fraction, text: None),
                       passes.preparation.preprocessing.size)
    peaks, scores = np.zeros(len(held.patients)), np.zeros(len(held.patients))
    for batch in held.batches():
        rows = batch.rows[~held.copy[batch.rows]].numpy()
        if not len(rows):
            continue
        inside = ~held.copy[batch.rows]
        height = None if held.slice_height is None else held.slice_height[rows]
        fused, standardised = score_maps(scale, {name: term[inside] for name, term in batch.terms.items()}, height,
                                         batch.masks[inside])
        peaks[rows] = fused.amax(dim=(1, 2)).numpy()
        whole = slice_components(scale, fused, standardised)["score"].double().numpy()
        scores[rows] = standard_scores(whole, card, None if height is None else height.double().numpy())
    originals = (~held.copy).numpy()
    return peaks[originals], scores[originals], held


def reached(calibration: Calibration, budget: Any, peaks: np.ndarray, scores: np.ndarray) -> Iterator[Dict[str, Any]]:
    """Of each rate: what share of new normals shows a finding, and a finding or a verdict; and what was promised."""
    for rate in RATES:
        low, high = calibration.interval(rate)
        found = peaks >= calibration.threshold(rate)
        either = (peaks >= value_at(rate, budget.rates, budget.peaks)) | (
            scores >= value_at(rate, budget.rates, budget.scores))
        yield {"rate": rate, "low": low, "high": high, "finding": float(found.mean()), "either": float(either.mean()),
               "count": len(peaks)}


@torch.no_grad()
def one_fit(passes: Passes, sources: Sequence[Source], size: int, seed: int, unit: Tuple[str, str],
            card: Dict[str, Any]) -> Dict[str, Any]:
    drawn, others = divided(sources, size, seed)
    limits, started = site_model.Limits(), time.time()
    row: Dict[str, Any] = {"size": size, "split": seed, "fitted": len(drawn), "new": len(others)}
    fitted = site_model.fitted_on(passes, plan_of(drawn), limits, unit)
    prototypes = key_of("present", site_model.digest(passes.network.prototypes.vectors.detach()))
    peaks, scores, held = new_scans(passes, fitted.calibrated.scale, fitted.calibrated.card, others, prototypes)
    usual = ~site_model.flagged_rows(held.looks, fitted.check, fitted.calibrated.card["input_check"])[
        (~held.copy).numpy()]
    calibration = Calibration.from_dict(fitted.calibrated.card["map"])
    budget = budget_of(fitted.calibrated.peaks, fitted.calibrated.scores, 0.5)
    row["now"] = list(reached(calibration, budget, peaks[usual], scores[usual]))
    row["all"] = list(reached(calibration, budget, peaks, scores))
    row.update(flagged=float(1 - usual.mean()), seconds=round(time.time() - started, 1))
    row["old"] = old_way(passes, drawn, others, limits, unit, usual)
    return row


def old_way(passes: Passes, drawn: Sequence[Source], others: Sequence[Source], limits: Any,
            unit: Tuple[str, str], usual: np.ndarray) -> List[Dict[str, Any]]:
    plan = old_plan(drawn)
    parts = plan.parts
    features = passes.features(parts, sum(map(len, parts)), lambda fraction, text: None)
    held = site_model.scored_by_others(passes, features, plan, parts, limits, lambda fraction, text: None)
    prototypes = site_model.place(passes, features, {source.sample.patient for source in plan.fitted})[1]
    seen = site_model.NO_TERMS if plan.crossed else features.unfitted
    calibrated = calibration_of(passes.config, OldWay(held), seen, unit=unit[0], folds=2)
    peaks, _, _ = new_scans(passes, calibrated.scale, calibrated.card, others, prototypes)
    n = len(calibrated.peaks)
    rows = []
    for rate in RATES:
        threshold = np.quantile(calibrated.peaks, 1.0 - max(rate, 1.0 / n), method="higher")
        low, high = rate_interval(rate, n)
        rows.append({"rate": rate, "low": low, "high": high, "finding": float((peaks[usual] >= threshold).mean()),
                     "count": len(peaks)})
    return rows


def study(data: Path, work: Path, name: str, sizes: Sequence[int], splits: int) -> None:
    normals = SETS[name]
    sources = sources_of(data, normals)
    card, network, config, preprocessing = site_model.base_model(bundle.find_bundle(normals.base))
    augmentation = site_model.augmentation_of(card)
    facts = {"study": name, "base": card["files"], "scoring": card["scoring"]}
    passes = Passes(network, config, Preparation(preprocessing, card["plane"], augmentation),
                    Workbench(work / name), facts, films=1)
    done = {(row["set"], row["size"], row["split"]) for row in rows_of(RESULTS)}
    for split in range(max(SPLITS.values())):
        for size in sizes:
            if split >= min(SPLITS[size], splits) or (name, size, split) in done or size + 100 > len(sources):
                continue
            row = {"set": name, **one_fit(passes, sources, size, 1000 * size + split, site_model.words(card), card),
                   "split": split, "date": datetime.date.today().isoformat(), "device": "CPU", "command": COMMAND}
            with open(RESULTS, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            print(name, size, split, [round(each["finding"], 3) for each in row["now"]],
                  [round(each["either"], 3) for each in row["now"]],
                  "old", [round(each["finding"], 3) for each in row["old"]], row["seconds"], flush=True)


def rows_of(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with MANIFEST.csv")
    parser.add_argument("--work", type=Path, required=True, help="what the network says of each image is kept here")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SPLITS))
    parser.add_argument("--splits", type=int, default=10, help="at most so many fits of each size")
    arguments = parser.parse_args()
    for name in arguments.sets:
        study(arguments.data, arguments.work, name, arguments.sizes, arguments.splits)


if __name__ == "__main__":
    main()
