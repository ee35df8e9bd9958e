"""The frames of a DICOM file: where each lies in the patient and what turns its stored numbers into values.

A slice is a slice, whether it has a file of its own, is one frame of an enhanced multi-frame object (also of one with a
single frame) or one tile of a mosaic.  Positions are LPS in mm, as DICOM has them.
"""
from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ...errors import UnreadableFileError
from .header import PixelElement, items, number, numbers, read_header, text, transfer_syntax

Rescale = Tuple[float, float]  # slope, intercept
Tile = Tuple[int, int, int, int]  # first row, end row, first column, end column

TEXT_FACTS = {"Modality": "modality", "BodyPartExamined": "body_part", "SeriesDescription": "description",
              "ProtocolName": "protocol", "SequenceName": "sequence", "ScanningSequence": "scanning_sequence",
              "ContrastBolusAgent": "contrast_agent", "ViewPosition": "view", "PhotometricInterpretation":
              "photometric", "SeriesInstanceUID": "dicom_series_uid", "ConvolutionKernel": "kernel",
              "Manufacturer": "manufacturer", "ManufacturerModelName": "scanner", "ImageType": "image_type",
              "PatientOrientation": "patient_orientation"}
NUMBER_FACTS = {"EchoTime": "echo_time", "RepetitionTime": "repetition_time", "InversionTime": "inversion_time",
                "MagneticFieldStrength": "field_strength", "FlipAngle": "flip_angle", "KVP": "kvp"}
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")  # (row, column) mm
MOMENTS = (("EchoTime", "echo times", "ms"), ("TemporalPositionIdentifier", "time points", ""),
           ("DiffusionBValue", "diffusion weightings", "s/mm2"), ("TriggerTime", "phases of a cycle", "ms"),
           ("AcquisitionNumber", "acquisitions", ""), ("InversionTime", "inversion times", "ms"),
           ("AcquisitionTime", "acquisition times", ""), ("ImageType", "kinds of image", ""))


@dataclass
class Slice:
    """One frame, or one tile of a frame.

    Attributes:
        frame: number within the file, from 0.
        position, orientation: of the first pixel (3,), and of a row then a column (6,); None if not stated.
        spacing: (between rows, between columns) mm; None if not stated.
        thickness: mm between slices, or of the slice, as stated.
        rescale: slope and intercept.
        moment: what may tell it from others at the same position.
    """

    file: "File"
    frame: int = 0
    position: Optional[np.ndarray] = None
    orientation: Optional[np.ndarray] = None
    spacing: Optional[np.ndarray] = None
    thickness: Optional[float] = None
    rescale: Rescale = (1.0, 0.0)
    stack: str = ""
    tile: Optional[Tile] = None
    moment: Dict[str, str] = field(default_factory=dict)

    @property
    def placed(self) -> bool:
        return self.position is not None and self.orientation is not None and self.spacing is not None

    @property
    def shape(self) -> Tuple[int, int]:
        if self.tile is None:
            return self.file.rows, self.file.columns
        return self.tile[1] - self.tile[0], self.tile[3] - self.tile[2]


@dataclass
class File:
    """What is needed of one file with pixels; `patient` is a digest that tells patients apart and nobody's name."""

    path: Path
    name: str
    header: Any
    pixels: PixelElement
    syntax: str
    rows: int
    columns: int
    frames: int
    modality: str
    series: str
    number: str
    description: str
    uid: str
    patient: str
    facts: Dict[str, Any]
    instance: str = ""
    slices: List[Slice] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all bytes of the pixels are there that the file says it has."""
        return self.pixels.declared is None or self.pixels.length >= self.pixels.declared

    @property
    def timed(self) -> bool:
        """Whether the file says that its frames follow one another in time."""
        pointer = text(self.header, "FrameIncrementPointer").lower().replace(" ", "")
        return any(tag in pointer for tag in ("0018,1063", "0018,1065", "00181063", "00181065"))


def patient_of(header: Any) -> str:
    """A digest that is the same for one patient's files; "" where the file does not say whose it is."""
    known = [text(header, name) for name in ("PatientID", "IssuerOfPatientID", "PatientName")]
    if not (known[0] or known[2]):
        return ""
    words = known[0] + "\n" + known[1] if known[0] else known[2].upper()
    return hashlib.sha256(words.encode("utf-8")).hexdigest()[:12]


