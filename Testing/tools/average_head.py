"""A population-average FLAIR head from single axial slices of many patients.

The slices know only their height ("slice 7 of 23") and nothing of millimetres, so the head is put together in three
steps: every patient gets a scale and a centre from how the head's outline grows and shrinks along the heights; every
patient's heights are shifted and stretched until the slices look like the template at their height; and for each height
of the head, slices of different patients are registered to the template (affine, then demons) and averaged.  Images
are (N, H, W) float32 with tissue near 0.35; row 0 is anterior, column 0 is the patient's right, heights ascend.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Sequence, Tuple

import numpy as np
import SimpleITK as sitk

from SPMambaLib.data.samples import Sample
from SPMambaLib.io.image import read_image
from SPMambaLib.preprocessing.prepare import Preprocessing, prepare

SHAPE = (192, 160)  # rows, columns of the head's slices
PIXEL_MM = 1.3
HEAD_MM = 196.0  # anterior to posterior, skin to skin, at the head's largest height
LARGEST_LEVELS = (0.45, 0.7)  # where the outline is the skull, not nose or ears
FINEST = 0.36  # cycles per pixel; what is finer is noise
AIR = 0.08  # below this is air, where tissue is near 0.35
CONTRAST_CAP = 0.8  # fat is bright on some scanners and dark on others; it must not steer a registration

Progress = Callable[[str, float], None]


@dataclass
class Slices:
    """Slices of all patients on the head's grid; `patients` holds a number per slice."""

    images: np.ndarray  # (N, H, W)
    height_bins: np.ndarray  # (N,) relative height in [0, 1]
    patients: np.ndarray  # (N,)


def load_slices(samples: Sequence[Sample], progress: Progress) -> Slices:
    """Every slice of the manifest, centred and scaled to a head of one size."""
    preprocessing = Preprocessing(crop="foreground", normalise="foreground-median")
    names = sorted({s.patient for s in samples})
    raw, boxes, height_bins, patients = [], [], [], []
    for n, sample in enumerate(samples):
        pixels = np.asarray(read_image(sample.path).voxels, dtype=np.float32)
        prepared = prepare(pixels, (1.0, 1.0), preprocessing)
        top, left, side, _ = prepared.boxes[0]
        median = float(np.median(pixels[0][prepared.masks[0]]))
        raw.append(pixels[0] * (preprocessing.median_grey / max(median, 1.0)))
        boxes.append((top + side / 2, left + side / 2, side / (1 + 2 * preprocessing.margin)))
        height_bins.append(sample.slice_height)
        patients.append(names.index(sample.patient))
        progress("reading", n / len(samples))
    slices = Slices(np.array(raw), np.array(height_bins), np.array(patients))
    scales, centres = _head_frames(np.array(boxes), slices)
    slices.images = np.stack([_to_head(image, scales[p], centres[p])
                              for image, p in zip(slices.images, slices.patients)])
    return slices


def _head_frames(boxes: np.ndarray, slices: Slices) -> Tuple[np.ndarray, np.ndarray]:
    """(mm per pixel (P,), centre (P, 2) in pixels) of each patient, from the outlines' boxes (row, column, side).

    A box side is the patient's size times a curve over the heights that all patients share; the same, added, for the
    box's centre.  Curve and patients are fitted in turn.
    """
    count = slices.patients.max() + 1
    slice_height_of = np.minimum((slices.height_bins * 24).astype(int), 23)
    centre_level = (slice_height_of + 0.5) / 24
    largest = (centre_level > LARGEST_LEVELS[0]) & (centre_level < LARGEST_LEVELS[1])

    def fit(values: np.ndarray) -> np.ndarray:
        patient = np.zeros(count)
        for _ in range(20):
            curve = np.array([_median(values[slice_height_of == b] - patient[slices.patients[slice_height_of == b]])
                              for b in range(24)])
            curve -= np.median(curve[slice_height_of[largest]])
            rest = values - curve[slice_height_of]
            patient = np.array([_median(rest[slices.patients == p]) for p in range(count)])
        return patient

    sides = np.exp(fit(np.log(boxes[:, 2])))
    centres = np.stack([fit(boxes[:, axis] / sides[slices.patients]) * sides for axis in (0, 1)], axis=1)
    return HEAD_MM / sides, centres


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _to_head(image: np.ndarray, mm_per_pixel: float, centre: np.ndarray) -> np.ndarray:
    transform = sitk.AffineTransform(2)
    transform.SetMatrix((np.eye(2) * (PIXEL_MM / mm_per_pixel)).ravel().tolist())
    middle = (np.array(SHAPE) - 1) / 2
    offset = centre - 0.5 - middle * (PIXEL_MM / mm_per_pixel)
    transform.SetTranslation(offset[::-1].tolist())
    return _array(_resample(_image(image), transform))


