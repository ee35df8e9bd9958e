"""A model for one's own scanner, from one's own normal scans: no labels, no training, no graphics card.

What a shipped model has learned stays: preprocessing, teacher, neck, decoder, the scaling of the space of the
prototypes and the scoring rule.  What is normal is fitted anew: centre and prototypes of every cell, statistics per
position, thresholds and component statistics.

1. look at the files, leave out what is not normal and what is there twice;
2. features of the normals, each with a varied copy, as the base model's recipe varies them;
3. prototypes; unless patients are many also those of each fold, so that nobody is scored by prototypes of their own;
4. terms of the patients whom thresholds come from;
5. the input check, statistics and thresholds, cross-fitted, and a picture of what is normal at each prototype;
6. write the bundle, whole or not at all.

Steps 2 and 4 go group by group, over a workbench next to the output: killed and started again, the fit goes on, and
gives the same bundle.  Nothing in the bundle depends on the clock.
"""
from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from .. import __version__, bundle
from ..data.examine import file_sha256
from ..data.reading import DataSet
from ..data.samples import Sample
from ..errors import ModelDamagedError, OutputError, UsageError
from ..evidence.fit import LAYOUT, normal_tiles_of
from ..evidence.normal_tiles import FILE
from ..input_check.fit import fit_input_check, flagged_rows
from ..input_check.statistics import InputCheck
from ..io.swap import check_folder
from ..model.config import NetworkConfig
from ..model.network import SPMamba
from ..preprocessing.prepare import Preprocessing
from ..scoring.maps import ScoringConfig
from ..scoring.reliability import reliability
from .augment import Augmentation
from .calibration_fit import NO_TERMS, CalibrationResult, Progress, calibration_of
from .fit import fit_prototypes
from .recipes import available_recipes, find_recipe
from .site_dataset import Plan, SiteNormals, plan_of, require_images, site_normals
from .site_features import Features, HeldOnBench, Passes, Scored
from .stream import Preparation, Source, within
from .workbench import Workbench, key_of

SUFFIX = " (fitted on own normals)"
OTHERS = 400  # images of other kinds that the input check learns from
HEAD = Augmentation(rotation_degrees=6.0, shift=0.02, zoom=0.04, flip=True)


@dataclass(frozen=True)
class Limits:
    """What a fit may take, however many scans there are.

    Attributes:
        feature_bytes: memory for features that prototypes are placed among.
        calibration_fit: images that thresholds come from (each with its varied copy).
    """

    feature_bytes: int = 1 << 30
    calibration_fit: int = 1000


def fit_site_model(base: Path, data: DataSet, output: Path, *, name: Optional[str] = None, title: Optional[str] = None,
            unlike: Sequence[Sample] = (), limits: Limits = Limits(),
            progress: Progress = lambda fraction, text: None) -> Dict[str, Any]:
    """Make the bundle `output` from the base bundle and the normal images of a data set; returns its card.

    Args:
        unlike: images that the model is not for, such as those of children for a model of adults; up to `OTHERS` are
            drawn, and the input check learns to tell them.

    Raises:
        ModelMissingError, ModelDamagedError: `base` is not a complete bundle.
        UsageError: too few normal images or patients.
        DataError: images are missing or cannot be read.
        OutputError: `output` is something else already, or cannot be written.
    """
    require_free(output)
    check_folder(output, bundle.bundle_names)
    card, network, config, preprocessing = base_model(base)
    normals = site_normals(data, stretch(progress, 0.0, 0.05))
    plan = plan_of(normals.sources)
    augmentation = augmentation_of(card)
    preparation = Preparation(preprocessing, card["plane"], augmentation)
    facts = {"base": card["files"], "preprocessing": card["preprocessing"], "scoring": card["scoring"],
             "augmentation": asdict(augmentation), "tiles": asdict(LAYOUT), "version": __version__,
             "torch": torch.__version__}
    bench = Workbench(workbench_of(output))
    passes = Passes(network, config, preparation, bench, facts)

    others = within([Source(sample, file_sha256(sample.path, sample.series)) for sample in unlike], OTHERS)
    fitted = fitted_on(passes, plan, limits, words(card), unlike=others, progress=stretch(progress, 0.05, 1.0))
    calibrated, features = fitted.calibrated, fitted.features
    tiles = normal_tiles_of(
        network.prototypes, features.features, features.images_small, features.slice_height, features.patients
    )
    fresh = fitted_card(card, fitted, normals, plan, augmentation)
    fresh.update(normal_tiles=tiles.card(), name=name or output.name)
    fresh["title"] = title or card["title"].replace(SUFFIX, "") + SUFFIX
    bundle.save(output, fresh, bundle.join_states(
        network.state_dict(), calibrated.scale.state_dict(), fitted.check.state_dict(), preprocessing.state_dict()),
        {FILE: tiles.png()})
    bench.remove()
    return bundle.verify(output)


