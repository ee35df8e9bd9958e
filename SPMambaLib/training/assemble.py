"""From a manifest of normal images to a model bundle, step by step; each step is a function of its own room.

1. prepare the images as the recipe says;
2. adapt the teacher (or take one adapted before), round it to storage precision, freeze it;
3. fit the prototypes on its features, round them;
4. train neck and decoder;
5. calibrate on held-out patients, with the very weights that are stored;
6. write the bundle.
"""
from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple
from zipfile import BadZipFile

import numpy as np
import torch

from .. import __version__, bundle
from ..data.examine import examine
from ..data.samples import Sample, split_by_patient
from ..errors import UnreadableFileError, UsageError
from ..model.config import NetworkConfig
from ..model.network import SPMamba
from ..model.teacher import Teacher
from ..scoring.maps import AnomalyScale
from .adapt import adapt_teacher
from .augment import augment
from .data import load_slices, read_manifest
from .fit import Normals, Progress, cache_features, calibrate, fit_prototypes
from .recipes import Recipe, find_recipe
from .train import train_decoder

ADAPTATION_STEPS = 500


def assemble(name: str, manifest: Path, output: Path, *, imagenet: Optional[Path] = None,
             teacher: Optional[Path] = None, steps: Optional[int] = None,
             progress: Progress = lambda fraction, text: None) -> Dict[str, Any]:
    """Make the bundle `name` of `RECIPES` and return its card.

    Args:
        imagenet: .npz of folded ImageNet weights, the teacher's start (adapted here before use).
        teacher: safetensors of a teacher adapted before, instead.
        steps: training steps instead of the recipe's.

    Raises:
        UsageError: no such recipe, no source of a teacher, nothing to train on.
        UnreadableFileError: a file is missing or is not what it should be.
    """
    recipe, started = find_recipe(name), time.time()
    require_files(imagenet, teacher)  # before the images, whose reading takes minutes
    seen, held = load_split(recipe, manifest, progress)

    torch.manual_seed(recipe.training.seed)
    network = SPMamba(recipe.network_config())
    settle_teacher(network, recipe, seen, imagenet, teacher, progress)
    features = cache_features(network, seen.pixels, progress)
    compactness = fit_prototypes(network, features[2], seen.level)
    round_weights(network)
    training = recipe.training if steps is None else replace(recipe.training, steps=steps)
    losses = train_decoder(network, features, training, progress=progress)
    round_weights(network)
    scale, calibration = calibrate(network, recipe.scoring, held, seen, unit=unit_of(recipe), progress=progress)

    card: Dict[str, Any] = {
        "name": name, "version": __version__, **recipe.card,
        "licence": "Apache-2.0 (weights); training images under their own licences, see data",
        "preprocessing": recipe.preprocessing.to_dict(), "network": network.config.to_dict(),
        "scoring": recipe.scoring.to_dict(), "calibration": calibration,
        "training": {**training.to_dict(), "final_loss": float(np.mean(losses[-20:])), "images": len(seen) // 2,
                     "held_out_images": len(held) // 2, "prototype_distance": compactness,
                     "teacher": "ResNet-18 (ImageNet start) adapted by denoising self-distillation on the training "
                                "images",
                     "torch": torch.__version__, "threads": torch.get_num_threads(), "device": "cpu",
                     "minutes": round((time.time() - started) / 60, 1)},
    }
    return write_bundle(output, card, network, scale)


def recalibrate(source: Path, manifest: Path, output: Path, *,
                progress: Progress = lambda fraction, text: None) -> Dict[str, Any]:
    """A bundle with the network of `source` and everything that follows from it anew; returns the card.

    For a changed scoring rule or changed texts of the recipe: preprocessing and network stay as they are.  Metrics of
    the former calibration are dropped.

    Raises:
        ModelMissingError, ModelDamagedError: `source` is no whole bundle.
        UsageError: no recipe has its name.
    """
    card, tensors = bundle.load(source)
    recipe = find_recipe(card["name"])
    network = SPMamba(NetworkConfig.from_dict(card["network"])).eval()
    network.load_state_dict(bundle.split_states(tensors)[0])
    seen, held = load_split(recipe, manifest, progress)
    scale, calibration = calibrate(network, recipe.scoring, held, seen, unit=unit_of(recipe), progress=progress)
    card = {**card, **recipe.card, "scoring": recipe.scoring.to_dict(), "calibration": calibration}
    card.pop("metrics", None)
    return write_bundle(output, card, network, scale)


