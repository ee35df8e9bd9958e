"""Samples as the network sees them: pictures as they are, volumes cut into the model's slices when their turn comes.

One volume is in memory at a time, so a manifest may name thousands of them.
"""
from __future__ import annotations

from dataclasses import replace
from typing import List, Tuple

import numpy as np
import torch
from torch import Tensor

from ..errors import UnsupportedImageError
from ..io.image import finite_voxels, read_image
from ..preprocessing.prepare import Preprocessing, prepare
from .samples import Sample


def slices_of(sample: Sample, preprocessing: Preprocessing, plane_name: str) -> Tuple[List[Sample], Tensor, Tensor]:
    """(a sample for each slice, pixels (n, 1, S, S) in [0, 1], masks (n, S, S) of the anatomy) of one file.

    A picture is one slice and keeps the height that its source tells.  Of a volume those slices are given that show
    enough anatomy to be analysed, with their index along the volume's slice axis and their relative height.

    Raises:
        UnreadableFileError, UnsupportedImageError: the file cannot be used.
    """
    image = read_image(sample.path, series=sample.series or None)
    plane = image.plane(plane_name)
    voxels, _ = finite_voxels(image, plane.name)
    prepared = prepare(plane.to_slices(voxels), plane.spacing[1:], preprocessing)
    index = np.flatnonzero(prepared.analysed)
    if not len(index):
        raise UnsupportedImageError("No anatomy was found in {}.".format(sample.path.name), code="no-anatomy")
    rows = torch.from_numpy(index)
    if image.kind == "image":
        return [sample], prepared.pixels[rows], prepared.input_masks[rows]
    slices = [
        replace(
            sample,
            slice_index=plane.slice_index(int(n)),
            slice_height=None if prepared.slice_heights is None else float(prepared.slice_heights[n]),
        )
        for n in index
    ]
    return slices, prepared.pixels[rows], prepared.input_masks[rows]
