"""Reading DICOM: which files form the volume, in which order, and where it lies.

The geometry is computed here from the positions and orientations in the files, not by ITK, because ITK drops the
shear of a tilted CT gantry, stacks time points or echoes of one position on top of each other, and gives radiographs
without a pixel spacing one of 1 mm.  Pixels are decoded by GDCM (in SimpleITK), which also inverts MONOCHROME1.
Works in LPS mm, as DICOM does.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ...detection import Notice
from ...errors import UnreadableFileError, UnsupportedImageError, UsageError

DicomImage = Tuple[np.ndarray, np.ndarray, Dict[str, Any], str, List[Notice]]

TEXT_FACTS = {"0008|0060": "modality", "0018|0015": "body_part", "0008|103e": "description", "0018|1030": "protocol",
              "0018|0024": "sequence", "0018|0020": "scanning_sequence", "0018|0010": "contrast_agent",
              "0018|5101": "view", "0028|0004": "photometric", "0020|000e": "dicom_series_uid"}
NUMBER_FACTS = {"0018|0081": "echo_time", "0018|0080": "repetition_time", "0018|0082": "inversion_time"}  # ms
POSITION, ORIENTATION = "0020|0032", "0020|0037"
PIXEL_SPACING, DETECTOR_SPACING = "0028|0030", "0018|1164"  # (row, column) mm
SERIES_NUMBER, ROWS, COLUMNS, FRAMES = "0020|0011", "0028|0010", "0028|0011", "0028|0008"
NOT_IMAGES = ("SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "DOC")
SLICED = ("MR", "CT", "PT", "OPT")  # whose frames are slices even where the file does not say so
SAME_POSITION = 1e-3  # mm between slices
UNEQUAL = 0.05  # of the slice distance
ROUNDING = 0.01  # mm; sideways drift of a whole stack that comes from rounded positions, not from a tilted gantry


@dataclass
class _Frame:
    """Tags of one file, values as text."""

    path: str
    tags: Dict[str, str] = field(default_factory=dict)

    def numbers(self, tag: str, count: int) -> Optional[np.ndarray]:
        """`count` finite numbers of a multi-valued tag, or None."""
        try:
            values = np.array([float(v) for v in self.tags.get(tag, "").split("\\")])
        except ValueError:
            return None
        return values if len(values) == count and np.isfinite(values).all() else None

    @property
    def spacing(self) -> Optional[np.ndarray]:
        """(row, column) distance in mm, None where the file gives none or zero."""
        for tag in (PIXEL_SPACING, DETECTOR_SPACING):
            values = self.numbers(tag, 2)
            if values is not None and values.min() > 0.0:
                return values
        return None

    @property
    def frames(self) -> int:
        count = self.numbers(FRAMES, 1)
        return 1 if count is None else int(count[0])

    @property
    def group(self) -> Tuple[str, ...]:
        """Files of one group can form one stack: same series, size and direction of view."""
        orientation = self.numbers(ORIENTATION, 6)
        view = "" if orientation is None else str((np.round(orientation, 2) + 0.0).tolist())
        return self.tags.get("0020|000e", ""), self.tags.get(ROWS, ""), self.tags.get(COLUMNS, ""), view


def read_dicom(sitk: Any, path: Path, series: Optional[str] = None) -> DicomImage:
    """(voxels (K, J, I[, colours]), ijk_to_lps, facts, kind, notices) of a DICOM file or the folder of a series.

    Raises:
        UnreadableFileError: no DICOM image there, or damaged.
        UnsupportedImageError: segmentations and reports, cine and time series, several views.
        UsageError: `series` names none of the folder's series.
    """
    notices: List[Notice] = []
    if path.is_dir():
        frames, notices = _choose(_groups(sitk, path), path, series)
    else:
        frames = [_frame(sitk, str(path), path.name)]
        if frames[0].tags.get("0008|0060", "") in NOT_IMAGES:
            raise _not_an_image(path, frames[0].tags["0008|0060"])
    if len(frames) > 1:
        voxels, ijk_to_lps, more = _read_stack(sitk, frames)
        has_spacing, kind = True, "volume"
    else:
        voxels, ijk_to_lps, has_spacing, kind, more = _read_single(sitk, frames[0])
    facts = {"format": "DICOM", "has_spacing": has_spacing, **_facts(frames[0])}
    return voxels, ijk_to_lps, facts, kind, notices + more


def _frame(sitk: Any, name: str, shown: str) -> _Frame:
    reader = sitk.ImageFileReader()
    reader.SetFileName(name)
    reader.SetImageIO("GDCMImageIO")
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise UnreadableFileError("{} is not an image that can be read; use NIfTI, NRRD, MetaImage, DICOM, PNG, JPEG, "
                                  "BMP or TIFF.".format(shown), str(error), code="not-an-image") from error
    wanted = (*TEXT_FACTS, *NUMBER_FACTS, POSITION, ORIENTATION, PIXEL_SPACING, DETECTOR_SPACING, SERIES_NUMBER, ROWS,
              COLUMNS, FRAMES)
    keys = set(reader.GetMetaDataKeys())
    tags = {tag: reader.GetMetaData(tag) for tag in wanted if tag in keys}
    return _Frame(name, {tag: text.encode("utf-8", "replace").decode("utf-8").strip(" \0")
                         for tag, text in tags.items()})


def _groups(sitk: Any, folder: Path) -> List[List[_Frame]]:
    """Groups of files that can form one image, largest first; segmentations, reports and the like are left out."""
    groups: Dict[Tuple[str, ...], List[_Frame]] = {}
    others = set()
    for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        for name in sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid):
            try:
                frame = _frame(sitk, name, Path(name).name)
            except UnreadableFileError:
                continue  # a DICOM file without pixels
            if frame.tags.get("0008|0060", "") in NOT_IMAGES:
                others.add(frame.tags["0008|0060"])
            else:
                groups.setdefault(frame.group, []).append(frame)
    if not groups and others:
        raise _not_an_image(folder, ", ".join(sorted(others)))
    if not groups:
        raise UnreadableFileError("The folder {} holds no DICOM images; choose the folder of one series.".format(
            folder.name), code="no-image-in-folder")
    return sorted(groups.values(), key=lambda group: -sum(frame.frames for frame in group))


def _choose(groups: List[List[_Frame]], folder: Path,
            series: Optional[str]) -> Tuple[List[_Frame], List[Notice]]:
    if series is not None:
        for group in groups:
            tags = group[0].tags
            if series in (tags.get("0020|000e"), tags.get(SERIES_NUMBER), tags.get("0008|103e")):
                return group, []
        raise UsageError("There is no series {!r} in {}; it holds {}.".format(
            series, folder.name, "; ".join(_title(group) for group in groups)))
    if len(groups) == 1:
        return groups[0], []
    return groups[0], [Notice("several-series", "The folder holds {} series; the largest, {}, was read. Left out: "
                              "{}.".format(len(groups), _title(groups[0]), "; ".join(_title(g) for g in groups[1:])))]


def _title(group: Sequence[_Frame]) -> str:
    tags = group[0].tags
    return "{} {} ({} images)".format(tags.get(SERIES_NUMBER, ""), tags.get("0008|103e") or tags.get("0008|0060", ""),
                                      sum(frame.frames for frame in group)).strip()


def _not_an_image(path: Path, modality: str) -> UnsupportedImageError:
    return UnsupportedImageError("{} holds no image but a DICOM object of type {}.".format(path.name, modality),
                                 code="not-an-image")


def _facts(frame: _Frame) -> Dict[str, Any]:
    facts: Dict[str, Any] = {name: frame.tags[tag] for tag, name in TEXT_FACTS.items() if frame.tags.get(tag)}
    for tag, name in NUMBER_FACTS.items():
        value = frame.numbers(tag, 1)
        if value is not None:
            facts[name] = float(value[0])
    return facts


def _read_stack(sitk: Any, frames: List[_Frame]) -> Tuple[np.ndarray, np.ndarray, List[Notice]]:
    """A volume from the files of its slices."""
    positions = [frame.numbers(POSITION, 3) for frame in frames]
    orientation, spacing = frames[0].numbers(ORIENTATION, 6), frames[0].spacing
    if orientation is None or spacing is None or any(position is None for position in positions):
        raise UnsupportedImageError("The folder holds {} separate pictures, not the slices of a volume; choose one "
                                    "file.".format(len(frames)), code="several-images")
    if any(frame.frames > 1 for frame in frames):
        raise UnsupportedImageError("The folder holds several multi-frame images of one series; choose one file.",
                                    code="several-images")
    order, ijk_to_lps, notices = stack_geometry(np.array(positions), orientation, spacing)
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([frames[n].path for n in order])
    return sitk.GetArrayFromImage(reader.Execute()), ijk_to_lps, notices


def _read_single(sitk: Any, frame: _Frame) -> Tuple[np.ndarray, np.ndarray, bool, str, List[Notice]]:
    """(voxels, ijk_to_lps, has_spacing, kind, notices) of one file: a picture, one slice, or a multi-frame volume."""
    itk_image = sitk.ReadImage(frame.path, imageIO="GDCMImageIO")
    voxels = sitk.GetArrayFromImage(itk_image)
    if itk_image.GetDimension() == 2:
        voxels = voxels[None]
    if len(voxels) > 1:
        return _multi_frame(frame, voxels)
    position, orientation = frame.numbers(POSITION, 3), frame.numbers(ORIENTATION, 6)
    row, column = (1.0, 1.0) if frame.spacing is None else frame.spacing
    if position is None or orientation is None:
        return voxels, np.diag([column, row, 1.0, 1.0]), frame.spacing is not None, "image", []
    ijk_to_lps = np.eye(4)
    rows, columns, normal = _directions(orientation)
    ijk_to_lps[:3, :3] = np.stack([rows * column, columns * row, normal * itk_image.GetSpacing()[2]], axis=1)
    ijk_to_lps[:3, 3] = position
    return voxels, ijk_to_lps, frame.spacing is not None, "volume", []


def _multi_frame(frame: _Frame, voxels: np.ndarray) -> Tuple[np.ndarray, np.ndarray, bool, str, List[Notice]]:
    """Frames of one file, put in order of their positions (read by pydicom; GDCM does not tell them)."""
    try:
        import pydicom
    except ModuleNotFoundError as error:
        raise UnsupportedImageError("Reading several slices from one DICOM file needs the Python package pydicom; "
                                    "install it, or convert the file to NIfTI.", str(error),
                                    code="package-missing") from error

    data = pydicom.dcmread(frame.path, stop_before_pixels=True)
    shared = (data.get("SharedFunctionalGroupsSequence") or [None])[0]
    slice_places = []
    for own in data.get("PerFrameFunctionalGroupsSequence") or []:
        position = _functional(own, shared, "PlanePositionSequence", "ImagePositionPatient")
        orientation = _functional(own, shared, "PlaneOrientationSequence", "ImageOrientationPatient")
        spacing = _functional(own, shared, "PixelMeasuresSequence", "PixelSpacing")
        if position is not None and orientation is not None and spacing is not None:
            slice_places.append(np.concatenate([position, orientation, spacing]))
    if len(slice_places) == len(voxels):
        table = np.array(slice_places)
        if np.ptp(table[:, 3:], axis=0).max() > 1e-3:
            raise UnsupportedImageError("The file holds several views or image sizes; extract one of them first.",
                                        code="several-images")
        order, ijk_to_lps, notices = stack_geometry(table[:, :3], table[0, 3:9], table[0, 9:])
        return voxels[order], ijk_to_lps, True, "volume", notices
    if frame.tags.get("0008|0060", "") not in SLICED:
        raise UnsupportedImageError("The file holds {} frames of a film or time series; extract one of them "
                                    "first.".format(len(voxels)), code="four-dimensional")
    row, column = (1.0, 1.0) if frame.spacing is None else frame.spacing
    return voxels, np.diag([column, row, 1.0, 1.0]), False, "volume", [
        Notice("no-orientation", "The file does not say how the volume lies in the patient; left and right may be "
                                 "exchanged, and volumes in mm3 are not true.")]


def _functional(own: Any, shared: Any, group: str, name: str) -> Optional[np.ndarray]:
    """Value of a functional group: the frame's own, otherwise the one that all frames share."""
    for source in (own, shared):
        items = source.get(group) if source is not None else None
        if items and items[0].get(name) is not None:
            return np.array([float(v) for v in items[0].get(name)])
    return None


