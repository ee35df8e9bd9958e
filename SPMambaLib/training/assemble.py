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
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch

from .. import __version__, bundle
from ..errors import UnreadableFileError
from ..model.network import SPMamba
from ..model.teacher import Teacher
from .adapt import adapt_teacher
from .augment import augment
from .data import Sample, load_pixels, read_manifest, split_by_patient
from .fit import Normals, Progress, cache_features, calibrate, fit_prototypes
from .recipes import RECIPES, Recipe
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
    """
    recipe, started = RECIPES[name], time.time()
    samples = read_manifest(manifest, recipe.select)
    fit_index, held_index = split_by_patient(samples, recipe.held_out)
    seen = load_normals([samples[n] for n in fit_index], recipe, progress)
    held = load_normals([samples[n] for n in held_index], recipe, progress)

    network = SPMamba(recipe.network_config())
    settle_teacher(network, recipe, seen, imagenet, teacher, progress)
    features = cache_features(network, seen.pixels, progress)
    compactness = fit_prototypes(network, features[2], seen.level)
    round_weights(network)
    training = recipe.training if steps is None else type(recipe.training)(**dict(recipe.training.to_dict(), steps=steps))
    losses = train_decoder(network, features, training, progress=progress)
    round_weights(network)
    scale, calibration = calibrate(network, recipe.scoring, held, seen, unit=unit_of(recipe), progress=progress)

    card: Dict[str, Any] = {
        "name": name, "version": __version__, **recipe.card,
        "licence": "Apache-2.0 (weights); training images under their own licences, see data",
        "preprocessing": recipe.preprocessing.to_dict(), "network": network.config.to_dict(),
        "scoring": recipe.scoring.to_dict(), "calibration": calibration,
        "training": {**training.to_dict(), "final_loss": float(np.mean(losses[-20:])), "images": len(fit_index),
                     "held_out_images": len(held_index), "prototype_distance": compactness,
                     "teacher": "ResNet-18 (ImageNet start) adapted by denoising self-distillation on the training images",
                     "torch": torch.__version__, "threads": torch.get_num_threads(), "device": "cpu",
                     "minutes": round((time.time() - started) / 60, 1)},
    }
    tensors = dict(network.state_dict(), **{"scale." + key: value for key, value in scale.state_dict().items()})
    bundle.save(output, card, tensors)
    return bundle.verify(output)


def adapt_for(recipes: Sequence[str], manifest: Path, imagenet: Path, output: Path, *, steps: int = ADAPTATION_STEPS,
              progress: Progress = lambda fraction, text: None) -> float:
    """Adapt one teacher to the training images (never the held-out ones) of several recipes; returns the last loss."""
    from safetensors.torch import save_file

    pixels = []
    for name in recipes:
        recipe = RECIPES[name]
        samples = read_manifest(manifest, recipe.select)
        fit_index = split_by_patient(samples, recipe.held_out)[0]
        pixels.append(load_pixels([samples[n] for n in fit_index], recipe.preprocessing, progress)[0])
    config = RECIPES[recipes[0]].network_config().teacher
    teacher, original = Teacher(config), Teacher(config)
    with np.load(imagenet, allow_pickle=False) as arrays:
        original.load_arrays(arrays)
        teacher.load_arrays(arrays)
    losses = adapt_teacher(teacher, original, torch.cat(pixels), steps=steps, progress=progress)
    save_file(teacher.state_dict(), str(output))
    return float(np.mean(losses[-50:]))


def load_normals(samples: List[Sample], recipe: Recipe, progress: Progress) -> Normals:
    """Prepared images, each followed (in a second block) by one augmented copy."""
    pixels, masks = load_pixels(samples, recipe.preprocessing, progress)
    varied, moved = augment(pixels, masks, recipe.augmentation, seed=1)
    level = None
    if all(sample.level is not None for sample in samples):
        level = torch.tensor([sample.level for sample in samples] * 2, dtype=torch.float32)
    patients = [sample.patient for sample in samples] * 2
    return Normals(torch.cat([pixels, varied]), torch.cat([masks, moved]), level, patients)


def settle_teacher(network: SPMamba, recipe: Recipe, seen: Normals, imagenet: Optional[Path], teacher: Optional[Path],
                   progress: Progress) -> None:
    """Give the network its final, frozen teacher: adapted here from ImageNet weights, or adapted before."""
    from safetensors.torch import load_file

    if teacher is not None:
        network.teacher.load_state_dict(load_file(str(teacher)))
    elif imagenet is not None:
        original = Teacher(network.config.teacher)
        with np.load(imagenet, allow_pickle=False) as arrays:
            original.load_arrays(arrays)
            network.teacher.load_arrays(arrays)
        adapt_teacher(network.teacher, original, seen.pixels[: len(seen) // 2], steps=ADAPTATION_STEPS, progress=progress)
    else:
        raise UnreadableFileError("A teacher is needed: give ImageNet weights or a teacher adapted before.")
    round_weights(network)


def round_weights(network: SPMamba) -> None:
    """Round every weight to the bundle's storage precision, in place: what follows is fitted on what is shipped."""
    network.load_state_dict(bundle.unpack(bundle.pack(network.state_dict())))


def unit_of(recipe: Recipe) -> str:
    return "image" if recipe.card["plane"] == "native" else "slice"