def write_bundle(output: Path, card: Dict[str, Any], network: SPMamba, scale: AnomalyScale) -> Dict[str, Any]:
    """Save network and scale under the card; returns the card as a reader will find it."""
    bundle.save(output, card, bundle.join_states(network.state_dict(), scale.state_dict()))
    return bundle.verify(output)


def load_split(recipe: Recipe, manifest: Path, progress: Progress) -> Tuple[Normals, Normals]:
    """The recipe's normal images: those to fit on, and those of the patients held out."""
    samples = read_manifest(manifest, recipe.select)
    examine(samples, classes=("normal",), progress=progress).require(tolerated=("patient-leak",))
    fit_index, held_index = split_by_patient(samples, recipe.held_out)
    seen, held = (load_normals([samples[n] for n in index], recipe, progress) for index in (fit_index, held_index))
    return seen, held


def adapt_for(recipes: Sequence[str], manifest: Path, imagenet: Path, output: Path, *, steps: int = ADAPTATION_STEPS,
              progress: Progress = lambda fraction, text: None) -> float:
    """Adapt one teacher to the training images (never the held-out ones) of several recipes; returns the last loss."""
    from safetensors.torch import save_file

    chosen = [find_recipe(name) for name in recipes]
    require_files(imagenet)
    pixels = []
    for recipe in chosen:
        samples = read_manifest(manifest, recipe.select)
        fit_index = split_by_patient(samples, recipe.held_out)[0]
        chosen_samples = [samples[n] for n in fit_index]
        pixels.append(load_slices(chosen_samples, recipe.preprocessing, recipe.card["plane"], progress)[1])
    config = chosen[0].network_config().teacher
    teacher, original = Teacher(config), Teacher(config)
    for network in (teacher, original):
        load_imagenet(network, imagenet)
    losses = adapt_teacher(teacher, original, torch.cat(pixels), steps=steps, progress=progress)
    save_file(teacher.state_dict(), str(output))
    return float(np.mean(losses[-50:]))


def load_normals(samples: List[Sample], recipe: Recipe, progress: Progress) -> Normals:
    """Prepared images, each followed (in a second block) by one augmented copy."""
    samples, pixels, masks = load_slices(samples, recipe.preprocessing, recipe.card["plane"], progress)
    varied, moved = augment(pixels, masks, recipe.augmentation, seed=1)
    level = None
    if all(sample.level is not None for sample in samples):
        level = torch.tensor([sample.level for sample in samples] * 2, dtype=torch.float32)
    patients = [sample.patient for sample in samples] * 2
    return Normals(torch.cat([pixels, varied]), torch.cat([masks, moved]), level, patients)


def settle_teacher(network: SPMamba, recipe: Recipe, seen: Normals, imagenet: Optional[Path], teacher: Optional[Path],
                   progress: Progress) -> None:
    """Give the network its final, frozen teacher: adapted here from ImageNet weights, or adapted before.

    Raises:
        UsageError: neither is given.
        UnreadableFileError: the file is missing or is no such teacher.
    """
    require_files(imagenet, teacher)
    if teacher is not None:
        load_teacher(network.teacher, teacher)
    elif imagenet is not None:
        original = Teacher(network.config.teacher)
        for student in (network.teacher, original):
            load_imagenet(student, imagenet)
        adapt_teacher(network.teacher, original, seen.pixels[: len(seen) // 2], steps=ADAPTATION_STEPS,
                      progress=progress)
    round_weights(network)


def require_files(*sources: Optional[Path]) -> None:
    """Some source of a teacher is given, and those given exist."""
    given = [source for source in sources if source is not None]
    if not given:
        raise UsageError("A teacher is needed: give ImageNet weights or a teacher adapted before.")
    for source in given:
        if not source.is_file():
            raise UnreadableFileError("The teacher's weights {} do not exist.".format(source))


def load_teacher(teacher: Teacher, path: Path) -> None:
    """Weights of a teacher adapted before (safetensors)."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        teacher.load_state_dict(load_file(str(path)))
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
    network.load_state_dict(bundle.unpack(bundle.pack(network.state_dict())))


def unit_of(recipe: Recipe) -> str:
    return "image" if recipe.card["plane"] == "native" else "slice"
