"""Does the model see disease, or how the two classes were acquired?  Controls that must not separate them as well.

* ``frame_only``: the centre (three quarters of each side) is replaced by that of the mean normal image of the set; the
  score can only come from arms, shoulders, collimation, the edge of the head.
* ``centre_only``: the frame is replaced instead.
* ``intensity``: no model at all, the smoothed brightness of the prepared image as the map.

The first two are for single images (a volume's centre is not where its lesions are).  The mean image is made of the
normal images that are judged, so it gives the controls a little more than a stranger's mean would.
"""
from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

from ..data.samples import Sample
from ..errors import Cancelled, SPMambaError
from ..io.image import Image, finite_voxels, read_image
from .bootstrap import patient_weights
from .curves import auroc, grouped
from .image_metrics import ranking_metrics
from .pixel_metrics import PixelView
from .rows import Row
from .truth import read_mask

Progress = Callable[[float, str], None]
CENTRE = 0.75  # of each side
GRID = 256  # pixels, of the mean image
QUANTILES = (0.005, 0.995)  # black and white of an image
INTENSITY_SIGMA = 2.0  # pixels of the prepared image
INTERVALS = 200  # resamples of a control


def window(image: np.ndarray) -> Tuple[float, float]:
    """(black, white) of a picture or of a part of one."""
    low, high = (float(v) for v in np.quantile(image, QUANTILES))
    return low, max(high, low + 1e-6)


def resized(image: np.ndarray, shape: Tuple[int, int]) -> np.ndarray:
    """(H, W) float32 -> shape, linear."""
    from PIL import Image as Picture

    picture = Picture.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    return np.asarray(picture.resize(shape[::-1], Picture.Resampling.BILINEAR), dtype=np.float32)


def centre_box(shape: Tuple[int, int]) -> Tuple[slice, slice]:
    """Rows and columns of the centre."""
    rows, columns = (slice(round(n * (1 - CENTRE) / 2), n - round(n * (1 - CENTRE) / 2)) for n in shape)
    return rows, columns


def mean_normal(samples: Sequence[Sample]) -> np.ndarray:
    """(GRID, GRID), 0 black and 1 white: the mean of the normal single pictures that can be read."""
    total, count = np.zeros((GRID, GRID)), 0
    for sample in samples:
        if sample.abnormal:
            continue
        try:
            image = read_image(sample.path, series=sample.series or None)
            voxels = finite_voxels(image)[0]
        except SPMambaError:
            continue  # counted and named by the evaluation itself
        if image.kind == "image":
            low, high = window(voxels[0])
            total += resized((voxels[0] - low) / (high - low), (GRID, GRID))
            count += 1
    return total / max(count, 1)


def masked(image: Image, mean: np.ndarray, keep: str) -> Image:
    """A copy of a single picture of which only the "frame" or the "centre" is its own.

    The filler gets its brightness from the part that is kept, so that nothing of the replaced part is left in it.
    """
    voxels = finite_voxels(image)[0].copy()
    shape = (voxels.shape[1], voxels.shape[2])
    inside = np.zeros(shape, dtype=bool)
    inside[centre_box(shape)] = True
    replaced, filler = inside if keep == "frame" else ~inside, resized(mean, shape)
    low, high = window(voxels[0][~replaced])
    black, white = window(filler[~replaced])
    voxels[0][replaced] = (low + (filler - black) * ((high - low) / (white - black)))[replaced]
    return Image(voxels, image.ijk_to_ras, dict(image.facts), image.kind, list(image.notices))


def intensity_map(detector: Any, image: Image) -> np.ndarray:
    """Smoothed brightness (K, J, I) in [0, 1], prepared as the model prepares it; 0 outside the anatomy."""
    from ..preprocessing.prepare import prepare, restore
    from ..scoring.maps import gaussian_blur

    plane = image.plane(detector.card["plane"])
    voxels, _ = finite_voxels(image, plane.name)
    prepared = prepare(plane.to_slices(voxels), plane.spacing[1:], detector.preprocessing)
    index = np.flatnonzero(prepared.analysed)
    maps = np.zeros(plane.stack_shape, dtype=np.float32)
    for start in range(0, len(index), 16):
        part = index[start:start + 16]
        maps[part] = restore(gaussian_blur(prepared.pixels[part][:, 0], INTENSITY_SIGMA), prepared, part)
    return plane.from_slices(maps)


class Controls:
    """The controls of one evaluation; `add` after each image that the model could judge."""

    def __init__(self, detector: Any, samples: Sequence[Sample]) -> None:
        self._detector, self._mean = detector, mean_normal(samples)
        self._rows: Dict[str, List[Row]] = {"frame_only": [], "centre_only": []}
        self._brightness: List[Tuple[float, bool]] = []
        self._view = PixelView(by_patient=False)

    def add(self, sample: Sample, image: Image, cancelled: Callable[[], bool]) -> None:
        for name, rows in self._rows.items() if image.kind == "image" else ():
            try:
                score = self._detector.detect(
                    masked(image, self._mean, name.split("_")[0]),
                    slice_height=sample.slice_height,
                    force=True,
                    cancelled=cancelled,
                ).score
            except Cancelled:
                raise
            except SPMambaError:
                continue  # what is left of this picture shows no anatomy
            rows.append(Row(sample.name, sample.patient, sample.abnormal, score))
        brightness = intensity_map(self._detector, image)
        self._brightness.append((float(brightness.mean()), sample.abnormal))
        mask = read_mask(sample, brightness.shape)
        if mask is not None:
            self._view.add(brightness, mask, sample.patient)

    def result(self) -> Dict[str, Any]:
        """AUROC of each control with its interval and number of images, and the brightness as a map."""
        out: Dict[str, Any] = {}
        for name, rows in self._rows.items():
            if rows:
                weights = patient_weights([row.patient for row in rows], INTERVALS)
                values, intervals = ranking_metrics(rows, weights)
                out[name] = {"auroc": values["auroc"], "interval": intervals["auroc"], "images": len(rows)}
        if not self._brightness:
            return out
        scores = np.array([score for score, _ in self._brightness])
        abnormal = np.array([flag for _, flag in self._brightness])
        out["intensity"] = {"image_auroc": float(auroc(*grouped(scores, abnormal, np.ones(len(scores)))[1:]))}
        if self._view.regions:
            out["intensity"].update({"pixel_" + name: value for name, value in self._view.metrics().items()})
        return out