def align_heights(slices: Slices, rounds: int = 5) -> None:
    """Shift and stretch each patient's heights so that its slices look like the average of the others there."""
    small = np.clip(slices.images, 0, CONTRAST_CAP).reshape(len(slices.images), 48, 4, 40, 4).mean(axis=(2, 4))
    small = small.reshape(len(small), -1)
    small -= small.mean(axis=1, keepdims=True)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    original, grid = slices.height_bins.copy(), np.linspace(0, 1, 61)
    moves = [(shift, stretch) for shift in np.linspace(-0.15, 0.15, 31) for stretch in np.linspace(0.8, 1.2, 9)]
    for _ in range(rounds):
        template = _weighted(small, slices.height_bins, grid, 0.03)
        template /= np.linalg.norm(template, axis=1, keepdims=True)
        likeness = small @ template.T
        best = np.zeros((slices.patients.max() + 1, 2))
        for p in range(len(best)):
            mine = np.flatnonzero(slices.patients == p)
            scores = []
            for shift, stretch in moves:
                slice_height = np.clip(0.5 + shift + stretch * (original[mine] - 0.5), 0, 1)
                fit = likeness[mine, np.round(slice_height * 60).astype(int)].mean()
                scores.append(fit - 0.3 * shift ** 2 - 0.1 * (stretch - 1) ** 2)
            best[p] = moves[int(np.argmax(scores))]
        best -= np.median(best, axis=0) - (0.0, 1.0)
        slices.height_bins = 0.5 + best[slices.patients, 0] + best[slices.patients, 1] * (original - 0.5)


def _weighted(values: np.ndarray, height_bins: np.ndarray, wanted: np.ndarray, width: float) -> np.ndarray:
    weights = np.exp(-0.5 * ((wanted[:, None] - height_bins) / width) ** 2) + 1e-12
    weights /= weights.sum(axis=1, keepdims=True)
    return np.tensordot(weights, values, axes=1).astype(np.float32)


def average_head(slices: Slices, height_bins: np.ndarray, members: int, progress: Progress) -> np.ndarray:
    """(len(heights), H, W): at each height the average of the `members` slices, of different patients, that fit
    best."""
    template = _weighted(slices.images, slices.height_bins, height_bins, 0.8 * (height_bins[1] - height_bins[0]))
    groups = [
        _choose(slices, template[n], slice_height, height_bins[1] - height_bins[0], members)
        for n, slice_height in enumerate(height_bins)
    ]
    moved: List[np.ndarray] = []
    for n, group in enumerate(groups):
        moved.append(np.stack([_affine(template[n], slices.images[m]) for m in group]))
        progress("affine registration", n / len(groups))
    for turn, stiffness in enumerate((2.0, 1.5)):
        template = _along_levels(np.stack([_sharpened(_robust_mean(m), m) for m in moved]))
        averages = []
        for n, group in enumerate(moved):
            warped = np.stack([_demons(template[n], member, stiffness) for member in group])
            averages.append(_sharpened(_robust_mean(warped), group))
            moved[n] = warped
            progress("deformable registration {}".format(turn + 1), n / len(moved))
    return np.stack([_without_background(image) for image in averages])


def _without_background(image: np.ndarray) -> np.ndarray:
    """Zero outside the skin: the members' noise averages to a veil, and sharpening leaves rings in it."""
    bright = sitk.SmoothingRecursiveGaussian(_image(image), 1.0) > AIR
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.BinaryMorphologicalClosing(bright, [4, 4])))
    head = sitk.BinaryDilate(sitk.BinaryFillhole(pieces == 1), [2, 2])
    return image * np.clip(_array(sitk.SmoothingRecursiveGaussian(sitk.Cast(head, sitk.sitkFloat32), 1.0)), 0, 1)