@dataclass
class Fitted:
    """What is made anew of a model, besides the prototypes in the network.

    Attributes:
        distance: mean distance of the features to their prototype.
    """

    calibrated: CalibrationResult
    features: Features
    check: InputCheck
    distance: float


def fitted_on(passes: Passes, plan: Plan, limits: Limits, called: Tuple[str, str], *, unlike: Sequence[Source] = (),
              progress: Progress = lambda fraction, text: None) -> Fitted:
    """Steps 2 to 5: fit prototypes (in the network of `passes`), input check, statistics and thresholds.

    Args:
        called: what one normal is called, and several.
        unlike: images that the model is not for.
    """
    most = images_within(passes.network, limits)
    parts = plan.parts
    chosen = within([source for part in parts for source in part], most)
    kept = {source.sha256: source for source in chosen}
    parts = [[kept[source.sha256] for source in part if source.sha256 in kept] for part in parts]
    features = passes.features(parts, most, stretch(progress, 0.0, 0.6))
    features.available += len(plan.fitted) - len(chosen)  # of a file that was not drawn, one image at least
    require_images(features.available, called)
    held = scored_by_others(passes, features, plan, parts, limits, stretch(progress, 0.6, 0.9))
    distance = place(passes, features, {source.sample.patient for source in plan.fitted})[0]
    others = passes.pooled_features(unlike, stretch(progress, 0.9, 0.92)) if unlike else None
    check, known = fit_input_check(features.looks, others)
    known["unlike"] = 0 if others is None else len(others)
    held.leave_out(flagged_rows(held.looks, check, known, fitted=plan.crossed, unlike=others))
    seen = NO_TERMS if plan.crossed else features.unfitted  # crossed: these images are scored themselves
    calibrated = calibration_of(passes.config, held, seen, unit=called[0], progress=stretch(progress, 0.9, 1.0))
    calibrated.card["input_check"] = known
    return Fitted(calibrated, features, check, distance)


def base_model(path: Path) -> Tuple[Dict[str, Any], SPMamba, ScoringConfig, Preprocessing]:
    """Card, network, scoring rule and preprocessing of the base bundle."""
    card, tensors = bundle.load(path)
    try:
        network = SPMamba(NetworkConfig.from_dict(card["network"])).eval()
        state, _, _, preparation = bundle.split_states(tensors)
        network.load_state_dict(state)
        config = ScoringConfig(**card["scoring"])
        preprocessing = Preprocessing.from_dict(card["preprocessing"], preparation)
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelDamagedError("Model {} does not fit its own card.".format(card["name"]), str(error)) from error
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return card, network.requires_grad_(False), config, preprocessing


def augmentation_of(card: Dict[str, Any]) -> Augmentation:
    """The variation that the base was made with, or one that suits its region."""
    if "fitting" in card:
        return Augmentation(**card["fitting"]["augmentation"])
    known = str(card.get("training", {}).get("recipe") or card["name"])
    if known in available_recipes():
        return find_recipe(known).augmentation
    return HEAD if card.get("region") == "head" else Augmentation()


def images_within(network: SPMamba, limits: Limits) -> int:
    """How many images' features, with those of their copies, fit into the memory allowed; at least 64."""
    each = 2 * 2 * network.config.prototype_channels * network.config.prototype_grid ** 2
    return max(64, limits.feature_bytes // each)


def place(passes: Passes, features: Features, patients: "set[str]") -> Tuple[float, str]:
    """Give the network the centres and prototypes of some patients, rounded as they are stored.

    Returns:
        (mean distance of the features to their prototype, hash of the prototypes and their centres).
    """
    chosen, slice_height = features.of_patients(patients)
    vectors, space = passes.network.prototypes.vectors, passes.network.prototypes.space
    key = key_of("prototypes", passes.facts, digest(chosen), list(vectors.shape))

    def make() -> Dict[str, Tensor]:
        space.recentre(chosen)
        distance = fit_prototypes(passes.network, chosen, slice_height)
        stored = bundle.as_stored({"prototypes.vectors": vectors})
        return {"vectors": stored["prototypes.vectors"], "distance": torch.tensor(distance).double(),
                **{"space." + name: tensor.clone() for name, tensor in space.state_dict().items()}}

    found = passes.bench.once(key, make)
    passes.network.prototypes.initialise(found["vectors"])
    space.load_state_dict({name: found["space." + name] for name in space.state_dict()})
    return float(found["distance"]), key_of("placed", *(digest(found[name]) for name in sorted(found)))


def digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().data).hexdigest()


