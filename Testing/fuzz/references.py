"""What other people's readers make of a file, without one line of the library's own readers.

DICOM by pydicom (frames, scale of each frame, palettes) and by nibabel (Siemens mosaics), NIfTI by nibabel, NRRD by
SimpleITK, pictures by Pillow.  Places are LPS in mm as DICOM has them.
"""
from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np

LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91")
LOSSY_TOLERANCE = 2.0  # levels by which two decoders of a lossy code may round differently
PLACE_TOLERANCE = 0.02  # of a slice step
SIEMENS, UIH_FRAMES, UIH_TILE = (0x0029, 0x1010), (0x0065, 0x1051), (0x0065, 0x1004)


@dataclass
class Frame:
    """One slice.

    Attributes:
        values: (rows, columns) or (rows, columns, 3).
        position: LPS of its first pixel; None if it is not said.
        steps: (3, 2) LPS from a pixel to the next along a row, and along a column; None if it is not said.
    """

    values: np.ndarray
    position: Optional[np.ndarray] = None
    steps: Optional[np.ndarray] = None


class NotComparable(Exception):
    """The other reader does not read the file; the message says why."""


def dicom_frames(path: Path) -> Tuple[List[Frame], float]:
    """(the slices of a DICOM file in the unit of their modality, how much two decoders may differ), by pydicom."""
    import pydicom

    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(path, force=True)
            data.ensure_file_meta()
            if "TransferSyntaxUID" not in data.file_meta:
                implicit, little = data.original_encoding
                data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2" if implicit else (
                    "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2")
            frames = list(_mosaic(data) or _frames(data))
        except Exception as error:  # whatever pydicom raises
            raise NotComparable("{}: {}".format(type(error).__name__, str(error).split("\n")[0][:160])) from error
    return frames, LOSSY_TOLERANCE if data.file_meta.TransferSyntaxUID in LOSSY else 0.0


def _frames(data: Any) -> Iterator[Frame]:
    from pydicom.pixels import apply_color_lut, apply_modality_lut

    stored = data.pixel_array
    if data.PhotometricInterpretation == "PALETTE COLOR":
        stored = apply_color_lut(stored, data)
    count = int(data.get("NumberOfFrames") or 1)
    colour = data.get("SamplesPerPixel", 1) > 1 or data.PhotometricInterpretation == "PALETTE COLOR"
    stored = stored.reshape((count,) + stored.shape[-3 if colour else -2:])
    for n, frame in enumerate(stored):
        scale, place = data, data.get("ImagePositionPatient") if count == 1 else None
        view, spacing = data.get("ImageOrientationPatient"), data.get("PixelSpacing")
        for group in (data.get("SharedFunctionalGroupsSequence") or [None])[0], _own(data, n):
            if group is not None and "PixelValueTransformationSequence" in group:
                scale = group.PixelValueTransformationSequence[0]
            if group is not None and "PlanePositionSequence" in group:
                place = group.PlanePositionSequence[0].ImagePositionPatient
            if group is not None and "PlaneOrientationSequence" in group:
                view = group.PlaneOrientationSequence[0].ImageOrientationPatient
            if group is not None and "PixelMeasuresSequence" in group:
                spacing = group.PixelMeasuresSequence[0].get("PixelSpacing")
        position, steps = None if not place else np.array([float(v) for v in place]), None
        if view and spacing:
            steps = np.array([float(v) for v in view]).reshape(2, 3).T * [float(spacing[1]), float(spacing[0])]
        if not colour:
            frame = _negative(frame, data)
            frame = apply_modality_lut(frame, data) if "ModalityLUTSequence" in data else _scaled(frame, scale)
        yield Frame(frame, position, steps)


def _own(data: Any, n: int) -> Any:
    groups = data.get("PerFrameFunctionalGroupsSequence") or []
    return groups[n] if n < len(groups) else None


def _negative(frame: np.ndarray, data: Any) -> np.ndarray:
    """Bright where dense: MONOCHROME1 upside down within its stored bits (a table of values is turned over later)."""
    inverse = data.PhotometricInterpretation == "MONOCHROME1" or data.get("PresentationLUTShape") == "INVERSE"
    if not inverse or "ModalityLUTSequence" in data:
        return frame
    highest = -1 if frame.dtype.kind == "i" else (1 << data.BitsStored) - 1
    return highest - frame.astype(np.int64)


def _scaled(frame: np.ndarray, source: Any) -> np.ndarray:
    slope, intercept = source.get("RescaleSlope"), source.get("RescaleIntercept")
    slope = 1.0 if slope in (None, "") else float(slope)
    if slope == 0.0:
        return frame
    return frame if (slope, float(intercept or 0)) == (1.0, 0.0) else frame * slope + float(intercept or 0)


