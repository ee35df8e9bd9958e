"""From slices of any size to the network's square input, and maps back onto the slices.

One code path for fitting, training and detection; what it does is written in the bundle (`Preprocessing`), so a model
always sees what it was trained on.  Slices are (N, H, W), row 0 at the top of the displayed image.
"""
from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .alignment import inverted, transforms_onto, warped

Box = Tuple[int, int, int, int]  # row, column, rows, columns; may reach beyond the slice

FOREGROUND_FRACTION = 0.12  # of the 99.5 % quantile: above the noise of air, below the darkest tissue on FLAIR
ROUNDING = 1e-6  # of the largest value: contrast below it is the rounding error of single precision
ANALYSED_AREA = 0.12  # slices with less foreground than this share of the largest one are outside the anatomy


@dataclass(frozen=True)
class Preprocessing:
    """How a bundle wants its images.

    Attributes:
        size: side of the square input in pixels.
        crop: ``"none"`` squashes the whole image (radiographs of one protocol); ``"foreground"`` cuts a square in mm
            around the anatomy, so that head size and field of view do not matter.
        normalise: ``"percentile"`` maps the 0.5 .. 99.5 % quantiles to 0 .. 1; ``"foreground-median"`` maps the median
            of the anatomy to `median_grey` (MR has no units; the tissue median is its ruler).
        margin: free border around the foreground, as a share of its longer side.
        align: whether slices are brought into the position of the average normal one (see `alignment`).
        average: that one; it lies in the bundle, and is not known before there are normals.
    """

    size: int = 256
    crop: str = "none"
    normalise: str = "percentile"
    margin: float = 0.04
    median_grey: float = 0.35
    align: bool = False
    average: Optional[Tensor] = field(default=None, compare=False, repr=False)

    def to_dict(self) -> Dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "average"}

    @classmethod
    def from_dict(cls, data: Dict[str, Any], state: Mapping[str, Tensor]) -> Preprocessing:
        """From the card and the tensors of a bundle; raises ValueError if the average slice is missing."""
        if data.get("align") and "average" not in state:
            raise ValueError("there is no average slice to align with")
        return cls(**data, average=state.get("average"))

    def state_dict(self) -> Dict[str, Tensor]:
        return {} if self.average is None else {"average": self.average}

    def aligned(self, pixels: Tensor, masks: Tensor) -> Tuple[Tensor, Tensor, Optional[Tensor]]:
        """Pixels (N, 1, S, S) and masks (N, S, S) in the position of the average slice, and the transforms (N, 2, 3) of
        `alignment`; as they are, and None, for a model that does not align.  The mask leaves out what was not seen."""
        if self.average is None or not len(pixels):
            return pixels, masks, None
        parts = []
        for some, own in zip(pixels.split(64), masks.split(64)):
            transforms = transforms_onto(some, self.average)
            parts.append((warped(some, transforms), warped(own[:, None], transforms, "nearest", "zeros")[:, 0],
                          transforms))
        moved, covered, found = (torch.cat(part) for part in zip(*parts))
        return moved, covered, found


