"""Normal images for training: a CSV manifest, prepared exactly as `Detector.detect` prepares them.

Manifest columns used: ``path`` (relative to the manifest), ``split``, ``label``, ``patient``, ``note``.  A note such as
``slice 7/23`` gives the level of a slice cut from a volume.
"""
from __future__ import annotations

import csv
import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Set, Tuple

import numpy as np
import torch
from torch import Tensor

from ..errors import UnreadableFileError, UsageError
from ..image import read_image
from ..preprocess import Preprocessing, prepare

_LEVEL = re.compile(r"slice (\d+)/(\d+)")


@dataclass(frozen=True)
class Sample:
    """One 2D image of the manifest; `level` in [0, 1] when it was cut from a volume, else None."""

    path: Path
    label: str
    patient: str
    level: Optional[float]
    mask_path: Optional[Path] = None


def read_manifest(manifest: Path, select: str) -> List[Sample]:
    """Samples of a CSV manifest whose path matches the glob `select`, in manifest order.

    Raises:
        UnreadableFileError: the manifest, a column of it or a file that it names is missing.
        UsageError: nothing matches.
    """
    if not manifest.is_file():
        raise UnreadableFileError("The manifest {} does not exist.".format(manifest))
    samples = []
    with open(manifest, newline="", encoding="utf-8") as stream:
        table = csv.DictReader(stream)
        missing = {"path", "label"} - set(table.fieldnames or ())
        if missing:
            raise UnreadableFileError("The manifest {} lacks: {}.".format(manifest, ", ".join(sorted(missing))))
        for row in table:
            if not fnmatch.fnmatch(row["path"], select):
                continue
            path = manifest.parent / row["path"]
            if not path.is_file():
                raise UnreadableFileError("The manifest names {}, which does not exist.".format(path))
            found = _LEVEL.search(row.get("note") or "")
            level = (int(found[1]) - 1) / max(int(found[2]) - 1, 1) if found else None
            mask = manifest.parent / row["mask_path"] if row.get("mask_path") else None
            samples.append(Sample(path, row["label"], row.get("patient") or path.stem, level, mask))
    if not samples:
        raise UsageError("No image of {} matches {!r}.".format(manifest, select))
    return samples


def split_by_patient(samples: Sequence[Sample], share: float, seed: int = 0) -> Tuple[List[int], List[int]]:
    """Indices (fit, held out): whole patients are drawn until `share` of the images is held out."""
    patients = sorted({s.patient for s in samples})
    np.random.default_rng(seed).shuffle(patients)
    held: Set[str] = set()
    taken = 0
    for patient in patients:
        if taken >= share * len(samples):
            break
        held.add(patient)
        taken += sum(s.patient == patient for s in samples)
    fit = [n for n, s in enumerate(samples) if s.patient not in held]
    return fit, [n for n, s in enumerate(samples) if s.patient in held]


def load_pixels(samples: Sequence[Sample], preprocessing: Preprocessing,
                progress: Callable[[float, str], None] = lambda fraction, text: None) -> Tuple[Tensor, Tensor]:
    """(pixels (N, 1, S, S) in [0, 1], masks (N, S, S) of the anatomy) of single images."""
    pixels = torch.zeros(len(samples), 1, preprocessing.size, preprocessing.size)
    masks = torch.zeros(len(samples), preprocessing.size, preprocessing.size)
    for n, sample in enumerate(samples):
        image = read_image(sample.path)
        prepared = prepare(np.asarray(image.voxels, dtype=np.float32), (1.0, 1.0), preprocessing)
        pixels[n], masks[n] = prepared.pixels[0], prepared.input_masks[0]
        progress((n + 1) / len(samples), "reading {}".format(sample.path.name))
    return pixels, masks
