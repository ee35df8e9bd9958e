"""Two tiny but real models, and the synthetic bodies that they know: made by the real training path in seconds.

The "brain" is an axial volume of ellipses with two dark ventricles, larger in the middle than at the ends; the "chest"
is one film with two dark lungs.  Every patient differs a little.  Images are shown as the display shows them: row 0 is
anterior (or superior), column 0 the patient's right.
"""
from __future__ import annotations

import atexit
import csv
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Dict
from unittest import mock

import numpy as np
import SimpleITK as sitk
import torch
from safetensors.torch import save_file

from SPMambaLib.detector import Detector, load_model
from SPMambaLib.io.image import Image
from SPMambaLib.model.config import NetworkConfig, TeacherConfig
from SPMambaLib.model.network import SPMamba
from SPMambaLib.model.teacher import Teacher
from SPMambaLib.preprocessing.prepare import Preprocessing
from SPMambaLib.scoring.maps import ScoringConfig
from SPMambaLib.training.assemble import assemble
from SPMambaLib.training.augment import Augmentation
from SPMambaLib.training.recipes import RECIPES, Recipe
from SPMambaLib.training.train import TrainingConfig

SLICES, ROWS, COLUMNS = 8, 72, 64
SPACING = (1.0, 1.0, 4.0)  # mm along i, j, k
PATIENTS = 10
LPS = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])  # i to the left, j backwards, k up: as displayed
SIZE = 64
TEACHER = TeacherConfig(name="tiny", blocks=(1, 1, 1), channels=(16, 24, 32))
NETWORK = {
    "input_size": SIZE, "teacher": TEACHER.to_dict(), "fusion_channels": [16, 24], "neck_blocks": 1,
    "decoder_channels": [32, 16], "decoder_depths": [1, 1], "branch_kernels": [3], "state_size": 4, "expand": 1,
    "directions": 2, "scan_order": "snake", "drop_path": 0.0, "prototypes_per_cell": 4, "prototype_window": 3,
    "prototype_features": "teacher", "prototype_match": "prototypes", "prototype_height_bins": 2,
}


def config(**changes) -> NetworkConfig:
    return NetworkConfig.from_dict(dict(NETWORK, **changes))


def network(seed: int = 0, **changes) -> SPMamba:
    torch.manual_seed(seed)
    return SPMamba(config(**changes)).eval()


def lively_teacher() -> Teacher:
    """Random filters without bias (He et al. 2015), so that the features depend on the image more than on a bias."""
    torch.manual_seed(0)
    teacher = Teacher(TEACHER)
    for parameter in teacher.parameters():
        torch.nn.init.kaiming_normal_(parameter) if parameter.ndim > 1 else torch.nn.init.zeros_(parameter)
    return teacher


def head(slice_height: float, patient: int) -> np.ndarray:
    """One axial slice (ROWS, COLUMNS) at a height in [0, 1]."""
    random = np.random.default_rng(1000 * patient + int(100 * slice_height))
    build = np.random.default_rng(patient).uniform(-1, 1, 3)
    size = 0.6 + 0.4 * np.sin(np.pi * (0.15 + 0.7 * slice_height))
    row, column = np.mgrid[:ROWS, :COLUMNS]
    y = (row - 36 - 1.5 * build[0]) / (30 * size * (1 + 0.03 * build[2]))
    x = (column - 32 - 1.5 * build[1]) / (25 * size)
    radius = np.hypot(y, x)
    image = np.where(radius < 1, 100.0, 0.0)
    image[(radius > 0.86) & (radius < 1)] = 160.0
    image[np.hypot(y / 0.45, (np.abs(x) - 0.22) / 0.12) < 1] = 45.0 if slice_height > 0.45 else 80.0
    return (image + random.normal(0, 3, image.shape) + 10).clip(0).astype(np.float32)


def chest(patient: int) -> np.ndarray:
    """One film (ROWS, COLUMNS)."""
    random = np.random.default_rng(patient)
    a, b, c = random.uniform(-1, 1, 3)
    row, column = np.mgrid[:ROWS, :COLUMNS]
    image = 150.0 + 20 * np.cos(row / 9.0)
    for side in (-1, 1):
        image[np.hypot((row - 34 - 1.5 * a) / (24 + b), (column - 32 + side * 14) / (9 + c)) < 1] = 60.0
    return (image + random.normal(0, 4, image.shape)).astype(np.float32)