@dataclass
class PreparedSlices:
    """Network input and what is needed to go back.

    Attributes:
        pixels: (N, 1, S, S) float32 in [0, 1]; zeros for slices that are not analysed.
        boxes: where in the slice each input was cut out.
        masks: (N, H, W) bool, the anatomy (all True when the bundle does not crop).
        input_masks: (N, S, S) float32, the anatomy in the network's frame.
        analysed: (N,) bool.
        heights: (N,) relative height inside the anatomy in [0, 1], or None for single images.
        windows: (N, 2) float64, what becomes 0 and 1 in each analysed slice.
        transforms: (N, 2, 3) of `alignment`, within the boxes; None for a model that does not align.
    """

    pixels: Tensor
    boxes: List[Box]
    masks: np.ndarray
    input_masks: Tensor
    analysed: np.ndarray
    slice_heights: Optional[np.ndarray]
    windows: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    transforms: Optional[Tensor] = None

    def frames(self, index: Sequence[int]) -> np.ndarray:
        """Where the network's input lies in each slice (n, 2, 3): from places in it (down, right, from 0 to 1) to rows
        and columns of the slice, counted from its upper and left edge."""
        boxes = np.array([self.boxes[n] for n in index], dtype=np.float64).reshape(-1, 4)
        turn, shift = np.tile(np.eye(2), (len(boxes), 1, 1)), np.zeros((len(boxes), 2))
        if self.transforms is not None:
            moves = self.transforms[torch.tensor(list(index), dtype=torch.long)].double().numpy()
            turn, along = moves[:, ::-1, 1::-1], moves[:, ::-1, 2]  # theirs are x before y, from -1 to 1
            shift = (along + 1.0 - turn.sum(axis=2)) / 2.0
        sides = boxes[:, 2:, None]
        return np.concatenate([sides * turn, sides * shift[:, :, None] + boxes[:, :2, None]], axis=2)


def prepare(slices: np.ndarray, spacing: Tuple[float, float], preprocessing: Preprocessing,
            checkpoint: Callable[[], None] = lambda: None) -> PreparedSlices:
    """Slices (N, H, W) of finite numbers with pixel `spacing` (row, column) in mm -> network input.

    `checkpoint` is called between slices and may raise to cancel.
    """
    count, height, width = slices.shape
    size = preprocessing.size
    pixels = torch.zeros(count, 1, size, size)
    input_masks = torch.zeros(count, size, size)
    whole: Box = (0, 0, height, width)
    if preprocessing.crop == "none":
        masks, analysed = np.ones(slices.shape, dtype=bool), np.ones(count, dtype=bool)
        boxes = [whole] * count
    else:
        masks = _foreground(slices, checkpoint)
        areas = masks.sum(axis=(1, 2))
        analysed = areas >= max(ANALYSED_AREA * areas.max(), 16)
        boxes = [_square_box(m, spacing, preprocessing.margin) if a else whole for m, a in zip(masks, analysed)]
    windows = np.zeros((count, 2))
    for n in np.flatnonzero(analysed):
        checkpoint()
        normal, windows[n] = _normalised(slices[n].astype(np.float32), masks[n], preprocessing)
        pixels[n, 0] = _resize(_cut(torch.from_numpy(normal), boxes[n]), (size, size))
        input_masks[n] = (_resize(_cut(torch.from_numpy(masks[n].astype(np.float32)), boxes[n]), (size, size)) > 0.5)
    rows, transforms = torch.from_numpy(np.flatnonzero(analysed)), None
    pixels[rows], input_masks[rows], moves = preprocessing.aligned(pixels[rows], input_masks[rows])
    if moves is not None:
        transforms = torch.eye(2, 3).repeat(count, 1, 1)
        transforms[rows] = moves
    return PreparedSlices(pixels, boxes, masks, input_masks, analysed, _slice_heights(analysed) if count > 1 else None,
                          windows, transforms)


def restore(maps: Tensor, prepared: PreparedSlices, index: np.ndarray) -> np.ndarray:
    """Maps (M, s, s) of the slices `index` -> (M, H, W) float32 on the slices' own pixels; 0 outside the anatomy, and
    where an aligned slice reaches beyond what the model looks at."""
    height, width = prepared.masks.shape[1:]
    if prepared.transforms is not None:
        back = inverted(prepared.transforms[torch.from_numpy(np.asarray(index))])
        maps = warped(maps[:, None].float(), back, padding="zeros")[:, 0]
    out = np.zeros((len(index), height, width), dtype=np.float32)
    for row, n in enumerate(index):
        top, left, rows, columns = prepared.boxes[n]
        patch = _resize(maps[row], (rows, columns)).numpy()
        r0, r1, c0, c1 = max(top, 0), min(top + rows, height), max(left, 0), min(left + columns, width)
        out[row, r0:r1, c0:c1] = patch[r0 - top:r1 - top, c0 - left:c1 - left]
        out[row] *= prepared.masks[n]
    return out


