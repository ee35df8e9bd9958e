"""The images of a study with the features of one teacher: fitted normals, held-out normals, public test.

Preparation, split and augmentation are those of the shipped models' recipes.  Features are kept on disk in half
precision, by the hash of the teacher and of the manifest, so that every method of a study reads the same numbers and
an interrupted study does not compute them again.
"""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from benchmarks.implants import KINDS, Kind, implanted
from torch import Tensor

from SPMambaLib import bundle
from SPMambaLib.data.samples import Sample
from SPMambaLib.evaluation.truth import read_mask
from SPMambaLib.io.image import finite_voxels, read_image
from SPMambaLib.model.network import SPMamba
from SPMambaLib.model.teacher import Teacher
from SPMambaLib.preprocessing.prepare import PreparedSlices, Preprocessing, prepare
from SPMambaLib.training.assemble import load_split, load_teacher
from SPMambaLib.training.data import read_manifest
from SPMambaLib.training.fit import Normals, cache_features
from SPMambaLib.training.recipes import Recipe, find_recipe
from SPMambaLib.training.workbench import Workbench, key_of

TRAIN = {"chest-xray": "cxr_kermany224/train/NORMAL/*", "brain-flair": "brain_lgg_flair256/train/normal/*"}
"""Normal training images of each shipped model, likewise."""

TEST = {"chest-xray": "cxr_kermany224/test/*", "brain-flair": "brain_lgg_flair256/test/*"}
"""Public test images of each recipe, as globs over the manifest's paths."""


@dataclass
class Images(Normals):
    """Prepared images, test images too, and their features: f1, f2, f3 of the teacher, (N, C, h, w) each."""

    features: List[Tensor]

    def rows(self, chosen: Tensor) -> Images:
        """Some of the images, in single precision."""
        return Images(
            self.pixels[chosen].float(),
            self.masks[chosen].float(),
            None if self.slice_height is None else self.slice_height[chosen],
            [self.patients[n] for n in chosen.tolist()],
            [feature[chosen].float() for feature in self.features],
        )

    def batches(self, size: int = 16) -> Iterator[Images]:
        return (self.rows(chosen) for chosen in torch.arange(len(self)).split(size))

    def originals(self) -> Images:
        """Without the varied copies, which are the second half of normal images."""
        half = len(self) // 2
        return Images(
            self.pixels[:half],
            self.masks[:half],
            None if self.slice_height is None else self.slice_height[:half],
            self.patients[:half],
            [feature[:half] for feature in self.features],
        )


@dataclass
class Truth:
    """What is known of the test images: lesions (N, H, W) bool, or None; and the way back to their own pixels."""

    samples: List[Sample]
    back: PreparedSlices
    lesions: Optional[np.ndarray]


@dataclass
class Study:
    """One data set, one teacher.

    Attributes:
        seen, held: normals, each with a varied copy; patients are in one of them only.
        teacher: SHA-256 of its weights.
    """

    name: str
    recipe: Recipe
    network: SPMamba
    seen: Images
    held: Images
    test: Images
    truth: Truth
    teacher: str


def open_study(name: str, manifest: Path, teacher: Optional[Path], cache: Path) -> Study:
    """Read images and features of a recipe's data; `teacher` None takes that of the shipped model of this name."""
    recipe = replace(find_recipe(name), select=TRAIN[name])
    network = SPMamba(recipe.network_config()).eval()
    if teacher is None:
        state = bundle.split_states(bundle.load(bundle.find_bundle(name))[1])[0]
        network.teacher.load_state_dict({key[len("teacher."):]: value for key, value in state.items()
                                         if key.startswith("teacher.")})
    else:
        load_teacher(network.teacher, teacher)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    digest = teacher_digest(network.teacher)
    bench, facts = Workbench(cache), [name, digest, hashlib.sha256(manifest.read_bytes()).hexdigest(),
                                      recipe.preprocessing.to_dict(), recipe.held_out, repr(recipe.augmentation)]
    normals: List[Any] = []

    def fitted(part: int) -> Dict[str, Tensor]:
        if not normals:
            normals.extend(load_split(recipe, manifest, quiet))
        images, preprocessing = normals[part], normals[2]
        return {**featured(network, images.pixels, images.masks, images.slice_height, images.patients),
                **preprocessing.state_dict()}

    kept_seen, kept_held = (bench.once(key_of(name, *facts), lambda part=part: fitted(part))
                            for part, name in enumerate(("seen", "held")))
    seen, held = images_of(kept_seen), images_of(kept_held)
    preprocessing = Preprocessing.from_dict(recipe.preprocessing.to_dict(), kept_seen)
    samples = read_manifest(manifest, TEST[name])
    kept = bench.once(key_of("test", *facts), lambda: tested(network, preprocessing, recipe.card["plane"], samples))
    back = PreparedSlices(kept["pixels"], [tuple(box) for box in kept["boxes"].tolist()],  # type: ignore[misc]
                          kept["anatomy"].bool().numpy(), kept["masks"], np.ones(len(samples), dtype=bool), None,
                          transforms=kept.get("transforms"))
    lesions = kept["lesions"].bool().numpy() if "lesions" in kept else None
    return Study(name, recipe, network, seen, held, images_of(kept), Truth(samples, back, lesions), digest)


