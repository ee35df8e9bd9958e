"""A plain folder of normal images: every picture, volume and DICOM series in it and below.

Rule for patients: the first sub-folder below the given one names the patient, so that all images of
``normals/anna/...`` are one patient's; an image that lies directly in the folder is a patient of its own, named by its
file without the suffix.  DICOM files say themselves whose they are, which counts for more: series of one patient are
one patient's wherever they lie (under a digest, never a name), unless all files bear the same one in several
sub-folders, as programs that take names away leave them.

Every DICOM series that is a volume is one sample, also where several lie in one folder; a picture is that file.
"""
from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

from ..io.image import FREESURFER, ITK_VOLUMES, NIFTI, PICTURES
from .samples import Patterns, Sample, chosen

SUFFIXES = (*NIFTI, ".hdr", *FREESURFER, *ITK_VOLUMES, *PICTURES)


def read_folder(folder: Path, select: Patterns = ()) -> List[Sample]:
    """Samples labelled ``normal`` of all images below `folder`, sorted by name."""
    found = [(sample, owner) for sample, owner in _images(folder) if chosen(sample.name, select)]
    return sorted(_owned(found), key=lambda sample: (sample.path, sample.series))


def _owned(found: List[Tuple[Sample, str]]) -> Iterator[Sample]:
    """The samples with their patients; `found` holds sub-folders (or "") as patients, and what the files say."""
    folders: Dict[str, Set[str]] = defaultdict(set)
    owners: Dict[str, Set[str]] = defaultdict(set)
    for sample, owner in found:
        if owner:
            folders[owner].add(sample.patient)
            owners[sample.patient].add(owner)
    nameless = len(folders) == 1 and len(next(iter(folders.values()))) > 1
    for sample, owner in found:
        own = sample.patient or _stem(sample.path)
        alone = bool(sample.patient) and folders[owner] == {sample.patient} and owners[sample.patient] == {owner}
        yield replace(sample, patient=own if not owner or nameless or alone else "patient-" + owner)


def _stem(path: Path) -> str:
    name = path.name
    return name[:-7] if name.lower().endswith(".nii.gz") else path.stem


def _images(folder: Path) -> Iterator[Tuple[Sample, str]]:
    """Every image, its sub-folder as patient, and a digest of whose it is by what it says itself."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(place, name) for name in sorted(names) if not name.startswith(".")]
        known = {path for path in paths if path.name.lower().endswith(SUFFIXES)}
        rest = {path for path in paths if path not in known and _is_dicom(path)}
        for path in sorted(known):
            yield _sample(folder, path), ""
        if rest:
            yield from _dicom(folder, Path(place), rest)
        if any(path.name.upper() == "DICOMDIR" for path in paths):
            folders[:] = []  # what it lists has been looked at


def _sample(folder: Path, path: Path, series: str = "", shown: str = "") -> Sample:
    inner = path.relative_to(folder)
    name = inner.as_posix() + (" " + shown if shown else "")
    return Sample(path, "normal", inner.parts[0] if len(inner.parts) > 1 or series and inner.parts else "", name=name,
                  series=series)


def _is_dicom(path: Path) -> bool:
    from ..io.dicom.header import looks_like_dicom

    return path.suffix.lower() == ".dcm" or looks_like_dicom(path)


def _dicom(folder: Path, place: Path, files: Set[Path]) -> Iterator[Tuple[Sample, str]]:
    """The series of a folder; what cannot be read is given file by file, for whoever examines it to say why."""
    from ..io.dicom.contents import look

    contents = look(place)
    volumes = [stack for stack in contents.stacks if stack.refusal is None and stack.files > 1]
    alone = len(contents.stacks) == 1 and len(volumes) == 1
    for stack in volumes:
        sample = _sample(folder, place, stack.file.series, "" if alone else "series " + (
            stack.file.number or stack.file.series))
        yield (replace(sample, series="") if alone else sample), stack.file.patient
    for stack in contents.stacks:
        for path in sorted({each.file.path for each in stack.slices}) if stack not in volumes else ():
            yield _sample(folder, path), stack.file.patient
    broken = {each.name for each in contents.left_out if each.reason in (
        "empty", "damaged", "not DICOM", "cut short before its pixels")}
    for path in sorted(files):
        if path.relative_to(place).as_posix() in broken:
            yield _sample(folder, path), ""
