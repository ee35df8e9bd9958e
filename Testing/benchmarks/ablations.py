"""What each part of the method earns, one change at a time.

    python Testing/benchmarks/ablations.py --manifest MANIFEST.csv --seeds 0 1 2 [--teacher teacher.safetensors]

* ``terms``: the shipped model's maps and scores with one thing changed; nothing is fitted but statistics.
* ``prototypes``: prototypes alone, fitted anew with each seed.
* ``training``: neck and decoder of the compact preset, trained for `--steps` steps of 8 images with each seed.  This is
  short on purpose (the shipped models take 500): it tells variants apart at equal cost, not what long training gives.

Appends to results/ablations.jsonl, and goes on where it was stopped.
"""
# ruff: noqa: E402 - the path comes before the imports that need it
from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import torch
from torch import Tensor, nn

sys.path[:0] = [str(Path(__file__).resolve().parents[slice_height]) for slice_height in (2, 1)]

from benchmarks.assessed import Terms, assess_map, assess_terms, implants_found
from benchmarks.comparators import options_of, position_prototypes
from benchmarks.comparators.reverse_distillation import reconstructed
from benchmarks.compare import command_of, maps_of, study_parser
from benchmarks.images import Images, Study, open_implants, open_study, recipe_digest
from benchmarks.records import RESULTS, Records

from SPMambaLib import load_model
from SPMambaLib.model.config import NetworkConfig
from SPMambaLib.model.network import SPMamba
from SPMambaLib.model.ss2d import SS2D
from SPMambaLib.scoring.maps import ScoringConfig
from SPMambaLib.scoring.terms import network_terms
from SPMambaLib.training.calibration_fit import Unfitted
from SPMambaLib.training.fit import unfitted
from SPMambaLib.training.train import TrainingConfig, train_decoder
from SPMambaLib.worker.processors import share_processors

PARTS = ("terms", "prototypes", "training")
BASE = "as the recipe"

PROTOTYPES: Dict[str, Dict[str, Any]] = {
    BASE: {},
    "random, not fitted": {"start": "random"},
    "learned, pulled only": {"start": "pulled"},
    "k = 1": {"per_cell": 1},
    "k = 5": {"per_cell": 5},
    "k = 40": {"per_cell": 40},
    "window 1": {"window": 1},
    "window 5": {"window": 5},
    "features slide (the paper)": {"match": "features"},
    "32 x 32 grid, layer 2": {"features": "layer 2"},
    "32 x 32 grid, layers 2 and 3": {"features": "layers 2 and 3, fine"},
    "layer 3": {"features": "layer 3"},
    "layers 2 and 3": {"features": "layers 2 and 3"},
    "one centre for all cells": {"centred": False},
    "a centre at every cell": {"centred": True},
    "layer 3, one centre": {"features": "layer 3", "centred": False},
    "layer 3, one centre, plain space": {"features": "layer 3", "centred": False, "space": "plain"},
    "plain space": {"space": "plain"},
    "standardised space": {"space": "standardised"},
    "whitened space": {"space": "whitened"},
    "without varied copies": {"copies": False},
    "one height": {"height_bins": 1},
}

TRAINING: Dict[str, Dict[str, Any]] = {
    BASE: {},
    "raster scan": {"network": {"scan_order": "raster"}},
    "no scan, gates kept": {"prepare": lambda network: without_scan(network)},
    "no state-space branch": {"prepare": lambda network: without_branch(network)},
    "squared error": {"loss": "mse"},
    "without varied copies": {"copies": False},
    "Hilbert scan": {"network": {"scan_order": "hilbert"}},
    "snake scan": {"network": {"scan_order": "snake"}},
    "z-order scan": {"network": {"scan_order": "z-order"}},
    "zigzag scan": {"network": {"scan_order": "zigzag"}},
}
"""Changes to the compact preset; its own scan is circular-Hilbert."""


def without_branch(network: SPMamba) -> None:
    """Blocks pass their input on instead of running state-space units."""
    for module in network.decoder.modules():
        if hasattr(module, "units"):
            module.units = nn.Identity()


