"""What is true of an image: its mask, and which of its slices are abnormal."""
from __future__ import annotations

from typing import Optional

import numpy as np

from ..data.samples import Sample
from ..errors import UnsupportedImageError
from ..io.image import read_image

PICTURE_CUT = 127  # a mask that uses more than half of 8 bits is black and white, maybe with JPEG noise; else labels


def read_mask(sample: Sample, shape: "tuple[int, ...]") -> Optional[np.ndarray]:
    """Bool lesion mask (K, J, I) of a sample; all False for a normal one, None when an abnormal one has none.

    Raises:
        UnreadableFileError: the mask is missing or damaged.
        UnsupportedImageError: ``"mask-size"``: it has not the image's shape.
    """
    if sample.mask_path is None:
        return None if sample.abnormal else np.zeros(shape, dtype=bool)
    values = read_image(sample.mask_path).voxels
    if values.shape != tuple(shape):
        raise UnsupportedImageError("The mask of {} is of another size than the image.".format(sample.name or
                                    sample.path.name), "{} and {}".format(values.shape, shape), code="mask-size")
    cut = PICTURE_CUT if values.dtype == np.uint8 and values.max() > PICTURE_CUT else 0
    return np.asarray(values > cut)