def file_of(path: Path, name: str, header: Any, pixels: PixelElement) -> File:
    """The record of a file with pixels, its slices included.

    Raises:
        UnreadableFileError: ``"damaged-file"``: it claims more frames than it has bytes for.
    """
    rows, columns, frames = (int(number(header, key) or 0) for key in ("Rows", "Columns", "NumberOfFrames"))
    if frames > max(1, pixels.length // 2):  # before a record is made of each
        raise UnreadableFileError("The file {} is incomplete or damaged: it claims {} frames and holds {} bytes; copy "
                                  "or export it again.".format(name, frames, pixels.length), code="damaged-file")
    file = File(path, name, header, pixels, transfer_syntax(header), rows, columns, max(frames, 1),
                text(header, "Modality"), text(header, "SeriesInstanceUID"), text(header, "SeriesNumber"),
                text(header, "SeriesDescription"), text(header, "SOPInstanceUID"), patient_of(header), _facts(header),
                text(header, "InstanceNumber"))
    file.slices = _slices(file)
    return file


def read_file(path: Path, name: str = "") -> Tuple[Any, Optional[File]]:
    """(header, record) of a file; the record is None for an object without pixels of whole numbers.

    Raises:
        UnreadableFileError, OSError: as `read_header`.
    """
    header, pixels = read_header(path, name)
    if pixels is None or pixels.kind != "integer":
        return header, None
    return header, file_of(path, name or path.name, header, pixels)


def _facts(header: Any) -> Dict[str, Any]:
    facts: Dict[str, Any] = {name: text(header, key) for key, name in TEXT_FACTS.items() if text(header, key)}
    for key, name in NUMBER_FACTS.items():
        found = number(header, key)
        if found is not None:
            facts[name] = found
    age = re.fullmatch(r"(\d{3})([DWMY])", text(header, "PatientAge"))
    if age:
        facts["age"] = int(age[1]) / {"D": 365.0, "W": 52.0, "M": 12.0, "Y": 1.0}[age[2]]
    return facts


def _slices(file: File) -> List[Slice]:
    """One record per frame; functional groups count also where there is but one frame."""
    header = file.header
    shared = (items(header, "SharedFunctionalGroupsSequence") or [None])[0]
    own = items(header, "PerFrameFunctionalGroupsSequence")
    if shared is not None or own:
        if len(own) not in (0, file.frames):
            own = []  # which frame is which is not said
        return [_from_groups(file, n, own[n] if own else None, shared) for n in range(file.frames)]
    one = Slice(file, 0, numbers(header, "ImagePositionPatient", 3), numbers(header, "ImageOrientationPatient", 6),
                _spacing(header), number(header, "SpacingBetweenSlices") or number(header, "SliceThickness"),
                _rescale(header), "", None, {key: text(header, key) for key, _, _ in MOMENTS if text(header, key)})
    if file.frames == 1:
        return [one]
    return [Slice(file, n, None, None, one.spacing, one.thickness, one.rescale) for n in range(file.frames)]


def _spacing(header: Any) -> Optional[np.ndarray]:
    for name in SPACINGS:
        found = numbers(header, name, 2)
        if found is not None and found.min() > 0.0:
            return found
    return None


def _rescale(source: Any) -> Rescale:
    slope, intercept = number(source, "RescaleSlope"), number(source, "RescaleIntercept")
    return 1.0 if slope is None else slope, intercept or 0.0


def _from_groups(file: File, n: int, own: Any, shared: Any) -> Slice:
    def group(name: str) -> Any:
        """The functional group: the frame's own, otherwise the one that all frames share."""
        for source in (own, shared):
            found = items(source, name) if source is not None else []
            if found:
                return found[0]
        return None

    header = file.header
    place, view, measures, values, content = (group(name) for name in (
        "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence",
        "PixelValueTransformationSequence", "FrameContentSequence"))
    position = numbers(place, "ImagePositionPatient", 3) if place is not None else None
    orientation = numbers(view, "ImageOrientationPatient", 6) if view is not None else None
    if file.frames == 1:
        position = numbers(header, "ImagePositionPatient", 3) if position is None else position
        orientation = numbers(header, "ImageOrientationPatient", 6) if orientation is None else orientation
    spacing = _spacing(measures) if measures is not None else None
    spacing = _spacing(header) if spacing is None else spacing
    thickness = None
    for source in (measures, header):
        for key in ("SpacingBetweenSlices", "SliceThickness"):
            thickness = thickness or (number(source, key) if source is not None else None)
    moment = {}
    for name, keys in (("MREchoSequence", ("EffectiveEchoTime",)), ("MRDiffusionSequence", ("DiffusionBValue",)),
                       ("CardiacSynchronizationSequence", ("NominalCardiacTriggerDelayTime",)),
                       ("MRImageFrameTypeSequence", ("FrameType", "ComplexImageComponent"))):
        source = group(name)
        moment.update({key: text(source, key) for key in keys if source is not None and text(source, key)})
    if content is not None:
        moment["TemporalPositionIdentifier"] = text(content, "TemporalPositionIndex")
    if values is None or number(values, "RescaleSlope") is None:
        rescale = _rescale(header)
    else:
        rescale = _rescale(values)
    return Slice(file, n, position, orientation, spacing, thickness, rescale,
                 text(content, "StackID") if content is not None else "", None, moment)
