"""Where a head lies: an affine registration of any head volume to one head, and whether it can be trusted.

The frame is a symmetric average head in the space of the MNI152 2009 template (RAS mm; x = 0 is the mid-plane): the
head is an average of tumour-free FLAIR slices of sixty patients, the outline of the brain and its tissues are from the
template (see head_frame.txt).  Metric of the last step is mutual information, which does not ask that tissue is bright
where it is bright in the frame.  Light: numpy; SimpleITK at the call.
"""
from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

FILE = Path(__file__).with_name("head_frame.npz")
SPACING = 2.0  # mm, of the frame's grid
ORIGIN = (-96.0, -130.0, -100.0)  # RAS mm of its first voxel
FIELDS = ("head", "brain", "white", "grey", "fluid")
COARSE, FINE = 8.0, 4.0  # mm, at which volumes are registered
STARTS = ((0, 0, 0), (25, 0, 0), (-25, 0, 0), (0, 25, 0), (0, -25, 0), (0, 0, 25), (0, 0, -25))
SCALES = (0.72, 1.4)  # of a head against the average one, along any direction
STRETCH = 1.5  # largest ratio of two of those
COVERED = 0.35  # of the frame's brain that must lie inside of the volume
SIMILAR = 0.75  # least correlation of the volume with the frame; heads in hand reach .87 to .97, a CT .51


@dataclass(frozen=True)
class HeadPlace:
    """Where a head lies.

    Attributes:
        to_image: (4, 4), points of the frame (RAS mm) -> points of the patient (RAS mm).
        stripped: whether it is a brain without skull and scalp.
        similarity: correlation ratio of the volume given the frame, 0 to 1.
        covered: share of the frame's brain that lies inside of the volume.
        problem: why the place cannot be trusted; "" if it can.
    """

    to_image: np.ndarray
    stripped: bool
    similarity: float
    covered: float
    problem: str = ""


@lru_cache(maxsize=1)
def frame() -> Dict[str, np.ndarray]:
    """The frame's fields as float32 (K, J, I): ``head`` relative to the median of the brain, the others in [0, 1]."""
    with np.load(FILE, allow_pickle=False) as file:
        fields = {name: file[name].astype(np.float32) / 255.0 for name in FIELDS}
    fields["head"] *= 3.0
    return fields


def place(voxels: np.ndarray, ijk_to_ras: np.ndarray) -> HeadPlace:
    """Registers the frame to a volume (K, J, I) of finite numbers; never raises for other things, see `problem`."""
    import SimpleITK as sitk

    fine = reduced(voxels, ijk_to_ras, FINE)
    blurred = sitk.DiscreteGaussian(fine, [9.0] * 3)
    coarse = sitk.Resample(blurred, _size(fine, COARSE), sitk.Transform(), sitk.sitkLinear,
                           fine.GetOrigin(), [COARSE] * 3, fine.GetDirection(), 0.0)
    array = sitk.GetArrayViewFromImage(fine)
    if not array.max() > 0 or (array > 0.15).sum() * FINE ** 3 < 2e5:
        return HeadPlace(np.eye(4), False, 0.0, 0.0, "there is too little anatomy in it")
    best: Optional[Tuple[float, Any, bool]] = None
    for stripped in (True, False):
        for value, transform in _coarse(coarse, stripped):
            if best is None or value < best[0]:
                best = (value, transform, stripped)
    assert best is not None
    _, transform, stripped = best
    transform = _affine(fine, template(stripped, FINE), transform)
    return _judged(fine, transform, stripped)


def reduced(voxels: np.ndarray, ijk_to_ras: np.ndarray, spacing: float) -> Any:
    """The volume as a SimpleITK image in RAS mm along the anatomical axes, `spacing` mm, air 0 and tissue up to 1."""
    import SimpleITK as sitk

    affine = np.asarray(ijk_to_ras, dtype=np.float64)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels, dtype=np.float32))
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    sigmas = np.maximum(0.4 * spacing / lengths, 0.0)
    shrink = [max(1, int(0.5 * spacing / length)) for length in lengths]
    if max(shrink) > 1:
        image = sitk.BinShrink(image, shrink)
    for axis, sigma in enumerate(sigmas / shrink):
        if sigma > 0.5 and image.GetSize()[axis] > 4:
            image = sitk.RecursiveGaussian(image, float(sigma) * image.GetSpacing()[axis], False,
                                           sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)
    ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in voxels.shape[::-1]], indexing="ij")).reshape(3, -1)
    corners = affine[:3, :3] @ ends + affine[:3, 3:]
    low, high = corners.min(axis=1), corners.max(axis=1)
    size = np.maximum(np.ceil((high - low) / spacing).astype(int) + 2, 4)
    back = sitk.AffineTransform(3)
    inverse = np.linalg.inv(affine)
    back.SetMatrix(inverse[:3, :3].ravel().tolist())
    back.SetTranslation(inverse[:3, 3].tolist())
    grid = sitk.Resample(image, [int(n) for n in size], back, sitk.sitkLinear, (low - 0.5 * spacing).tolist(),
                         [spacing] * 3, [1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0], 0.0, sitk.sitkFloat32)
    array = sitk.GetArrayFromImage(grid)
    air, top = (float(q) for q in np.quantile(array, (0.02, 0.995)))
    tissue = array[array > air + 0.12 * (top - air)]
    cap = float(np.quantile(tissue, 0.9)) if tissue.size else top
    array = np.clip((array - air) / max(cap - air, 1e-12), 0.0, 1.0)
    array[array < 0.08] = 0.0
    out = sitk.GetImageFromArray(array.astype(np.float32))
    out.CopyInformation(grid)
    return out