def without_scan(network: SPMamba) -> None:
    """State-space layers keep projections, convolution and gates, but tokens do not see one another."""
    for module in network.decoder.modules():
        if isinstance(module, SS2D):
            module.scan = lambda tokens: tokens  # type: ignore[method-assign]


def rules(config: ScoringConfig) -> Dict[str, ScoringConfig]:
    """The scoring rule and its neighbours: each differs in one thing."""
    found = {BASE: config}
    for name in config.terms:
        kept = [(term, weight) for term, weight in zip(config.terms, config.weights) if term != name]
        found["only " + name] = replace(config, terms=(name,), weights=(1.0,), pooled=kept_in(config.pooled, [name]))
        if len(kept) > 1:
            found["without " + name] = replace(config, terms=tuple(t for t, _ in kept),
                                               weights=tuple(w for _, w in kept),
                                               pooled=kept_in(config.pooled, [t for t, _ in kept]))
    for field, values in (("fusion", ("sum", "geometric")), ("centring", ("none", "slice")),
                          ("spread", ("tail", "deviation")), ("summary", ("mean", "top5"))):
        for value in values:
            if getattr(config, field) != value:
                found["{}: {}".format(field, value)] = replace(config, **{field: value})
    if config.pooled:
        found["all terms by place"] = replace(config, pooled=())
    else:
        found["no term by place"] = replace(config, pooled=config.terms, reach=1)
    if config.height_bins > 1:
        found["statistics without heights"] = replace(config, height_bins=1)
    return found


def kept_in(pooled: "tuple[str, ...]", terms: "list[str]") -> "tuple[str, ...]":
    return tuple(name for name in pooled if name in terms)


def ablate_terms(records: Records, study: Study, key: Dict[str, Any], model: str) -> None:
    """Rules over the raw terms of a finished model, which has its own teacher."""
    detector = load_model(model, "cpu")
    key = {**key, "part": "terms", "model": detector.summary()["sha256"], "seed": None, "teacher": None}
    raw: Dict[str, Terms] = {}
    seen: List[Unfitted] = []
    config = detector.scale.config

    def measure(rule: ScoringConfig) -> Dict[str, Any]:
        if not raw:
            raw.update(held=terms_of(detector.network, config, study.held),
                       test=terms_of(detector.network, config, study.test))
            seen.append(unfitted(detector.network, config, study.seen))
        return {"metrics": assess_terms(study, rule, raw["held"], raw["test"], seen[0])}

    for name, rule in rules(config).items():
        records.once({**key, "method": name}, lambda rule=rule: measure(rule))


@torch.no_grad()
def terms_of(network: SPMamba, config: ScoringConfig, images: Images) -> Terms:
    """Raw terms; those at input size on a grid of half the side, to save memory."""
    parts: Dict[str, list] = {}
    for batch in images.batches(8):
        for name, term in network_terms(network, batch.pixels, config).items():
            half = term.shape[-1] == batch.pixels.shape[-1]
            parts.setdefault(name, []).append(nn.functional.avg_pool2d(term[:, None], 2)[:, 0] if half else term)
    return {name: torch.cat(part) for name, part in parts.items()}


def ablate_prototypes(records: Records, study: Study, key: Dict[str, Any], seed: int, only: "list[str]",
                      cache: Path) -> None:
    implants: Dict[str, Tuple[Images, Tensor]] = {}
    for name, options in PROTOTYPES.items():
        if (only and name not in only) or (options and options.items() <= options_of(study).items()):
            continue  # not asked for, or the recipe itself

        def measure(options: Dict[str, Any] = options) -> Dict[str, Any]:
            prototypes = position_prototypes(study, seed, **options)
            prototypes.fit(study.seen)
            if not implants:
                implants.update(open_implants(study, cache))
            held, standard = maps_of(prototypes, study.held), standard_of(study)
            found = implants_found(study, held, [(images, lesions, maps_of(prototypes, images))
                                                 for images, lesions in implants.values()], standard)
            return {"metrics": dict(assess_map(study, held, maps_of(prototypes, study.test), standard), implants=found)}

        records.once({**key, "part": "prototypes", "method": name, "seed": seed}, measure)