def _choose(slices: Slices, template: np.ndarray, slice_height: float, step: float, members: int) -> np.ndarray:
    """The nearest slice of each patient, then those most like the template."""
    distance = np.abs(slices.height_bins - slice_height)
    nearest = [min(np.flatnonzero(slices.patients == p), key=lambda n: distance[n])
               for p in range(slices.patients.max() + 1)]
    likeness = {n: _correlation(template, slices.images[n]) - 0.1 * (distance[n] / step) ** 2 for n in nearest}
    return np.array(sorted(nearest, key=lambda n: -likeness[n])[:members])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(np.clip(a, 0, CONTRAST_CAP).ravel(), np.clip(b, 0, CONTRAST_CAP).ravel())[0, 1])


def _affine(fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetOptimizerAsRegularStepGradientDescent(0.5, 0.01, 40)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([3, 1])
    method.SetInterpolator(sitk.sitkLinear)
    middle = ((np.array(SHAPE) - 1) / 2)[::-1].tolist()
    method.SetInitialTransform(sitk.AffineTransform(np.eye(2).ravel().tolist(), [0.0, 0.0], middle))
    transform = method.Execute(_image(np.clip(fixed, 0, CONTRAST_CAP)), _image(np.clip(moving, 0, CONTRAST_CAP)))
    return _array(_resample(_image(moving), transform))


def _demons(fixed: np.ndarray, moving: np.ndarray, stiffness: float) -> np.ndarray:
    """`moving` bent onto `fixed`; `stiffness` smooths the displacement field, in pixels of each resolution."""
    field = None
    for shrink, turns in ((4, 20), (2, 15), (1, 5)):
        fixed_small, moving_small = (_shrunk(np.clip(i, 0, CONTRAST_CAP), shrink) for i in (fixed, moving))
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(turns)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(stiffness)
        if field is None:
            field = demons.Execute(fixed_small, moving_small)
        else:
            field = demons.Execute(fixed_small, moving_small, sitk.Resample(field, fixed_small))
    transform = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))
    return _array(_resample(_image(moving), transform))


def _robust_mean(images: np.ndarray) -> np.ndarray:
    """Mean of the middle half of the values at each pixel: one patient's odd fold or vessel does not count."""
    ordered = np.sort(images, axis=0)
    quarter = len(images) // 4
    return ordered[quarter:len(images) - quarter].mean(axis=0)


def _along_levels(stack: np.ndarray) -> np.ndarray:
    """Neighbouring heights blended, so that their slices are registered to shapes that go on smoothly."""
    padded = np.concatenate([stack[:1], stack, stack[-1:]])
    return (0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]).astype(np.float32)


def _sharpened(average: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Give the average as much detail of each size as one of its members has (what averaging took away)."""
    frequency = np.hypot(np.fft.fftfreq(SHAPE[0])[:, None], np.fft.fftfreq(SHAPE[1]))
    bands = np.minimum((frequency * 48).astype(int), 23)

    def power(image: np.ndarray) -> np.ndarray:
        energy = np.abs(np.fft.fft2(np.clip(image, 0, CONTRAST_CAP))) ** 2
        return np.bincount(bands.ravel(), energy.ravel(), 24) / np.maximum(np.bincount(bands.ravel(), minlength=24), 1)

    wanted = np.median([power(m) for m in members], axis=0)
    gain = np.clip(np.sqrt(wanted / np.maximum(power(average), 1e-12)), 1.0, 2.2)
    gain[:3] = 1.0  # the coarse shading is right already
    gain *= np.clip((FINEST * 48 - np.arange(24)) / 6, 0, 1)
    return np.maximum(np.fft.ifft2(np.fft.fft2(average) * gain[bands]).real, 0).astype(np.float32)


def _shrunk(image: np.ndarray, factor: int) -> sitk.Image:
    return sitk.Shrink(sitk.SmoothingRecursiveGaussian(_image(image), 0.5 * factor), [factor, factor]) \
        if factor > 1 else _image(image)


def _image(array: np.ndarray) -> sitk.Image:
    return sitk.GetImageFromArray(np.ascontiguousarray(array, dtype=np.float32))


def _array(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def _resample(image: sitk.Image, transform: sitk.Transform) -> sitk.Image:
    """Onto the head's grid; 0 outside."""
    return sitk.Resample(image, list(SHAPE[::-1]), transform, sitk.sitkLinear, [0.0, 0.0], [1.0, 1.0])