def stack_geometry(positions: np.ndarray, orientation: np.ndarray,
                   spacing: np.ndarray) -> Tuple[np.ndarray, np.ndarray, List[Notice]]:
    """(order of the slices, ijk_to_lps, notices) of a stack.

    Args:
        positions: (n, 3) mm, centre of each slice's first pixel; n >= 2.
        orientation: (6,) direction of a row (along i), then of a column (along j).
        spacing: mm between rows, between columns.

    The step between slices goes from the first to the last position, so a stack that drifts sideways (tilted gantry)
    becomes a sheared volume, with every voxel where it was measured.

    Raises:
        UnsupportedImageError: ``"four-dimensional"``: several slices at one position.
    """
    rows, columns, normal = _directions(orientation)
    depth = positions @ normal
    order = np.argsort(depth, kind="stable")
    if np.diff(depth[order]).min() < SAME_POSITION:
        raise UnsupportedImageError("The series holds several images of the same slice (time points, echoes or "
                                    "phases); extract one volume first.", code="four-dimensional")
    first, last = positions[order[0]], positions[order[-1]]
    span = last - first
    along = normal * (span @ normal)
    if np.linalg.norm(span - along) < ROUNDING:
        span = along
    step = span / (len(positions) - 1)
    ijk_to_lps = np.eye(4)
    ijk_to_lps[:3, :3] = np.stack([rows * spacing[1], columns * spacing[0], step], axis=1)
    ijk_to_lps[:3, 3] = first
    away = np.linalg.norm(positions[order] - (first + np.outer(np.arange(len(positions)), step)), axis=1).max()
    notices = []
    if away > UNEQUAL * np.linalg.norm(step):
        notices.append(Notice("unequal-slices", "The slices are not equally spaced (one may be missing): positions are "
                                                "off by up to {:.1f} mm.".format(away)))
    return order, ijk_to_lps, notices


def _directions(orientation: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors along a row, along a column, and along the normal; files round the six numbers they hold."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a zero vector becomes NaN, which `check_geometry` refuses
        rows = orientation[:3] / np.linalg.norm(orientation[:3])
        columns = orientation[3:] - rows * (rows @ orientation[3:])
        columns = columns / np.linalg.norm(columns)
    return rows, columns, np.cross(rows, columns)
