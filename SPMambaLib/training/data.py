"""Normal images for training, prepared exactly as `Detector.detect` prepares them."""
from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Sequence, Tuple

import torch
from torch import Tensor

from ..data.reading import TRAINING, read_data
from ..data.samples import Patterns, Sample
from ..data.stacks import slices_of
from ..errors import UnreadableFileError, UsageError
from ..preprocessing.prepare import Preprocessing

Progress = Callable[[float, str], None]


def read_normals(source: Path, select: Patterns) -> List[Sample]:
    """The normal images of a manifest or a folder that a model may be made from, as `read_data` understands it.

    Those with another label, and those that the source keeps for testing, are left out.

    Raises:
        UnreadableFileError: a file is missing.
        UsageError: nothing matches, or nothing that matches is normal.
    """
    data = read_data(folder=source, select=select) if source.is_dir() else read_data(manifest=source, select=select)
    samples = [s for s in data.samples if not s.abnormal and s.split.strip().lower() in ("", TRAINING)]
    if not samples:
        raise UsageError(
            "None of the {} chosen images may be trained on: only normal ones that are not kept for testing "
            "are.".format(len(data.samples))
        )
    for sample in samples:
        if not sample.path.exists():
            raise UnreadableFileError("The manifest names {}, which does not exist.".format(sample.path))
    return samples


def read_manifest(manifest: Path, select: Patterns) -> List[Sample]:
    """Samples of a CSV manifest whose path matches the glob (or globs) `select`, in manifest order.

    Raises:
        UnreadableFileError: the manifest, a column of it or a file that it names is missing.
        UsageError: nothing matches.
    """
    samples = read_data(manifest=manifest, select=select).samples
    for sample in samples:
        if not sample.path.exists():
            raise UnreadableFileError("The manifest names {}, which does not exist.".format(sample.path))
    return samples


def load_slices(samples: Sequence[Sample], preprocessing: Preprocessing, plane: str,
                progress: Progress = lambda fraction, text: None) -> Tuple[List[Sample], Tensor, Tensor]:
    """(a sample for each slice, pixels (N, 1, S, S) in [0, 1], masks (N, S, S) of the anatomy) of all files."""
    slices: List[Sample] = []
    pixels, masks = [], []
    for n, sample in enumerate(samples):
        more, own_pixels, own_masks = slices_of(sample, preprocessing, plane)
        slices += more
        pixels.append(own_pixels)
        masks.append(own_masks)
        progress((n + 1) / len(samples), "reading {}".format(sample.path.name))
    return slices, torch.cat(pixels), torch.cat(masks)

