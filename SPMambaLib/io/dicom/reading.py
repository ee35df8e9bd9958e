"""Reading DICOM: one volume (or picture) with true positions, or a refusal with the right sentence.

`contents` decides what there is, `volume` where it lies, `pixels` what its values are; here one is chosen and
everything else is named.  Works in LPS mm, as DICOM does.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ...detection import Notice
from ...errors import UnreadableFileError, UnsupportedImageError, UsageError
from . import volume
from .contents import PICTURE, VOLUME, Contents, Stack, look
from .header import lenient
from .pixels import stored, values

DicomImage = Tuple[np.ndarray, np.ndarray, Dict[str, Any], str, List[Notice]]
NAMED = 8  # series, or files, that a message names one by one


@lenient()
def read_dicom(path: Path, series: Optional[str] = None) -> DicomImage:
    """(voxels (K, J, I[, colours]), ijk_to_lps, facts, kind, notices) of a DICOM file, folder or DICOMDIR.

    Args:
        series: UID, number or description; otherwise the largest that can be read, with a notice.

    Raises:
        UnreadableFileError: no DICOM image there, or damaged.
        UnsupportedImageError: segmentations and reports, films and time series, mosaics that cannot be unpacked,
            several patients in one folder.
        UsageError: `series` names none of the series.
    """
    contents = look(path)
    stack, notices = choose(contents, series)
    if stack.refusal is not None:
        raise stack.refusal
    voxels, ijk_to_lps, facts, kind, more = read_stack(stack)
    return voxels, ijk_to_lps, facts, kind, notices + more


def choose(contents: Contents, series: Optional[str] = None) -> Tuple[Stack, List[Notice]]:
    """The stack to read, and what has to be said about all others; raises as `read_dicom`."""
    stacks = contents.stacks
    if not stacks:
        raise _nothing(contents)
    if series is not None:
        stacks = [stack for stack in stacks if stack.answers_to(series)]
        if not stacks:
            raise UsageError("There is no series {!r} in {}; it holds {}.".format(
                series, contents.place.name, _titles(contents.stacks)))
    if len({stack.file.patient for stack in stacks} - {""}) > 1:
        raise UnsupportedImageError(
            "{} holds images of {} patients; choose one series with --series, or the folder of one patient. It holds "
            "{}.".format(contents.place.name, len({stack.file.patient for stack in stacks} - {""}),
                         _titles(stacks)), code="several-patients")
    notices = []
    if len(stacks) > 1 and contents.place.is_file() and len({stack.file.path for stack in stacks}) == 1:
        raise UnsupportedImageError("The file holds several views or image sizes; extract one of them first. It holds "
                                    "{}.".format(_titles(stacks)), code="several-images")
    if len(stacks) > 1:
        notices.append(Notice("several-series", "{} holds {} series; the largest that can be read, {}, was taken. Left "
                              "out: {}.".format(contents.place.name, len(stacks), stacks[0].title,
                                                _titles(stacks[1:]))))
    return stacks[0], notices + _left_out(contents)


def _titles(stacks: List[Stack]) -> str:
    more = len(stacks) - NAMED
    return "; ".join([stack.title for stack in stacks[:NAMED]] + (["and {} more".format(more)] if more > 0 else []))


def _left_out(contents: Contents) -> List[Notice]:
    """Every file that is part of no image: copies, damaged files, and objects that are not images."""
    groups: Dict[str, List[str]] = {"copies": [], "damaged-files": [], "other-objects": []}
    for each in contents.left_out:
        code = ("copies" if each.reason.startswith("the same image") else "other-objects"
                if each.reason.startswith(("a DICOM object", "a parametric", "not DICOM")) else "damaged-files")
        groups[code].append("{} ({})".format(each.name, each.reason))
    words = {"copies": "{} left out, being there twice: {}.",
             "damaged-files": "{} could not be read and may be missing in the volume: {}.",
             "other-objects": "{} left out, not being images: {}."}
    return [Notice(code, words[code].format("1 file was" if len(names) == 1 and code != "damaged-files" else "1 file"
                                            if len(names) == 1 else "{} files{}".format(
                                                len(names), "" if code == "damaged-files" else " were"),
                                            ", ".join(names))) for code, names in groups.items() if names]


def _nothing(contents: Contents) -> UnreadableFileError:
    names = ["{} ({})".format(each.name, each.reason) for each in contents.left_out]
    what = " Left out: {}{}.".format(", ".join(names[:NAMED]), ", ..." if len(names) > NAMED else "") if names else ""
    objects = [each for each in contents.left_out if each.reason.startswith(("a DICOM object", "a parametric"))]
    if objects:
        raise UnsupportedImageError("{} holds no image but {}.".format(
            contents.place.name, "; ".join(sorted({each.reason for each in objects}))), what, code="not-an-image")
    return UnreadableFileError("The folder {} holds no DICOM images; choose the folder of one series.{}".format(
        contents.place.name, what), code="no-image-in-folder")


def read_stack(stack: Stack) -> DicomImage:
    """The voxels of a stack that can be read, and where they lie."""
    slices, file = stack.slices, stack.file
    facts: Dict[str, Any] = {"format": "DICOM", "has_spacing": True, **file.facts}
    notices: List[Notice] = []
    if stack.kind == VOLUME and len(slices) > 1:
        positions = np.array([each.position for each in slices])
        assert slices[0].orientation is not None
        place = volume.layout(positions, slices[0].orientation,
                              [each.spacing for each in slices if each.spacing is not None])
    elif stack.kind == VOLUME:
        one = slices[0]
        assert one.position is not None and one.orientation is not None and one.spacing is not None
        place = volume.single(one.position, one.orientation, one.spacing, one.thickness or 1.0)
        if not one.thickness:
            notices.append(Notice("no-thickness", "The file does not say how thick its slice is; volumes in ml are as "
                                                  "of 1 mm."))
    else:
        place = _unplaced(stack, facts, notices)
    notices += place.notices
    ordered = [slices[n] for n in place.order]
    if slices[0].thickness:
        facts["slice_thickness"] = slices[0].thickness
    files = list({id(each.file): each.file for each in ordered}.values())
    frames = dict(zip((id(each) for each in files), stored(files)))
    pictures = []
    for each in ordered:
        frame = frames[id(each.file)][each.frame]
        pictures.append(frame if each.tile is None else frame[each.tile[0]:each.tile[1], each.tile[2]:each.tile[3]])
    voxels, more = values(ordered, pictures)
    if voxels.ndim == 3:
        voxels = place.apply(voxels)
    return voxels, place.ijk_to_lps, facts, "image" if stack.kind == PICTURE else "volume", notices + more


def _unplaced(stack: Stack, facts: Dict[str, Any], notices: List[Notice]) -> volume.Layout:
    """A picture, or frames that do not say where they lie."""
    spacing, many = stack.slices[0].spacing, len(stack.slices) > 1
    row, column = (1.0, 1.0) if spacing is None else spacing
    facts["has_spacing"] = spacing is not None and not many
    if many:
        notices.append(Notice("no-orientation", "The file does not say how the volume lies in the patient; left and "
                                                "right may be exchanged, and volumes in mm3 are not true."))
    return volume.Layout(np.arange(len(stack.slices)), np.diag([column, row, 1.0, 1.0]))
