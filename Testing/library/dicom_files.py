"""Small DICOM files for tests, with every tag that matters under control."""
from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, List, Optional, Sequence

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

CT, MR, CR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.1"
ENHANCED_MR, SEGMENTATION = "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.66.4"
ULTRASOUND_FILM = "1.2.840.10008.5.1.4.1.1.3.1"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def write_dicom(path: Path, pixels: np.ndarray, *, sop_class: str = MR, modality: str = "MR", series: str = "1.2.3.4",
                **tags: Any) -> Path:
    """One file with unsigned 16-bit `pixels` ([frames,] rows, columns), or uint8 colours (rows, columns, 3)."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data = pydicom.dataset.FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID, data.Modality = "1.2.3", series, modality
    data.PatientName, data.PatientID, data.PatientBirthDate = "Secret^Person", "ID-SECRET", "19011111"
    colour = pixels.dtype == np.uint8 and pixels.ndim == 3
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    if colour:
        data.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    bits = 8 if colour else 16
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits, bits - 1, 0
    data.PixelData = np.ascontiguousarray(pixels if colour else pixels.astype("<u2")).tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def write_series(folder: Path, voxels: np.ndarray, positions: np.ndarray, orientation: Sequence[float] = AXIAL,
                 spacing: Sequence[float] = (0.5, 0.25), order: Optional[Sequence[int]] = None, **tags: Any) -> Path:
    """One file per slice; file names and instance numbers follow `order`, not the positions."""
    folder.mkdir(exist_ok=True)
    for number, n in enumerate(range(len(voxels)) if order is None else order):
        path = folder / "{}-{:03d}.dcm".format(tags.get("series", "a"), number)
        write_dicom(path, voxels[n], InstanceNumber=number + 1, ImagePositionPatient=list(positions[n]),
                    ImageOrientationPatient=list(orientation), PixelSpacing=list(spacing), SliceThickness=1.0, **tags)
    return folder


def frames_in_space(positions: Sequence[Sequence[float]], orientation: Sequence[float] = AXIAL,
                    spacing: Sequence[float] = (0.5, 0.25)) -> List[Any]:
    """Per-frame functional groups of an enhanced multi-frame file."""
    items = []
    for position in positions:
        place, view, measures, frame = (pydicom.Dataset() for _ in range(4))
        place.ImagePositionPatient, view.ImageOrientationPatient = list(position), list(orientation)
        measures.PixelSpacing, measures.SliceThickness = list(spacing), 1.0
        frame.PlanePositionSequence, frame.PlaneOrientationSequence = [place], [view]
        frame.PixelMeasuresSequence = [measures]
        items.append(frame)
    return items


def csa_header(**tags: Sequence[str]) -> bytes:
    """Siemens' private header (CSA2) with these values."""
    content = b"SV10\x04\x03\x02\x01" + struct.pack("<2I", len(tags), 77)
    for name, values in tags.items():
        content += struct.pack("<64si4s3i", name.encode(), len(values), b"FD", 4, len(values), 77)
        for value in values:
            data = value.encode() + b"\0"
            content += struct.pack("<4i", len(data), len(data), 77, len(data)) + data + b"\0" * (-len(data) % 4)
    return content