def scored_by_others(passes: Passes, features: Features, plan: Plan, parts: Sequence[Sequence[Source]], limits: Limits,
                     progress: Progress) -> HeldOnBench:
    """The terms of the patients whom thresholds come from, each by prototypes of other patients."""
    scored: List[Scored] = []
    for number, fold in enumerate(plan.folds):
        part = stretch(progress, number / len(plan.folds), (number + 1) / len(plan.folds))
        part(0.0, "prototypes")
        prototypes = place(passes, features, {source.sample.patient for source in fold.fitted})[1]
        most = max(1, limits.calibration_fit // len(plan.folds))
        sources = parts[number] if plan.crossed else within(fold.assessed, most)
        scored += passes.terms(sources, prototypes, max(1, most // max(1, len(sources))), stretch(part, 0.2, 1.0))
    return HeldOnBench(passes.bench, scored, passes.preparation.preprocessing.size)


def fitted_card(card: Dict[str, Any], fitted: Fitted, normals: SiteNormals, plan: Plan,
                augmentation: Augmentation) -> Dict[str, Any]:
    """The base's card with what was made anew, and where it comes from."""
    calibrated, features = fitted.calibrated, fitted.features
    worth = reliability(calibrated.card["map"]["default_rate"], calibrated.peaks, calibrated.patients)
    used = "{:,} of at least {:,}".format(features.images, features.available) if features.images < features.available \
        else "{:,}".format(features.images)
    fitting = {
        "files": len(normals.sources), "patients": normals.patients,
        "left_out": {"not_normal": normals.not_normal, "duplicates": normals.duplicates},
        "prototype_images": features.images, "prototype_images_available": features.available,
        "subsampled": features.images < features.available,
        "calibration_images": len(calibrated.peaks),
        "calibrated_by": "every patient, by prototypes and statistics of the others" if plan.crossed
                         else "patients held out",
        "false_positive_rate": worth.to_dict(), "prototype_distance": fitted.distance,
        "augmentation": asdict(augmentation), "torch": torch.__version__, "threads": torch.get_num_threads(),
        "device": "cpu",
    }
    fresh = {key: value for key, value in card.items() if key not in ("metrics", "format", "files", "training")}
    fresh.update(
        version=__version__,
        base={"name": card["name"], "version": card.get("version", ""), "sha256": card["files"][bundle.WEIGHTS]},
        data="Prototypes, statistics and thresholds: normal images of {} patients of the user's own (prototypes of {} "
             "images). Teacher and decoder: those of {}, made from: {}".format(
                 normals.patients, used, card["name"], card.get("data", "unknown")),
        limits="Fitted on one site's normals and on no abnormal image; how well it finds disease there has not been "
               "measured. False positives at {}.".format(worth.sentence()),
        calibration=calibrated.card, fitting=fitting)
    return fresh


def words(card: Dict[str, Any]) -> Tuple[str, str]:
    """What one normal is called, and several."""
    return ("image", "images") if card["plane"] == "native" else ("slice", "slices")


def workbench_of(output: Path) -> Path:
    return output.with_name(output.name + ".unfinished")


def require_free(output: Path) -> None:
    """Only a bundle may be replaced."""
    if output.exists() and not (output / bundle.CARD).is_file() and not (output.is_dir() and not any(output.iterdir())):
        raise OutputError("{} exists and is not a model; name a new folder.".format(output))


def stretch(progress: Progress, begin: float, end: float) -> Progress:
    """A progress whose 0 to 1 is `begin` to `end` of another."""
    return lambda fraction, text: progress(begin + (end - begin) * fraction, text)


def check_name(name: str) -> str:
    """A name that can be a folder's.

    Raises:
        UsageError: it cannot.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise UsageError("{!r} is not a valid model name; use letters, digits and hyphens.".format(name))
    return name
