"""Images: voxels, where they lie, and what their file says about them.

`read_image` reads NIfTI, NRRD, MetaImage, DICOM (a file or the folder of a series) and single pictures; what cannot
be read right is refused with a typed error.  Arrays are (K, J, I), geometry is RAS in mm; this file and
`dicom.reading` are the only ones that know ITK's LPS.  SimpleITK is imported at the first use.
"""
from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np

from ..detection import Notice
from ..errors import OutputError, UnreadableFileError, UnsupportedImageError, UsageError
from ..geometry import SlicePlane, Vector, check_geometry, plane_of, spacing_of
from .freesurfer import read_freesurfer
from .names import utf8_path
from .nifti import pair_of, read_nifti, write_nifti
from .pictures import read_picture
from .quiet import quiet
from .sizes import check_declared
from .temporary import working_folder

PathLike = Union[str, "os.PathLike[str]"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # its own inverse
NIFTI = (".nii", ".nii.gz")
PAIR = (".hdr", ".img", ".hdr.gz", ".img.gz")  # NIfTI in two files
FREESURFER = (".mgh", ".mgz", ".mgh.gz")
OTHER_VOLUMES = (".mnc", ".head", ".brik", ".brik.gz", ".par", ".rec", ".vtk", ".vti", ".mif", ".mif.gz", ".mat",
                 ".npy")
ITK_VOLUMES = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SPACING = (1e-3, 1e3)  # mm; beyond it is no scan of a patient
TINY = 1e-4  # a largest value below it would be lost beside the smallest numbers of later steps
MINIMUM_SIDE = 16  # voxels; anything smaller shows no anatomy
GREY_TOLERANCE = 2  # levels of 255 between the channels of a grey JPEG that was stored as colour


@dataclass
class Image:
    """A volume, or a single picture as a volume of one slice.

    Attributes:
        voxels: (K, J, I) in the type of the file; DICOM values are rescaled, and MONOCHROME1 comes inverted, so
            that bright means dense on every radiograph.
        ijk_to_ras: 4x4 float64, mm.
        facts: what the source says, only what is there: "path", "format", "has_spacing", "modality", "body_part",
            "description", "protocol", "sequence", "scanning_sequence", "echo_time", "repetition_time",
            "inversion_time" (ms), "contrast_agent", "view", "photometric", "age" (years), "dicom_series_uid".
            Never who the patient is.
        kind: ``"volume"``, or ``"image"`` for a single picture with no place in a patient.
        notices: what the reader should know about the reading itself.
    """

    voxels: np.ndarray
    ijk_to_ras: np.ndarray
    facts: Dict[str, Any] = field(default_factory=dict)
    kind: str = "volume"
    notices: List[Notice] = field(default_factory=list)

    @property
    def spacing(self) -> Vector:
        """Distance in mm between voxels along (i, j, k)."""
        return spacing_of(self.ijk_to_ras)

    def plane(self, name: str) -> SlicePlane:
        """How to cut this image into slices of plane `name`; a single picture is always seen as it is stored.

        Raises:
            UnsupportedImageError: colour, 4D, or a geometry that makes no sense.
        """
        return plane_of(self.ijk_to_ras, _grey(self.voxels).shape, "native" if self.kind == "image" else name)


def read_image(path: PathLike, *, series: Optional[str] = None) -> Image:
    """Read an image file, or a DICOM series from its folder.

    Args:
        path: NIfTI (also .hdr/.img), NRRD, MetaImage, FreeSurfer, DICOM, PNG, JPEG, BMP or TIFF file; or a folder
            with DICOM files.
        series: which series of the folder (its UID, number or description); otherwise the largest, with a notice.

    Raises:
        UnreadableFileError: missing, empty, truncated, or not an image.
        UnsupportedImageError: colour, 4D, or a geometry that makes no sense.
        UsageError: `series` names none of the series.
    """
    path = Path(path)
    require(path)
    suffix = _suffix(path)
    try:
        if suffix in OTHER_VOLUMES and path.is_file():
            raise UnreadableFileError("{} cannot be read here; open it in 3D Slicer, or in the program that wrote it, "
                                      "and save it as NIfTI (.nii.gz) or NRRD.".format(path.name), code="other-format")
        if path.is_dir() or suffix not in (*NIFTI, *PAIR, *FREESURFER, *ITK_VOLUMES, *PICTURES) or (
                suffix == ".img" and not _has_header(path)):
            image = _read_dicom(path, series)
        elif suffix in (*NIFTI, *PAIR):
            voxels, ijk_to_ras, notices = read_nifti(path)
            image = Image(voxels, ijk_to_ras, {"format": "NIfTI", "has_spacing": True}, notices=notices)
        elif suffix in ITK_VOLUMES:
            with utf8_path(path) as place:
                image = _read_itk_volume(place, ITK_VOLUMES[suffix])
        elif suffix in FREESURFER:
            voxels, ijk_to_ras, notices = read_freesurfer(path)
            image = Image(voxels, ijk_to_ras, {"format": "FreeSurfer", "has_spacing": True}, notices=notices)
        else:
            voxels, ijk_to_lps, notices = read_picture(path)
            image = Image(voxels, LPS_TO_RAS @ ijk_to_lps, {"format": suffix[1:].upper(), "has_spacing": False},
                          "image" if len(voxels) == 1 else "volume", notices)
    except (OSError, RuntimeError) as error:
        raise UnreadableFileError("{} could not be read; it may be damaged, or not be what its name says.".format(
            path.name), str(error)) from error
    image.facts = {"path": str(path), **image.facts}
    image.voxels = _grey(image.voxels)
    image.ijk_to_ras = check_geometry(image.ijk_to_ras)
    return image


def write_image(path: PathLike, array: np.ndarray, ijk_to_ras: np.ndarray) -> None:
    """Write (K, J, I) voxels with their geometry as .nii, .nii.gz, .nrrd or .mha; whole or not at all.

    Truth values become uint8 and half floats float32.  NRRD and MetaImage keep the geometry to the last digit,
    NIfTI as float32; sheared geometry is kept by all three (ITK programs may refuse to read it from NIfTI).

    Raises:
        OutputError: the folder is missing or read-only, or the disk is full.
        UsageError: another suffix.
    """
    path, matrix = Path(path), check_geometry(ijk_to_ras)
    suffix = _suffix(path)
    if suffix not in (*NIFTI, ".nrrd", ".mha"):
        raise UsageError("Volumes are written as .nrrd, .nii.gz, .nii or .mha, not as {!r}.".format(path.name))
    storable = {"?": np.uint8, "e": np.float32}.get(array.dtype.char, array.dtype)
    array = np.ascontiguousarray(array, dtype=storable)
    try:
        with working_folder(path.parent) as folder:
            written = folder / ("volume" + suffix)
            if suffix in NIFTI:
                write_nifti(written, array, matrix)
            else:
                _write_itk(written, array, matrix)
            os.replace(written, path)
    except (OSError, RuntimeError) as error:
        raise OutputError("{} could not be written: the folder may be missing or read-only, or the disk full.".format(
            path), str(error)) from error


def finite_voxels(image: Image, plane: str = "") -> Tuple[np.ndarray, List[Notice]]:
    """(voxels as float32 (K, J, I) without NaN or infinity, notices about them); the image stays as it is.

    NaN and infinite voxels get the smallest finite value: they usually mark what is outside the patient.  With a
    `plane`, its slices must be large enough; otherwise two sides of the volume must be.

    Raises:
        UnsupportedImageError: ``"four-dimensional"``, ``"colour-image"``, ``"unsupported-numbers"``,
            ``"bad-geometry"``, ``"too-small"``, ``"no-finite-voxels"``, ``"constant-image"``.
    """
    voxels, notices = _grey(image.voxels), []
    if voxels.dtype.kind not in "biuf":
        raise UnsupportedImageError("The image holds values that are not plain numbers.", str(voxels.dtype),
                                    code="unsupported-numbers")
    check_geometry(image.ijk_to_ras)
    if image.facts.get("has_spacing", True):
        _check_spacing(image.spacing)
    sides = image.plane(plane).stack_shape[1:] if plane else sorted(voxels.shape)[1:]
    if min(sides) < MINIMUM_SIDE or voxels.size == 0:
        raise UnsupportedImageError("The image is too small to be analysed: its slices need at least {0} x {0} "
                                    "voxels.".format(MINIMUM_SIDE), "shape {}".format(voxels.shape), code="too-small")
    with np.errstate(over="ignore"):  # beyond float32 is as good as infinite
        clean = np.array(_in_range(voxels), dtype=np.float32, order="C")
    finite = np.isfinite(clean)
    missing = clean.size - int(np.count_nonzero(finite))
    if missing == clean.size:
        raise UnsupportedImageError("The image holds no valid voxel: every value is missing.", code="no-finite-voxels")
    if missing:
        clean[~finite] = clean[finite].min()
        notices.append(Notice("nan-replaced", "{} of {} voxels have no valid value and are treated as "
                                              "background.".format(missing, clean.size)))
    if clean.min() == clean.max():
        raise UnsupportedImageError("The image is empty: all its voxels have the same value.",
                                    "value {}".format(clean.flat[0]), code="constant-image")
    return clean, notices


def _check_spacing(spacing: Vector) -> None:
    least, most = SPACING
    if min(spacing) < least or max(spacing) > most:
        raise UnsupportedImageError("The image's spacing of {:.3g} x {:.3g} x {:.3g} mm makes no sense; correct it in "
                                    "the file, or export the image again.".format(*spacing), code="bad-geometry")


def _in_range(voxels: np.ndarray) -> np.ndarray:
    """Voxels, tiny ones multiplied by a power of two, which changes no digit: models know no units."""
    if voxels.dtype.kind != "f" or not voxels.size:
        return voxels
    finite = voxels[np.isfinite(voxels)]
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    if not 0.0 < largest < TINY:
        return voxels
    return np.ldexp(voxels.astype(np.float64), -math.frexp(largest)[1])


def require(path: Path) -> None:
    """Whether there is a file or folder with anything in it.

    Raises:
        UnreadableFileError: there is not, or it is not ours to read.
    """
    try:
        if not path.exists():
            raise UnreadableFileError("There is no file or folder {}.".format(path), code="file-missing")
        if path.is_file() and path.stat().st_size == 0:
            raise UnreadableFileError("The file {} is empty.".format(path.name), code="damaged-file")
    except OSError as error:
        raise UnreadableFileError("{} could not be opened; check that you may read it.".format(path),
                                  str(error)) from error


def _suffix(path: Path) -> str:
    base, suffix = os.path.splitext(path.name.lower())
    return os.path.splitext(base)[1] + suffix if suffix == ".gz" else suffix


def _has_header(path: Path) -> bool:
    """Whether an .img is one half of a pair; it may also be DICOM."""
    try:
        pair_of(path)
    except UnreadableFileError:
        return False
    return True


def _sitk() -> Any:
    import SimpleITK

    sitk: Any = SimpleITK
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what matters is raised or noticed, not printed
    return sitk


def _read_dicom(path: Path, series: Optional[str]) -> Image:
    from .dicom.reading import read_dicom

    voxels, ijk_to_lps, facts, kind, notices = read_dicom(path, series)
    return Image(voxels, LPS_TO_RAS @ ijk_to_lps, facts, kind, notices)


def _read_itk_volume(path: Path, image_io: str) -> Image:
    sitk = _sitk()
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(image_io)
    with quiet():
        reader.ReadImageInformation()
    size = reader.GetSize()
    if max(size[3:], default=1) > 1:
        raise UnsupportedImageError("The image has more than three dimensions (a time series or several contrasts); "
                                    "extract one volume first.", "size {}".format(size), code="four-dimensional")
    if len(size) > 3:
        reader.SetExtractSize([*size[:3], *([0] * (len(size) - 3))])
    check_declared(path, size, _voxel_bytes(sitk.GetPixelIDValueAsString(reader.GetPixelIDValue()))
                   * max(reader.GetNumberOfComponents(), 1))
    with quiet():
        itk_image = reader.Execute()
    notices = []
    if image_io == "NrrdImageIO" and "NRRD_space" not in reader.GetMetaDataKeys():
        notices.append(Notice("no-orientation", "The file does not say how the volume lies in the patient; left and "
                                                "right may be exchanged."))
    voxels = sitk.GetArrayFromImage(itk_image)
    if itk_image.GetDimension() == 2:
        voxels = voxels[None]
    ijk_to_lps, dimension = np.eye(4), itk_image.GetDimension()
    directions = np.reshape(itk_image.GetDirection(), (dimension, dimension))
    ijk_to_lps[:dimension, :dimension] = directions * itk_image.GetSpacing()
    ijk_to_lps[:dimension, 3] = itk_image.GetOrigin()
    format_name = "NRRD" if image_io == "NrrdImageIO" else "MetaImage"
    return Image(voxels, LPS_TO_RAS @ ijk_to_lps, {"format": format_name, "has_spacing": True}, notices=notices)


def _voxel_bytes(kind: str) -> int:
    """Bytes of one number from ITK's words for it, e.g. "vector of 16-bit unsigned integer"."""
    bits = re.search(r"(\d+)-bit", kind)
    return (int(bits.group(1)) // 8 if bits else 8) * (2 if "complex" in kind else 1)


def _grey(voxels: np.ndarray) -> np.ndarray:
    """(K, J, I) from (K, J, I) or from (K, J, I, channels) whose colours are all grey."""
    if voxels.ndim == 3:
        return voxels
    if voxels.ndim == 4 and voxels.shape[3] == 1:
        return np.ascontiguousarray(voxels[..., 0])
    if voxels.ndim == 4 and voxels.shape[3] in (3, 4):
        colours = voxels[..., :3].astype(np.float64)
        tolerance = GREY_TOLERANCE if voxels.dtype == np.uint8 else 0
        if np.ptp(colours, axis=3).max() <= tolerance:
            return np.ascontiguousarray(voxels[..., 1])  # green carries most of a JPEG's brightness
    if voxels.ndim == 4:
        raise UnsupportedImageError("The image holds several values per voxel (colour, vectors or a time series); "
                                    "only grey images can be analysed.", "shape {}".format(voxels.shape),
                                    code="colour-image")
    raise UnsupportedImageError("The image does not have three dimensions.", "shape {}".format(voxels.shape),
                                code="four-dimensional")


def _write_itk(path: Path, array: np.ndarray, ijk_to_ras: np.ndarray) -> None:
    sitk = _sitk()
    itk_image = sitk.GetImageFromArray(array)
    ijk_to_lps = LPS_TO_RAS @ ijk_to_ras
    itk_image.SetSpacing(spacing_of(ijk_to_lps))
    itk_image.SetDirection((ijk_to_lps[:3, :3] / spacing_of(ijk_to_lps)).ravel().tolist())
    itk_image.SetOrigin(ijk_to_lps[:3, 3].tolist())
    with utf8_path(path) as place:
        sitk.WriteImage(itk_image, str(place), useCompression=True)