def open_implants(study: Study, cache: Path) -> Dict[str, Tuple[Images, Tensor]]:
    """Each group of `implants`: held-out normals with anomalies implanted, and bool lesions (N, S, S)."""
    bench, found = Workbench(cache), {}
    for seed, (group, kind) in enumerate(KINDS[study.name].items()):

        def made(kind: Kind = kind, seed: int = seed) -> Dict[str, Tensor]:
            images, lesions = implanted(study.held, kind, seed)
            return dict(featured(study.network, images.pixels, images.masks, images.slice_height, images.patients),
                        lesions=lesions.to(torch.uint8))

        facts = [study.teacher, recipe_digest(study.recipe), group, kind.smallest, kind.largest, seed]
        kept = bench.once(key_of("implants", *facts), made)
        found[group] = images_of(kept), kept["lesions"].bool()
    return found


def recipe_digest(recipe: Recipe) -> str:
    """Of all that images, features and prototypes follow from besides the teacher."""
    facts = [recipe.preprocessing.to_dict(), recipe.network_config().to_dict(), repr(recipe.augmentation),
             recipe.held_out]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def teacher_digest(teacher: Teacher) -> str:
    digest = hashlib.sha256()
    for key, value in sorted(teacher.state_dict().items()):
        digest.update(key.encode() + value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def tested(network: SPMamba, preprocessing: Preprocessing, plane_name: str,
           samples: Sequence[Sample]) -> Dict[str, Tensor]:
    """Test pictures (single slices of one size) with their features, boxes, transforms, anatomy and lesions."""
    parts: List[PreparedSlices] = []
    lesions = []
    for sample in samples:
        image = read_image(sample.path)
        plane = image.plane(plane_name)
        voxels = finite_voxels(image, plane.name)[0]
        parts.append(prepare(plane.to_slices(voxels), plane.spacing[1:], preprocessing))
        mask = read_mask(sample, voxels.shape)
        lesions.append(None if mask is None else plane.to_slices(mask))
    height_bins = [sample.slice_height for sample in samples]
    result = featured(network, torch.cat([part.pixels for part in parts]),
                      torch.cat([part.input_masks for part in parts]),
                      None if None in height_bins else torch.tensor(height_bins, dtype=torch.float32),
                      [sample.patient for sample in samples])
    result["boxes"] = torch.tensor([part.boxes[0] for part in parts])
    if preprocessing.average is not None:
        result["transforms"] = torch.cat([part.transforms for part in parts])  # type: ignore[misc]
    result["anatomy"] = torch.from_numpy(np.concatenate([part.masks for part in parts]).astype(np.uint8))
    if all(lesion is not None for lesion in lesions):
        result["lesions"] = torch.from_numpy(np.concatenate(lesions).astype(np.uint8))  # type: ignore[arg-type]
    return result


def featured(network: SPMamba, pixels: Tensor, masks: Tensor, slice_height: Optional[Tensor],
             patients: Sequence[str]) -> Dict[str, Tensor]:
    """Tensors of `Images` as they are kept."""
    result = {"f{}".format(n): f for n, f in enumerate(cache_features(network, pixels, quiet), start=1)}
    result.update(pixels=pixels.half(), masks=masks.to(torch.uint8),
                  patients=torch.tensor(list("\n".join(patients).encode()), dtype=torch.uint8))
    if slice_height is not None:
        result["height"] = slice_height
    return result


def images_of(kept: Dict[str, Tensor]) -> Images:
    patients = bytes(kept["patients"].tolist()).decode().split("\n")
    return Images(kept["pixels"], kept["masks"], kept.get("height"), patients, [kept["f1"], kept["f2"], kept["f3"]])


def quiet(fraction: float, text: str) -> None:
    """Progress that nobody watches."""
