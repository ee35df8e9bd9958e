"""Other methods on the same teacher, splits and metrics, beside ours.

    python Testing/benchmarks/compare.py --manifest MANIFEST.csv [--teacher teacher.safetensors]

Appends to results/comparators.jsonl, a row for each set, method, way of standardising and seed; goes on where it was
stopped.  `quality_page.py` makes the page.
"""
# ruff: noqa: E402 - the path comes before the imports that need it
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor

sys.path[:0] = [str(Path(__file__).resolve().parents[slice_height]) for slice_height in (2, 1)]

from benchmarks.assessed import assess_map
from benchmarks.comparators import COMPARATORS, SEEDLESS, Comparator
from benchmarks.images import TEST, Images, Study, open_study, recipe_digest
from benchmarks.records import RESULTS, Records

from SPMambaLib.worker.processors import share_processors


def main() -> None:
    share_processors()
    parser = study_parser(__doc__ or "", RESULTS / "comparators.jsonl")
    arguments = parser.parse_args()
    records = Records(arguments.output, command=command_of(arguments, "compare.py"))
    for name in arguments.set:
        study = open_study(name, arguments.manifest, arguments.teacher, arguments.cache)
        for seed in arguments.seeds:
            for method in arguments.only or COMPARATORS:
                if seed == arguments.seeds[0] or method not in SEEDLESS:
                    compare(records, study, method, seed)


def compare(records: Records, study: Study, method: str, seed: int) -> None:
    """One method with one seed, standardised in every way that makes sense; fitted once, and only if a row is missing.
    """
    make, standards = COMPARATORS[method]
    maps: List[Tuple[Tensor, Tensor]] = []

    def measure(standard: str) -> Dict[str, Any]:
        if not maps:
            comparator = make(study, seed)
            comparator.fit(study.seen)
            maps.append((maps_of(comparator, study.held), maps_of(comparator, study.test)))
        return {"metrics": assess_map(study, *maps[0], standard)}

    for standard in standards:
        if standard != "place and height" or study.test.slice_height is not None:
            records.once({"study": "comparators", "set": study.name, "method": method, "standardised": standard,
                          "seed": seed, "teacher": study.teacher, "recipe": recipe_digest(study.recipe)},
                         lambda standard=standard: measure(standard))


@torch.no_grad()
def maps_of(comparator: Comparator, images: Images) -> Tensor:
    return torch.cat([comparator.map(batch) for batch in images.batches(8)])


def study_parser(text: str, output: Path) -> argparse.ArgumentParser:
    """Options that all studies share."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True, help="CSV of the training and test data")
    parser.add_argument("--teacher", type=Path, help="safetensors; default: that of the shipped model")
    parser.add_argument("--set", nargs="+", choices=sorted(TEST), default=sorted(TEST, reverse=True))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="only these")
    parser.add_argument("--cache", type=Path, required=True, help="folder for features, 3 GB a set and teacher")
    parser.add_argument("--output", type=Path, default=output, help="JSON lines to append to")
    return parser


def command_of(arguments: argparse.Namespace, script: str) -> str:
    """The command as a reader would repeat it, without where things lie on this machine."""
    words = ["python Testing/benchmarks/" + script, "--manifest", arguments.manifest.name]
    if arguments.teacher is not None:
        words += ["--teacher", arguments.teacher.name]
    return " ".join([*words, "--seeds", *map(str, arguments.seeds)])


if __name__ == "__main__":
    main()