def brain_image(patient: int = 100, *, lesion: bool = False, facts: Dict[str, object] = {}) -> Image:  # noqa: B006
    """A whole head as a volume (SLICES, ROWS, COLUMNS); a lesion is a bright ball in the patient's right front."""
    voxels = np.stack([head(n / (SLICES - 1), patient) for n in range(SLICES)])
    if lesion:
        voxels[LESION_SLICES, LESION_ROWS, LESION_COLUMNS] = 240.0
    return Image(voxels, LPS.copy(), {"modality": "MR", **facts})


LESION_SLICES, LESION_ROWS, LESION_COLUMNS = slice(4, 6), slice(18, 27), slice(18, 27)


def chest_image(patient: int = 100, *, lesion: bool = False) -> Image:
    film = chest(patient)
    if lesion:
        film[28:42, 14:24] = 220.0
    return Image(film[None], np.diag([-1.0, -1.0, 1.0, 1.0]), {"format": "PNG", "has_spacing": False}, kind="image")


def _card(title: str, **fields) -> Dict[str, object]:
    return {"title": title, "purpose": "Tests.", "not_for": "Patients.", "on_mismatch": "warn", **fields}


TINY_RECIPES = {
    "tiny-brain": Recipe(
        select="brain/*", preprocessing=Preprocessing(SIZE, "foreground", "foreground-median"),
        scoring=ScoringConfig(terms=("residual", "prototype", "mirror", "intensity"), weights=(0.5, 1.0, 1.0, 1.0),
                              grid=16, height_bins=2, residual_sigma=2.0, reach=3),
        augmentation=Augmentation(rotation_degrees=4.0, shift=0.02, zoom=0.02, flip=True), network=NETWORK,
        training=TrainingConfig(steps=15, batch=4), held_out=0.4,
        card=_card("Tiny brain", region="head", modality=["MR"], contrast="FLAIR", plane="axial")),
    "tiny-chest": Recipe(
        select="chest/*", preprocessing=Preprocessing(SIZE, "none", "percentile", align=True),
        scoring=ScoringConfig(grid=16, reach=3, summary="mean"), augmentation=Augmentation(rotation_degrees=3.0),
        network=dict(NETWORK, prototype_height_bins=1), training=TrainingConfig(steps=15, batch=4), held_out=0.4,
        card=_card("Tiny chest", region="chest", modality=["CR", "DX"], contrast="", plane="native")),
}


def write_manifest(folder: Path) -> Path:
    """The normal images as pictures and the manifest that lists them."""
    rows = []
    for patient in range(PATIENTS):
        pictures = {"brain/p{:02d}_{}.png".format(patient, n): (head(n / (SLICES - 1), patient),
                                                               "slice {}/{}".format(n + 1, SLICES))
                    for n in range(SLICES)}
        pictures.update({"chest/p{:02d}_{}.png".format(patient, n): (chest(50 * n + patient), "") for n in range(5)})
        for path, (image, note) in pictures.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(sitk.GetImageFromArray(image.clip(0, 255).astype(np.uint8)), str(folder / path))
            rows.append({"path": path, "label": "normal", "patient": "p{}".format(patient), "note": note})
    manifest = folder / "manifest.csv"
    with open(manifest, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["path", "label", "patient", "note"])
        writer.writeheader()
        writer.writerows(rows)
    return manifest


@cache
def workshop() -> Path:
    """A folder with the manifest and the teacher, removed at the end of the process."""
    folder = Path(tempfile.mkdtemp(prefix="spmamba-tiny-"))
    atexit.register(shutil.rmtree, str(folder), ignore_errors=True)
    write_manifest(folder)
    torch.manual_seed(5)
    save_file(Teacher(TEACHER).state_dict(), str(folder / "teacher.safetensors"))
    return folder


@cache
def bundle_folder(name: str) -> Path:
    """The bundle of one of the tiny models; do not change its files."""
    return make_bundle(name, workshop() / "models" / name)


def make_bundle(name: str, output: Path) -> Path:
    with mock.patch.dict(RECIPES, TINY_RECIPES):
        assemble(name, workshop() / "manifest.csv", output, teacher=workshop() / "teacher.safetensors")
    return output


@cache
def detector(name: str = "tiny-brain") -> Detector:
    return load_model(str(bundle_folder(name)), "cpu")