def ablate_training(records: Records, study: Study, key: Dict[str, Any], seed: int, steps: int,
                    only: "list[str]") -> None:
    beside: Dict[str, Tensor] = {}

    def prototype_maps() -> Dict[str, Tensor]:
        """The same prototypes beside every decoder."""
        if not beside:
            prototypes = position_prototypes(study, 0)
            prototypes.fit(study.seen)
            beside.update(held=maps_of(prototypes, study.held), test=maps_of(prototypes, study.test))
        return beside

    for name, change in TRAINING.items():
        if only and name not in only:
            continue

        def measure(change: Dict[str, Any] = change) -> Dict[str, Any]:
            network, loss = trained(study, seed, steps, **change)
            held, test = (residuals(network, images) for images in (study.held, study.test))
            standard = standard_of(study)
            rule = ScoringConfig(terms=("residual", "prototype"), weights=(0.5, 1.0), spread="deviation",
                                 summary=study.recipe.scoring.summary)
            if standard == "whole":
                rule = replace(rule, pooled=rule.terms, reach=1)
            both = [{"residual": own, "prototype": prototypes} for own, prototypes in (
                (held, prototype_maps()["held"]), (test, prototype_maps()["test"]))]
            return {"metrics": assess_map(study, held, test, standard), "final_loss": loss,
                    "with prototypes": assess_terms(study, rule, *both)}

        records.once({**key, "part": "training", "steps": steps, "method": name, "seed": seed}, measure)


def trained(study: Study, seed: int, steps: int, network: Dict[str, Any] = {}, loss: str = "cosine",  # noqa: B006
            copies: bool = True, prepare: Callable[[SPMamba], None] = lambda network: None) -> "tuple[SPMamba, float]":
    """(neck and decoder trained with these changes, mean loss of the last 20 steps)."""
    torch.manual_seed(seed)
    changes = {**study.recipe.network, "prototypes_per_cell": 1, **network}  # its own prototypes are not used
    student = SPMamba(replace(study.network.config, **changes))
    assert isinstance(student.config, NetworkConfig)
    prepare(student)
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = study.seen if copies else study.seen.originals()
    losses = train_decoder(student, images.features, TrainingConfig(steps=steps, seed=seed, loss=loss))
    return student, sum(losses[-20:]) / len(losses[-20:])


@torch.no_grad()
def residuals(network: SPMamba, images: Images) -> Tensor:
    """Residual maps of all images, on a grid of half the side."""
    return torch.cat([nn.functional.avg_pool2d(reconstructed(network, batch)[:, None], 2)[:, 0]
                      for batch in images.batches(8)])


def standard_of(study: Study) -> str:
    """By place for radiographs of one protocol; slices of heads are compared as a whole, as the shipped rules do."""
    return "place" if study.test.slice_height is None else "whole"


def main() -> None:
    share_processors()
    parser = study_parser(__doc__ or "", RESULTS / "ablations.jsonl")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--steps", type=int, default=150, help="of each training")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="bundles for `terms`; default: the installed")
    arguments = parser.parse_args()
    command = command_of(arguments, "ablations.py") + " --steps {}".format(arguments.steps)
    records = Records(arguments.output, command=command)
    only = arguments.only or []
    for name in arguments.set:
        study = open_study(name, arguments.manifest, arguments.teacher, arguments.cache)
        key = {"study": "ablations", "set": name, "teacher": study.teacher, "recipe": recipe_digest(study.recipe)}
        if "terms" in arguments.part:
            ablate_terms(records, study, key, str(arguments.models / name) if arguments.models else name)
        for seed in arguments.seeds:
            if "prototypes" in arguments.part:
                ablate_prototypes(records, study, key, seed, only, arguments.cache)
            if "training" in arguments.part:
                ablate_training(records, study, key, seed, arguments.steps, only)


if __name__ == "__main__":
    main()
