"""What a DICOM file, a folder or a DICOMDIR holds: the one place that decides it.

Everything there is looked at: what can be one image becomes a `Stack`, and each stack says whether it can be read, or
why not (film, time series, mosaic, separate pictures).  Every other file is named in `left_out` with a reason.
"""
from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from ...errors import SPMambaError, UnreadableFileError, UnsupportedImageError
from . import mosaic
from .copies import once, unlike
from .frames import MOMENTS, File, Slice, file_of
from .header import items, lenient, looks_like_dicom, read_header, text, value
from .volume import SAME_POSITION, directions, repeated

NOT_IMAGES = ("SEG", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "DOC", "RWV", "FID", "PLAN", "AU", "ECG")
SLICED = ("MR", "CT", "PT", "OPT")  # whose frames are slices even where the file does not say so
IMAGES_WITHOUT_PIXELS = ("CT", "MR", "PT", "CR", "DX", "US", "MG", "XA", "NM", "OT")
SAME_VIEW = 0.01  # in any direction cosine
DICOMDIR = "DICOMDIR"
MOST_FILES, DEEPEST = 20000, 6  # looked at below a folder
VOLUME, PICTURE = "volume", "picture"


@dataclass(frozen=True)
class LeftOut:
    """A file (or several of one kind) that is not part of any image, and why."""

    name: str
    reason: str


@dataclass
class Stack:
    """What can be one image.

    Attributes:
        kind: "volume", "picture", "film", "time series", "mosaic", "pictures" or "frames" (slices without places).
        refusal: why it cannot be read; None if it can.
    """

    slices: List[Slice]
    kind: str
    refusal: Optional[SPMambaError] = None

    @property
    def file(self) -> File:
        return self.slices[0].file

    @property
    def files(self) -> int:
        return len({each.file.path for each in self.slices})

    @property
    def title(self) -> str:
        file, count = self.file, len(self.slices)
        return "{} {} ({} {}{})".format(file.number, file.description or file.modality, count, "image" if count == 1
                                        else "images", "" if self.refusal is None else ", " + self.kind).strip()

    def answers_to(self, series: str) -> bool:
        return series in (self.file.series, self.file.number, self.file.description)


@dataclass
class Contents:
    """What there is.  `stacks` are ordered: what can be read first, the largest first."""

    place: Path
    stacks: List[Stack] = field(default_factory=list)
    left_out: List[LeftOut] = field(default_factory=list)

    @property
    def patients(self) -> int:
        """Number of patients whose images these are; files that do not say whose they are count with the others."""
        return len({stack.file.patient for stack in self.stacks} - {""})


@lenient()
def look(path: Path) -> Contents:
    """Everything that a DICOM file, a folder or a DICOMDIR holds.

    Raises:
        UnreadableFileError: a single file that cannot be read.
        UnsupportedImageError: a single file that is not an image.
    """
    result = Contents(path)
    if path.is_dir():
        files = _files_of(_below(path), path, result)
    elif path.name.upper().startswith(DICOMDIR):
        files = _files_of(_listed(path, result), path.parent, result)
    else:
        files = [_one(path)]
    kept, copies = once(files)
    result.left_out += [LeftOut(*copy) for copy in copies]
    result.stacks = sorted(_stacks(kept, result), key=_rank)
    return result


def _rank(stack: Stack) -> Tuple[bool, bool, int]:
    """Order of choice: readable first, volumes before pictures, large before small."""
    return stack.refusal is not None, not (stack.kind == VOLUME and len(stack.slices) > 1), -len(stack.slices)


def _one(path: Path) -> File:
    header, pixels = read_header(path)
    reason = foreign(header, pixels, path.name)
    if reason:
        raise UnsupportedImageError("{} holds no image but {}.".format(path.name, reason), code="not-an-image")
    assert pixels is not None
    return file_of(path, path.name, header, pixels)


def foreign(header: Any, pixels: Any, name: str) -> str:
    """What an object is that is not an image, as words; "" for an image.

    Raises:
        UnreadableFileError: an image whose pixels are missing.
    """
    modality = text(header, "Modality")
    if value(header, "DirectoryRecordSequence") is not None:
        return "a table of contents (DICOMDIR)"
    if modality in NOT_IMAGES or "SegmentSequence" in header:
        return "a DICOM object of type {}".format(modality or "SEG")
    if pixels is None and (modality in IMAGES_WITHOUT_PIXELS or "Rows" in header):
        raise UnreadableFileError("The file {} is incomplete or damaged: it ends before its pixels; copy or export it "
                                  "again.".format(name), code="damaged-file")
    if pixels is None:
        return "a DICOM object without pixels{}".format(" of type " + modality if modality else "")
    if pixels.kind != "integer":
        return "a parametric map"
    return ""


# -- which files -------------------------------------------------------------------------------------------------------