def _mosaic(data: Any) -> List[Frame]:
    """The tiles of a mosaic with their places; none for any other file."""
    if UIH_FRAMES in data:
        height, width = (int(float(v)) for v in data[UIH_TILE].value.split("*"))
        down, across = data.Rows // height, data.Columns // width
        tiles = data.pixel_array.reshape(down, height, across, width).swapaxes(1, 2).reshape(-1, height, width)
        return [Frame(_scaled(tile, data), np.array([float(v) for v in item.ImagePositionPatient]))
                for tile, item in zip(tiles, data[UIH_FRAMES].value)]
    if SIEMENS in data and "MOSAIC" in data.get("ImageType", ""):
        from nibabel.nicom.dicomwrappers import wrapper_from_data

        wrapper = wrapper_from_data(data)
        affine, voxels = wrapper.affine, wrapper.get_data()  # (columns, rows, slices): its affine is of these axes
        return [Frame(voxels[..., k], (affine @ [0, 0, k, 1])[:3]) for k in range(voxels.shape[2])]
    return []


def compare_dicom(image: Any, frames: List[Frame], tolerance: float) -> str:
    """"" if the image holds exactly these slices, each at its place; otherwise what is different.

    Args:
        image: what `read_image` gave; grey, so of coloured frames each channel must be that grey.
    """
    if len(frames) != len(image.voxels):
        return "{} slices for {}".format(len(image.voxels), len(frames))
    lps_to_ijk = np.linalg.inv(np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.ijk_to_ras)
    placed = image.kind == "volume" and all(frame.position is not None for frame in frames)
    taken, problem = set(), ""
    for n, frame in enumerate(frames):
        k = n
        if placed and frame.position is not None:
            where = (lps_to_ijk @ [*frame.position, 1.0])[:3]
            k = int(round(where[2]))
            if np.abs(where - [0.0, 0.0, k]).max() > PLACE_TOLERANCE or not 0 <= k < len(image.voxels):
                return "slice {} lies at ({:.3f}, {:.3f}, {:.3f})".format(n, *where)
            if frame.steps is not None and np.abs(lps_to_ijk[:3, :3] @ frame.steps - np.eye(3)[:, :2]).max() > 1e-3:
                return "slice {} is turned or of another spacing".format(n)
        taken.add(k)
        problem = problem or compare_values(image.voxels[k], frame.values, tolerance)
    return problem or ("two slices lie at one place" if len(taken) != len(frames) else "")


def compare_values(mine: np.ndarray, other: np.ndarray, tolerance: float = 0.0) -> str:
    """"" if they are the same numbers, within `tolerance` or the rounding of float32."""
    other, exact = np.asarray(other), mine.dtype.kind != "f"
    if other.ndim == mine.ndim + 1:
        if np.ptp(other.astype(np.float64), axis=-1).max() > LOSSY_TOLERANCE:
            return "a coloured image was read as grey"
        other = other[..., 1]
    if mine.shape != other.shape:
        return "{} voxels for {}".format(mine.shape, other.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        a, b = mine.astype(np.float64), other.astype(np.float64)
        both = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return "not the same voxels are finite"
        largest = float(np.abs(b[both]).max(initial=0.0))
        worst = float(np.abs(a[both] - b[both]).max(initial=0.0))
    return "" if worst <= max(tolerance, 0.0 if exact else 1e-6 * largest) else "values differ by {:g}".format(worst)


# -- other images ------------------------------------------------------------------------------------------------------

def other_voxels(path: Path) -> Tuple[np.ndarray, float]:
    """(voxels (K, J, I[, channels]), tolerance) of a NIfTI, NRRD or picture by another reader.

    Raises:
        NotComparable: it does not read the file, or is not installed.
    """
    name = path.name.lower()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if name.endswith((".nii", ".nii.gz")):
                import nibabel

                nibabel.imageglobals.logger.setLevel(logging.CRITICAL)
                return _three(np.asanyarray(nibabel.load(str(path)).dataobj).T), 0.0
            if name.endswith((".nrrd", ".nhdr")):
                import nrrd  # pynrrd, where it is installed

                return _three(nrrd.read(str(path), index_order="C")[0]), 0.0
            if name.endswith((".mha", ".mhd")):
                raise NotComparable("no other reader of MetaImage")
            from PIL import Image

            with Image.open(path) as picture:
                return np.asarray(picture)[None], LOSSY_TOLERANCE if name.endswith("jpg") else 0.0
        except NotComparable:
            raise
        except Exception as error:
            raise NotComparable("{}: {}".format(type(error).__name__, str(error)[:160])) from error


def _three(voxels: np.ndarray) -> np.ndarray:
    while voxels.ndim > 3 and voxels.shape[0] == 1:
        voxels = voxels[0]
    return voxels.reshape((1,) * (3 - voxels.ndim) + voxels.shape)


def compared_with_others(image: Any, path: Path) -> str:
    """"right", "alone: ..." if no other reader reads the file, or "different: ..."."""
    try:
        if image.facts.get("format") == "DICOM":
            problem = compare_dicom(image, *dicom_frames(path))
        else:
            problem = compare_values(image.voxels, *other_voxels(path))
    except NotComparable as error:
        return "alone: {}".format(error)
    except MemoryError:
        return "alone: the other reader ran out of memory"
    return "different: " + problem if problem else "right"