@lru_cache(maxsize=8)
def template(stripped: bool, spacing: float) -> Any:
    """The frame's head, or its brain alone, as a SimpleITK image of `spacing` mm, capped as `reduced` volumes are."""

    fields = frame()
    head = np.clip(fields["head"] / 1.2, 0.0, 1.0) * (fields["brain"] > 0.5 if stripped else 1.0)
    return resampled(as_image(head), spacing, smooth=True)


def as_image(array: np.ndarray) -> Any:
    """A field of the frame as a SimpleITK image in RAS mm."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing([SPACING] * 3)
    image.SetOrigin(ORIGIN)
    return image


def resampled(image: Any, spacing: float, smooth: bool = False) -> Any:
    import SimpleITK as sitk

    if smooth:
        image = sitk.DiscreteGaussian(image, [float((0.4 * spacing) ** 2)] * 3)
    return sitk.Resample(image, _size(image, spacing), sitk.Transform(), sitk.sitkLinear, image.GetOrigin(),
                         [spacing] * 3, image.GetDirection(), 0.0)


def _size(image: Any, spacing: float) -> List[int]:
    return [max(4, int(np.ceil(n * s / spacing))) for n, s in zip(image.GetSize(), image.GetSpacing())]


def _coarse(image: Any, stripped: bool) -> List[Tuple[float, Any]]:
    """(metric, transform) of a rigid start and scale from the centres, turned a few ways."""
    import SimpleITK as sitk

    fixed = template(stripped, COARSE)
    centred = sitk.CenteredTransformInitializer(fixed, image, sitk.Similarity3DTransform(),
                                                sitk.CenteredTransformInitializerFilter.MOMENTS)
    centred = sitk.Similarity3DTransform(centred)
    tried = []
    for turn in STARTS:
        euler = sitk.Euler3DTransform()
        euler.SetRotation(*np.radians(turn).tolist())
        start = sitk.Similarity3DTransform(centred)
        start.SetMatrix(euler.GetMatrix())
        tried.append((_value(fixed, image, start), start))
    tried.sort(key=lambda item: item[0])
    out = []
    for _, start in tried[:3]:
        method = _method(60, 4.0)
        method.SetInitialTransform(start, True)
        try:
            method.Execute(fixed, image)
            out.append((_value(fixed, image, start), start))
        except RuntimeError:
            continue
    return out or [(0.0, centred)]


def _value(fixed: Any, moving: Any, transform: Any) -> float:
    method = _method(1, 1.0)
    method.SetInitialTransform(transform, False)
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return 0.0


def _method(steps: int, length: float) -> Any:
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(length, 0.02, steps, 0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    return method


def _affine(image: Any, fixed: Any, start: Any) -> Any:
    import SimpleITK as sitk

    affine = sitk.AffineTransform(3)
    affine.SetMatrix(start.GetMatrix())
    affine.SetTranslation(start.GetTranslation())
    affine.SetCenter(start.GetCenter())
    method = _method(80, 2.0)
    method.SetMetricAsMattesMutualInformation(24)
    method.SetInitialTransform(affine, True)
    with suppress(RuntimeError):
        method.Execute(fixed, image)
    return affine


def _judged(image: Any, transform: Any, stripped: bool) -> HeadPlace:
    """The place with its measures, and what is wrong with it."""
    import SimpleITK as sitk

    matrix, centre = np.reshape(transform.GetMatrix(), (3, 3)), np.array(transform.GetCenter())
    to_image = np.eye(4)
    to_image[:3, :3] = matrix
    to_image[:3, 3] = np.array(transform.GetTranslation()) + centre - matrix @ centre
    fixed = template(stripped, FINE)
    moved = sitk.GetArrayFromImage(sitk.Resample(image, fixed, transform, sitk.sitkLinear, -1.0))
    brain = sitk.GetArrayFromImage(resampled(as_image(frame()["brain"]), FINE)) > 0.5
    seen = moved >= 0
    covered = float((seen & brain).sum() / brain.sum())
    wide = sitk.GetArrayFromImage(sitk.BinaryDilate(sitk.Cast(sitk.GetImageFromArray(brain.astype(np.uint8)),
                                                              sitk.sitkUInt8), [3] * 3)) > 0
    where = seen & wide
    a, b = sitk.GetArrayFromImage(fixed)[where], moved[where]
    similarity = float(np.corrcoef(a, b)[0, 1]) if where.sum() > 100 and a.std() > 0 and b.std() > 0 else 0.0
    scales = np.linalg.svd(matrix)[1]
    problem = ""
    if scales.min() < SCALES[0] or scales.max() > SCALES[1] or scales.max() > STRETCH * scales.min():
        problem = "it would have to be stretched more than heads differ"
    elif np.linalg.det(matrix) < 0:
        problem = "it would have to be mirrored"
    elif covered < COVERED:
        problem = "too little of the brain is in it"
    elif similarity < SIMILAR:
        problem = "it does not look like a head"
    return HeadPlace(to_image, stripped, similarity, covered, problem)
