"""From a manifest of normal images to a model bundle, step by step; each step is a function of its own room.

1. prepare the images as the recipe says;
2. adapt the teacher (or take one adapted before), round it to storage precision, freeze it;
3. fit the prototypes on its features, round them;
4. train neck and decoder;
5. calibrate on held-out patients, with the very weights that are stored;
6. write the bundle.

A killed or stopped run goes on from its work folder (see `work_folder`).
"""
from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from .. import __version__, bundle
from ..data.examine import examine
from ..data.samples import Patterns, Sample, split_by_patient
from ..errors import Cancelled, UnreadableFileError, UsageError
from ..evidence.fit import normal_tiles_of, thumbnails
from ..evidence.normal_tiles import FILE, NormalTiles
from ..input_check.statistics import InputCheck
from ..io.swap import check_folder
from ..io.whole import prepare_file, replacing
from ..model.config import NetworkConfig
from ..model.network import SPMamba
from ..model.teacher import Teacher
from ..preprocessing.alignment import average_of
from ..preprocessing.prepare import Preprocessing
from ..scoring.budget import FEWEST
from ..scoring.maps import AnomalyScale
from .adapt import adapt_teacher
from .augment import augment
from .checkpoint import Checkpoints
from .collapse import prototype_spread, require_spread
from .data import load_slices, read_normals
from .distributed import Ranks, joined
from .fit import (
    Normals,
    Progress,
    cache_features,
    calibrate,
    fit_prototypes,
    fit_space,
    input_check_of,
    positioned_features,
)
from .plan import DEFAULT, Machine, device_name, plan_of, precision_name, run_facts
from .recipes import Recipe, find_recipe, name_of
from .train import TrainingConfig, train_decoder, validation_rows
from .work_folder import CHECKPOINT, LOG, RunManifest, WorkFolder, digest_of

ADAPTATION_STEPS = 200


def assemble(
    name: str,
    manifest: Path,
    output: Path,
    *,
    select: Patterns = (),
    called: str = "",
    data: str = "",
    imagenet: Optional[Path] = None,
    teacher: Optional[Path] = None,
    steps: Optional[int] = None,
    loss: Optional[str] = None,
    machine: Machine = DEFAULT,
    resume: bool = False,
    progress: Progress = lambda fraction, text: None,
) -> Dict[str, Any]:
    """Make a bundle by the recipe `name` (or the JSON file of one) and return its card.

    What is needed to go on after a kill lies in ``<output>.work`` until the bundle is written.  Started by `torchrun`,
    all processes train together; rank 0 does everything else, and the others get an empty card.

    Args:
        manifest: CSV of images, or a folder of normal ones; only those labelled normal are used, and none that a
            column ``split`` keeps for testing.
        select: globs over their names, instead of the recipe's.
        called: the model's name, instead of the recipe's.
        data: what the images are, for the card.
        imagenet: .npz of folded ImageNet weights, the teacher's start (adapted here before use).
        teacher: safetensors of a teacher adapted before, instead; with neither, that of the recipe's base model.
        steps, loss: instead of the recipe's.
        machine: what it is computed on, and how often a checkpoint is written.
        resume: go on with the unfinished training in the work folder.

    Raises:
        UsageError: no such recipe, no source of a teacher, nothing to train on; an unfinished training is in the work
            folder, or none or another one although `resume` is set.
        UnreadableFileError: a file is missing or is not what it should be.
        TrainingError: the prototypes have collapsed, or the loss is not a number.
        Cancelled: Ctrl-C; nothing is lost.
    """
    recipe = find_recipe(name)
    if select:
        recipe = replace(recipe, select=select)
    if imagenet is None and teacher is None and recipe.base:
        teacher = bundle.find_bundle(recipe.base) / bundle.WEIGHTS
    source = require_files(imagenet, teacher)  # before the images, whose reading takes minutes
    changes = {key: value for key, value in (("steps", steps), ("loss", loss)) if value is not None}
    recipe = replace(recipe, training=replace(recipe.training, **changes))  # type: ignore[arg-type]
    with joined(machine.device) as ranks:
        precision = machine.autocast(ranks.device)
        ranks.rows(recipe.training.batch)
        if not ranks.leads:
            follow(recipe, ranks, precision)
            return {}
        check_folder(output, bundle.bundle_names)
        work = WorkFolder(output)
        work.open(plan_of(name, recipe, recipe.training, source=source, device=ranks.device, precision=precision),
                  resume=resume)
        try:
            card = make(
                called or name_of(name),
                recipe,
                manifest,
                output,
                work,
                data=data,
                recipe_name=name,
                imagenet=imagenet,
                teacher=teacher,
                ranks=ranks,
                machine=machine,
                progress=progress,
            )
        except KeyboardInterrupt:
            if not work.settled:
                raise
            raise Cancelled("Stopped, nothing is lost: the same command with --resume goes on.") from None
        work.finish(output)
        return card


