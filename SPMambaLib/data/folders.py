"""A plain folder of normal images: every picture, volume and DICOM series in it and below.

Rule for patients: the first sub-folder below the given one names the patient, so that all images of
``normals/anna/...`` are one patient's; an image that lies directly in the folder is a patient of its own, named by its
file without the suffix.  Whoever has several images of a patient therefore puts them into one sub-folder.

DICOM files of one series in one folder are one sample when they are the slices of a volume; a series of a single file
is that file.
"""
from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, List, Sequence

from ..io.image import ITK_VOLUMES, NIFTI, PICTURES
from .samples import Patterns, Sample, chosen

SUFFIXES = (*NIFTI, *ITK_VOLUMES, *PICTURES)
DICOM_MARK = (128, b"DICM")  # offset and text in a file of DICOM PS3.10


def read_folder(folder: Path, select: Patterns = ()) -> List[Sample]:
    """Samples labelled ``normal`` of all images below `folder`, sorted by name."""
    samples = []
    for path in sorted(_images(folder)):
        inner = path.relative_to(folder)
        patient = inner.parts[0] if len(inner.parts) > 1 else _stem(path)
        if chosen(inner.as_posix(), select):
            samples.append(Sample(path, "normal", patient, name=inner.as_posix()))
    return samples


def _stem(path: Path) -> str:
    name = path.name
    return name[:-7] if name.lower().endswith(".nii.gz") else path.stem


def _images(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(place, name) for name in sorted(names) if not name.startswith(".")]
        known = [path for path in paths if path.name.lower().endswith(SUFFIXES)]
        yield from known
        dicom = [path for path in paths if path not in set(known) and _is_dicom(path)]
        if dicom:
            yield from _series(Path(place), dicom)


def _is_dicom(path: Path) -> bool:
    offset, mark = DICOM_MARK
    try:
        with open(path, "rb") as file:
            return path.suffix.lower() == ".dcm" or file.read(offset + len(mark))[offset:] == mark
    except OSError:
        return path.suffix.lower() == ".dcm"  # whoever reads it will say what is wrong


def _series(folder: Path, files: Sequence[Path]) -> Iterator[Path]:
    """The folder when all its DICOM files are one series of slices, otherwise its files one by one."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader
    series = reader.GetGDCMSeriesIDs(str(folder))
    if len(files) > 1 and len(series) == 1 and len(reader.GetGDCMSeriesFileNames(str(folder), series[0])) > 1:
        yield folder
    else:
        yield from files