def _below(folder: Path) -> Iterator[Path]:
    """The files of a folder; of its sub-folders where it has none of DICOM itself, or is a medium with a DICOMDIR."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    paths = [Path(entry.path) for entry in entries if entry.is_file()]
    yield from paths
    medium = any(path.name.upper() == DICOMDIR for path in paths)
    if medium or not any(looks_like_dicom(path) for path in paths):
        count = len(paths)
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if len(Path(place).relative_to(folder).parts) >= DEEPEST:
                folders[:] = []
            for name in sorted(names) if Path(place) != folder else ():
                count += 1
                if count > MOST_FILES:
                    raise UnsupportedImageError("The folder {} holds more than {} files; choose the folder of one "
                                                "study.".format(folder.name, MOST_FILES), code="several-images")
                yield Path(place, name)


def _listed(directory: Path, result: Contents) -> Iterator[Path]:
    """The files that a DICOMDIR names and that are there."""
    header, _ = read_header(directory)
    for record in items(header, "DirectoryRecordSequence"):
        parts = value(record, "ReferencedFileID")
        if parts is None:
            continue
        parts = [parts] if isinstance(parts, str) else [str(part) for part in parts]
        path = directory.parent.joinpath(*parts)
        if any(part in ("..", "") or "/" in part for part in parts):
            result.left_out.append(LeftOut("\\".join(parts), "the table of contents leads out of its folder"))
        elif path.is_file() or _any_case(directory.parent, parts) is not None:
            yield path if path.is_file() else _any_case(directory.parent, parts) or path
        else:
            result.left_out.append(LeftOut("/".join(parts), "missing, although the table of contents names it"))


def _any_case(place: Path, parts: Sequence[str]) -> Optional[Path]:
    """A file below `place` by the names of a table of contents, which are in capitals, whatever the medium shows."""
    for part in parts:
        try:
            found = [each for each in place.iterdir() if each.name.upper().split(";")[0] == part.upper()]
        except OSError:
            return None
        if not found:
            return None
        place = found[0]
    return place if place.is_file() else None


def _files_of(paths: Iterator[Path], home: Path, result: Contents) -> List[File]:
    files = []
    for path in paths:
        name = os.fsencode(os.path.relpath(path, home)).decode("utf-8", "replace")
        try:
            header, pixels = read_header(path, name)
            reason = foreign(header, pixels, name)
            if reason:
                if "DICOMDIR" not in reason:
                    result.left_out.append(LeftOut(name, reason))
                continue
            assert pixels is not None
            files.append(file_of(path, name, header, pixels))
        except UnreadableFileError as error:
            result.left_out.append(LeftOut(name, _short(error)))
        except OSError as error:
            result.left_out.append(LeftOut(name, error.strerror or "cannot be opened"))
    return files


def _short(error: UnreadableFileError) -> str:
    if error.code == "not-an-image":
        return "not DICOM"
    if "empty" in error.message:
        return "empty"
    return "cut short before its pixels" if "before its pixels" in error.message else "damaged"


# -- which images ------------------------------------------------------------------------------------------------------

def _stacks(files: Sequence[File], result: Contents) -> Iterator[Stack]:
    groups: Dict[Tuple[Any, ...], List[Slice]] = {}
    for file in files:
        if mosaic.is_mosaic(file):
            try:
                file.slices = mosaic.tiles_of(file)
            except UnsupportedImageError as error:
                yield Stack(file.slices, "mosaic", error)
                continue
        for each in file.slices:
            groups.setdefault(_key(each), []).append(each)
    for group in groups.values():
        for stack in _views(group):
            different, copies = unlike(stack)
            result.left_out += [LeftOut(*copy) for copy in copies]
            yield _judged(different)


def _key(each: Slice) -> Tuple[Any, ...]:
    """Slices of one key may form one image: same patient, series, size, stack; a multi-frame file stands for itself
    unless it is a part of one that was cut into several."""
    file = each.file
    own = ""
    if file.frames > 1 or not each.placed:
        own = text(file.header, "SOPInstanceUIDOfConcatenationSource") or text(file.header, "ConcatenationUID") or (
            file.uid + str(file.path) if file.frames > 1 else "")
    return (file.patient, file.series, *each.shape, each.placed, each.stack, own)


def _views(group: List[Slice]) -> List[List[Slice]]:
    """Slices by the direction they look in: a localizer holds three views under one series."""
    views: List[Tuple[np.ndarray, List[Slice]]] = []
    for each in group:
        if not each.placed or each.orientation is None:
            return [group]
        for orientation, members in views:
            if np.abs(orientation - each.orientation).max() < SAME_VIEW:
                members.append(each)
                break
        else:
            views.append((each.orientation, [each]))
    return [members for _, members in views]


def _judged(slices: List[Slice]) -> Stack:
    file, count, orientation = slices[0].file, len(slices), slices[0].orientation
    if slices[0].placed and orientation is not None:
        positions = np.array([each.position for each in slices])
        if not np.isfinite(directions(orientation)[2]).all():
            return Stack(slices, "frames", UnsupportedImageError(
                "{} does not say how it lies in the patient: its directions make no sense.".format(file.name),
                str(orientation), code="bad-geometry"))
        if repeated(positions, orientation):
            return Stack(slices, "time series", _time_series(slices, positions @ directions(orientation)[2]))
        return Stack(slices, VOLUME)
    if file.frames == 1:
        if count == 1:
            return Stack(slices, PICTURE)
        return Stack(slices, "pictures", UnsupportedImageError(
            "{} separate pictures, not the slices of a volume, are in this folder; choose one file.".format(count),
            code="several-images"))
    if file.timed or file.modality not in SLICED:
        return Stack(slices, "time series" if file.timed else "film", UnsupportedImageError(
            "{} holds {} frames of a film or time series; extract one of them first.".format(file.name, count),
            code="four-dimensional"))
    return Stack(slices, "frames")


def _time_series(slices: List[Slice], depth: np.ndarray) -> UnsupportedImageError:
    """Says in what the images of one position (`depth` in mm) differ, where the files tell."""
    same = [each for each, d in zip(slices, depth) if abs(d - depth[0]) < SAME_POSITION]
    found = "time points, echoes or phases"
    for key, words, unit in MOMENTS:
        told = Counter(each.moment.get(key, "") for each in same)
        if len(told) > 1:
            values = ", ".join(v for v in list(told)[:4] if v)
            found = "{} {}{}".format(len(told), words, ": {}{}".format(values, " " + unit if unit else "")
                                     if unit else "")
            break
    return UnsupportedImageError("The series holds several images of the same slice ({}); extract one volume "
                                 "first.".format(found), code="four-dimensional")