def make(
    name: str,
    recipe: Recipe,
    manifest: Path,
    output: Path,
    work: WorkFolder,
    *,
    data: str,
    recipe_name: str,
    imagenet: Optional[Path],
    teacher: Optional[Path],
    ranks: Ranks,
    machine: Machine,
    progress: Progress,
) -> Dict[str, Any]:
    """The steps of `assemble`; those whose result lies in the work folder are not done again."""
    started, training, precision = time.time(), recipe.training, machine.autocast(ranks.device)
    seen, held, preprocessing = load_split(recipe, manifest, progress)
    work.settle(digest_of([part for group in (seen, held) for part in (group.pixels, group.masks, group.slice_height)],
                          *seen.patients, *held.patients))
    torch.manual_seed(training.seed)
    network = SPMamba(recipe.network_config()).to(ranks.device)
    kept_teacher = work.kept("teacher")
    if kept_teacher is None:
        settle_teacher(network, recipe, seen, imagenet, teacher, progress)
        work.keep("teacher", network.teacher.state_dict())
    else:
        network.teacher.load_state_dict(kept_teacher[0])
    features = cache_features(network, seen.pixels, progress)
    kept_prototypes, per_position = work.kept("prototypes"), positioned_features(network, features)
    if kept_prototypes is None:
        fit_space(network, per_position)
        compactness = fit_prototypes(network, per_position, seen.slice_height)
        round_weights(network)
        spread = require_spread(prototype_spread(network.prototypes.vectors, per_position, seen.slice_height,
                                                 network.prototypes.space))
        work.keep("prototypes", network.prototypes.state_dict(), [compactness, spread])
    else:
        network.prototypes.load_state_dict(kept_prototypes[0])
        compactness, spread = kept_prototypes[1]
    round_weights(network)

    log = RunManifest(work.path / LOG)
    checkpoints = Checkpoints(work.path / CHECKPOINT, work.fingerprint, every_steps=machine.every_steps,
                              every_seconds=machine.every_seconds)
    found = checkpoints.load()
    log.begin(run_facts(name, recipe, training, manifest, device=ranks.device, precision=precision,
                        processes=ranks.count), 0 if found is None else found[1]["step"])
    rows = validation_rows(len(held) // 2, training)
    losses = train_together(network, features, training, ranks=ranks, precision=precision, checkpoints=checkpoints,
                            validation=cache_features(network, held.pixels[rows], progress), record=log.step,
                            progress=progress)
    network.cpu()
    round_weights(network)
    check, known, flagged = input_check_of(network, seen, held, progress=progress)
    scale, calibration = calibrate(network, recipe.scoring, held, seen, unit=unit_of(recipe), progress=progress,
                                   flagged=flagged[len(seen):])
    calibration["input_check"] = known
    tiles = tiles_of(network, per_position, seen)

    card: Dict[str, Any] = {
        "name": name, "version": __version__, **recipe.card, "data": data or described(seen, held, manifest),
        "licence": "Apache-2.0 (weights); training images under their own licences, see data",
        "preprocessing": preprocessing.to_dict(), "network": network.config.to_dict(),
        "scoring": recipe.scoring.to_dict(), "calibration": calibration,
        "training": {"recipe": recipe_name, **training.to_dict(), "final_loss": float(np.mean(losses[-20:])),
                     "validation_loss": log.last("validation_loss"), "images": len(seen) // 2,
                     "held_out_images": len(held) // 2, "prototype_distance": compactness, "prototype_spread": spread,
                     "teacher": "ResNet-18 (ImageNet start) adapted by denoising self-distillation on the training "
                                "images",
                     "torch": torch.__version__, "threads": torch.get_num_threads(),
                     "device": device_name(ranks.device), "precision": precision_name(precision),
                     "processes": ranks.count, "minutes": round((time.time() - started) / 60, 1)},
    }
    return write_bundle(output, card, network, scale, check, preprocessing, tiles)


def described(seen: Normals, held: Normals, source: Path) -> str:
    """What the card says of the images unless it is told better; each stands there twice, with a varied copy."""
    return "{:,} normal images of {:,} patients ({}), chosen by whoever trained this model.".format(
        (len(seen) + len(held)) // 2, len({*seen.patients, *held.patients}), source.name)


def train_together(network: SPMamba, features: Optional[Sequence[Tensor]], training: TrainingConfig, *, ranks: Ranks,
                   **how: Any) -> List[float]:
    """`train_decoder` on all ranks with the network and the features of rank 0; the others have no features."""
    state = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    network.load_state_dict(ranks.share_out(state if ranks.leads else None)[0])
    named = None if features is None else {str(scale): feature for scale, feature in enumerate(features)}
    shared = ranks.share_out(named)[0]
    return train_decoder(network, [shared[name] for name in sorted(shared)], training, ranks=ranks, **how)


def follow(recipe: Recipe, ranks: Ranks, precision: Optional[torch.dtype]) -> None:
    """What a rank does that does not lead: its share of every training step."""
    network = SPMamba(recipe.network_config()).to(ranks.device)
    with suppress(Cancelled):  # rank 0 says so
        train_together(network, None, recipe.training, ranks=ranks, precision=precision)


def recalibrate(source: Path, manifest: Path, output: Path, *, recipe_name: str = "", select: Patterns = (),
                progress: Progress = lambda fraction, text: None) -> Dict[str, Any]:
    """A bundle with the network of `source` and everything that follows from it anew; returns the card.

    For a changed scoring rule or changed texts of the recipe: preprocessing and network stay as they are.  Metrics of
    the former calibration are dropped.

    Raises:
        ModelMissingError, ModelDamagedError: `source` is not a complete bundle.
        UsageError: there is no recipe `recipe_name`, nor one of the name that the card tells.
    """
    card, tensors = bundle.load(source)
    recipe = find_recipe(str(recipe_name or card["training"].get("recipe") or card["name"]))
    if select:
        recipe = replace(recipe, select=select)
    network = SPMamba(NetworkConfig.from_dict(card["network"])).eval()
    state, _, _, preparation = bundle.split_states(tensors)
    network.load_state_dict(state)
    seen, held, preprocessing = load_split(recipe, manifest, progress,
                                           Preprocessing.from_dict(card["preprocessing"], preparation))
    per_position: List[Tensor] = []
    check, known, flagged = input_check_of(network, seen, held, progress=progress, per_position=per_position)
    scale, calibration = calibrate(network, recipe.scoring, held, seen, unit=unit_of(recipe), progress=progress,
                                   flagged=flagged[len(seen):])
    calibration["input_check"] = known
    card = {**card, **recipe.card, "scoring": recipe.scoring.to_dict(), "calibration": calibration}
    card.pop("metrics", None)
    tiles = tiles_of(network, torch.cat(per_position)[:len(seen)], seen)
    return write_bundle(output, card, network, scale, check, preprocessing, tiles)


def write_bundle(output: Path, card: Dict[str, Any], network: SPMamba, scale: AnomalyScale, check: InputCheck,
                 preprocessing: Preprocessing, tiles: NormalTiles) -> Dict[str, Any]:
    """Save network, scale, input check and tiles under the card; returns the card as a reader will find it."""
    bundle.save(output, dict(card, normal_tiles=tiles.card()),
                bundle.join_states(network.state_dict(), scale.state_dict(), check.state_dict(),
                                   preprocessing.state_dict()), {FILE: tiles.png()})
    return bundle.verify(output)


def tiles_of(network: SPMamba, features: Tensor, seen: Normals) -> NormalTiles:
    """What is normal at each prototype, from the features (N, C, grid, grid) that they were placed among."""
    return normal_tiles_of(
        network.prototypes, features, thumbnails(seen.pixels, network.prototypes.grid), seen.slice_height, seen.patients
    )


def load_split(recipe: Recipe, manifest: Path, progress: Progress,
               preprocessing: Optional[Preprocessing] = None) -> Tuple[Normals, Normals, Preprocessing]:
    """The recipe's normal images: those to fit on, and those of the patients held out; and how they were prepared, as a
    model does (`preprocessing`), or as the recipe says, with the average of those to fit on where it aligns.

    Each block of images is followed by one of varied copies.
    """
    samples = read_normals(manifest, recipe.select)
    examine(samples, classes=("normal",), progress=progress).require(tolerated=("patient-leak",))
    fit_index, held_index = split_by_patient(samples, recipe.held_out)
    if recipe.card["plane"] == "native" and len(held_index) < FEWEST:  # before the training, not after it
        raise UsageError("{} of {} normal images are held out for the thresholds, and {} are needed; give more images, "
                         "or a larger held_out in the recipe.".format(len(held_index), len(samples), FEWEST))
    chosen = preprocessing or recipe.preprocessing
    parts = [load_slices([samples[n] for n in index], chosen, recipe.card["plane"], progress)
             for index in (fit_index, held_index)]
    if chosen.align and chosen.average is None:
        progress(0.0, "average of the normal images")
        chosen = replace(chosen, average=average_of(parts[0][1]).half().float())  # as it is stored
        parts = [(own, *chosen.aligned(pixels, masks)[:2]) for own, pixels, masks in parts]
    seen, held = (with_copies(own, pixels, masks, recipe, chosen) for own, pixels, masks in parts)
    return seen, held, chosen


def adapt_for(recipes: Sequence[str], manifest: Path, imagenet: Path, output: Path, *, select: Patterns = (),
              steps: int = ADAPTATION_STEPS, progress: Progress = lambda fraction, text: None) -> float:
    """Adapt one teacher to the training images (never the held-out ones) of several recipes; returns the last loss."""
    from safetensors.torch import save

    chosen = [find_recipe(name) for name in recipes]
    require_files(imagenet)
    prepare_file(output)
    pixels = []
    for recipe in chosen:
        samples = read_normals(manifest, select or recipe.select)
        fit_index = split_by_patient(samples, recipe.held_out)[0]
        chosen_samples = [samples[n] for n in fit_index]
        pixels.append(load_slices(chosen_samples, recipe.preprocessing, recipe.card["plane"], progress)[1])
    config = chosen[0].network_config().teacher
    teacher, original = Teacher(config), Teacher(config)
    for network in (teacher, original):
        load_imagenet(network, imagenet)
    losses = adapt_teacher(teacher, original, torch.cat(pixels), steps=steps, progress=progress)
    with replacing(output) as file:
        file.write(save(teacher.state_dict()))
    return float(np.mean(losses[-50:]))


def with_copies(samples: List[Sample], pixels: Tensor, masks: Tensor, recipe: Recipe,
                preprocessing: Preprocessing) -> Normals:
    """Prepared images, each followed (in a second block) by one varied copy, which is prepared in turn."""
    varied, moved, _ = preprocessing.aligned(*augment(pixels, masks, recipe.augmentation, seed=1))
    slice_height = None
    if all(sample.slice_height is not None for sample in samples):
        slice_height = torch.tensor([sample.slice_height for sample in samples] * 2, dtype=torch.float32)
    patients = [sample.patient for sample in samples] * 2
    return Normals(torch.cat([pixels, varied]), torch.cat([masks, moved]), slice_height, patients)


def settle_teacher(network: SPMamba, recipe: Recipe, seen: Normals, imagenet: Optional[Path], teacher: Optional[Path],
                   progress: Progress) -> None:
    """Give the network its final, frozen teacher: adapted here from ImageNet weights, or adapted before.

    Raises:
        UsageError: neither is given.
        UnreadableFileError: the file is missing or is not such a teacher.
    """
    require_files(imagenet, teacher)
    if teacher is not None:
        load_teacher(network.teacher, teacher)
    elif imagenet is not None:
        device = next(network.teacher.parameters()).device
        original = Teacher(network.config.teacher).to(device)
        for student in (network.teacher, original):
            load_imagenet(student, imagenet)
        adapt_teacher(network.teacher, original, seen.pixels[: len(seen) // 2], steps=ADAPTATION_STEPS,
                      progress=progress)
    round_weights(network)


def require_files(*sources: Optional[Path]) -> Path:
    """The source of a teacher: some are given, and those given exist."""
    given = [source for source in sources if source is not None]
    if not given:
        raise UsageError("A teacher is needed: give ImageNet weights or a teacher adapted before.")
    for source in given:
        if not source.is_file():
            raise UnreadableFileError("The teacher's weights {} do not exist.".format(source))
    return given[-1]


def load_teacher(teacher: Teacher, path: Path) -> None:
    """Weights of a teacher adapted before (safetensors)."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(str(path))
        if path.name == bundle.WEIGHTS and path.with_name(bundle.CARD).is_file():  # that of a model
            weights = {name[len("teacher."):]: tensor for name, tensor in bundle.load(path.parent)[1].items()
                       if name.startswith("teacher.")}
        teacher.load_state_dict(weights)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise UnreadableFileError("{} is not a teacher of this recipe.".format(path), str(error)) from error


def load_imagenet(teacher: Teacher, path: Path) -> None:
    """ImageNet weights (.npz, batch norm folded)."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            teacher.load_arrays(arrays)
    except (BadZipFile, EOFError, OSError, KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise UnreadableFileError("{} does not hold the ImageNet weights of this recipe's teacher.".format(path),
                                  str(error)) from error


def round_weights(network: SPMamba) -> None:
    """Round every weight to the bundle's storage precision, in place: what follows is fitted on what is shipped."""
    network.load_state_dict(bundle.as_stored(network.state_dict()))


def unit_of(recipe: Recipe) -> str:
    return "image" if recipe.card["plane"] == "native" else "slice"