def _slice_heights(analysed: np.ndarray) -> np.ndarray:
    """0 at the lowest analysed slice, 1 at the highest; slices outside are clipped."""
    inside = np.flatnonzero(analysed)
    first, last = (inside[0], inside[-1]) if len(inside) else (0, 1)
    return np.clip((np.arange(len(analysed)) - first) / max(last - first, 1), 0.0, 1.0)


def _normalised(image: np.ndarray, mask: np.ndarray,
                preprocessing: Preprocessing) -> Tuple[np.ndarray, Tuple[float, float]]:
    """One slice (H, W) float32 in [0, 1], whatever its units: a diffusivity in m2/s is as good as a CT number; and the
    values that become 0 and 1."""
    low, high = (float(q) for q in np.quantile(image, (0.005, 0.995)))
    # A slice without contrast must not be stretched until its rounding errors show.
    least = max(ROUNDING * max(abs(low), abs(high)), float(np.finfo(np.float32).tiny))
    if preprocessing.normalise == "foreground-median":
        median = float(np.median(image[mask])) - low if mask.any() else 0.0
        scale = preprocessing.median_grey / max(median, least)
        return np.clip((image - low) * scale, 0.0, 1.0), (low, low + 1.0 / scale)
    return np.clip((image - low) / max(high - low, least), 0.0, 1.0), (low, low + max(high - low, least))


def _foreground(slices: np.ndarray, checkpoint: Callable[[], None]) -> np.ndarray:
    """The anatomy of each slice: brighter than air, in one piece, holes filled (a dark cavity belongs to it)."""
    import SimpleITK as sitk

    low, high = np.quantile(slices[:: max(1, len(slices) // 64)], (0.005, 0.995))
    threshold = float(low + FOREGROUND_FRACTION * (high - low))
    masks = np.zeros(slices.shape, dtype=bool)
    for n, image in enumerate(slices):
        checkpoint()
        smooth = F.avg_pool2d(torch.from_numpy(image.astype(np.float32))[None, None], 3, 1, 1, count_include_pad=False)
        bright = smooth[0, 0].numpy() > threshold
        if not bright.any():
            continue
        mask = sitk.BinaryMorphologicalClosing(sitk.GetImageFromArray(bright.astype(np.uint8)), [3, 3])
        pieces = sitk.RelabelComponent(sitk.ConnectedComponent(mask, True), sortByObjectSize=True)
        masks[n] = sitk.GetArrayFromImage(sitk.BinaryFillhole(pieces == 1)).astype(bool)
    return masks


def _square_box(mask: np.ndarray, spacing: Tuple[float, float], margin: float) -> Box:
    """Smallest box around the mask that is square in mm, with a margin; centred, so it may leave the slice."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    extent = np.array([rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1])
    side_mm = (extent * spacing).max() * (1 + 2 * margin)
    lengths = np.maximum(np.round(side_mm / np.asarray(spacing)).astype(int), 2)
    centre = np.array([rows[0] + rows[-1] + 1, columns[0] + columns[-1] + 1]) / 2.0
    top, left = np.round(centre - lengths / 2.0).astype(int)
    return int(top), int(left), int(lengths[0]), int(lengths[1])


def _cut(image: Tensor, box: Box) -> Tensor:
    """The box of an image (H, W), zero where it reaches beyond."""
    top, left, rows, columns = box
    height, width = image.shape
    padding = (max(-left, 0), max(left + columns - width, 0), max(-top, 0), max(top + rows - height, 0))
    return F.pad(image, padding)[max(top, 0):max(top, 0) + rows, max(left, 0):max(left, 0) + columns]


def _resize(image: Tensor, size: Tuple[int, int]) -> Tensor:
    """(H, W) -> size, linear, low-passed when shrinking; pixel centres kept (align_corners=False)."""
    return F.interpolate(image[None, None].float(), size, mode="bilinear", antialias=True, align_corners=False)[0, 0]
