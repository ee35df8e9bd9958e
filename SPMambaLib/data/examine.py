"""Is a data set fit to be worked with?  Everything that is wrong with it is found before the work, and told at once.

Each problem is one sentence with a code:

=========================  ========  =================================================================
code                       serious   meaning
=========================  ========  =================================================================
file-missing               yes       the image is not there
image-unreadable           yes       the image is damaged, or of a kind that cannot be analysed
mask-missing               yes       the mask is not there
mask-unreadable            yes       the mask is damaged
mask-size                  yes       the mask has another number of voxels than its image
mask-place                 yes       the mask of a volume lies elsewhere in the patient than the image
label-missing              yes       nothing says whether the image is normal
empty-class                yes       no normal or no abnormal image: nothing to tell apart
abnormal-image             yes       an abnormal image where only normal ones are wanted
patient-leak               yes       images of one patient in two splits
duplicate-across-splits    yes       the same file (by SHA-256) in two splits
label-conflict             yes       the same file under a normal and an abnormal label
duplicate-image            no        the same file twice within a split: it counts twice
=========================  ========  =================================================================
"""
from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

import numpy as np

from ..errors import DataError, SPMambaError
from ..io.image import Image, read_image
from .samples import Sample

Progress = Callable[[float, str], None]
BOTH = ("normal", "abnormal")
NOT_SERIOUS = ("duplicate-image",)
ELSEWHERE = 0.1  # of a voxel, in any entry of the geometry
TOLD = 5  # problems whose sentences are in the error's message


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: a stable `code`, a sentence, and the name of the sample (or "" for the whole)."""

    code: str
    message: str
    name: str = ""


@dataclass
class Examination:
    """What `examine` found.

    Attributes:
        problems: all of them, in the order of the samples, the serious and the others.
        sound: the samples whose own files are there and can be read.
    """

    problems: List[Problem] = field(default_factory=list)
    sound: List[Sample] = field(default_factory=list)

    def require(self, tolerated: Iterable[str] = ()) -> None:
        """Refuse the data set unless all its problems are of no account or `tolerated` (codes).

        Raises:
            DataError: with the number of problems by code, the first `TOLD` sentences, and all of them as detail.
        """
        tolerated = (*NOT_SERIOUS, *tolerated)
        serious = [problem for problem in self.problems if problem.code not in tolerated]
        if not serious:
            return
        counts = Counter(problem.code for problem in serious)
        more = " (and {} more)".format(len(serious) - TOLD) if len(serious) > TOLD else ""
        raise DataError("Nothing was started, because the images have {}: {}. {}{}".format(
            "1 problem" if len(serious) == 1 else "{} problems".format(len(serious)),
            ", ".join("{} {}".format(count, code) for code, count in counts.items()),
            " ".join(problem.message for problem in serious[:TOLD]), more),
            "\n".join("[{}] {}".format(problem.code, problem.message) for problem in serious),
            code=serious[0].code if len(counts) == 1 else "")


def examine(samples: Sequence[Sample], *, against: Sequence[Sample] = (), classes: Sequence[str] = BOTH,
            progress: Progress = lambda fraction, text: None,
            checkpoint: Callable[[], None] = lambda: None) -> Examination:
    """Find all problems of `samples`.

    Args:
        against: images that the model was made from; they are not read, only compared with (patients, same files).
        classes: which classes there must be; ("normal",) wants normal images and nothing else.
        checkpoint: called before each image; may raise to cancel.
    """
    found = Examination()
    sliced = False
    for number, sample in enumerate(samples):
        checkpoint()
        problems, image = _own_problems(sample)
        found.problems += problems
        sliced |= image is not None and image.kind == "volume" and sample.mask_path is not None
        if not problems:
            found.sound.append(sample)
        progress((number + 1) / len(samples), "examining {}".format(_name(sample)))
    found.problems += _classes(samples, classes, sliced)
    evaluated = {_name(sample) for sample in samples}
    pool = [*samples, *(sample for sample in against if _name(sample) not in evaluated)]
    found.problems += _leaks(pool, evaluated) + _duplicates(pool, evaluated)
    return found


def _name(sample: Sample) -> str:
    return sample.name or str(sample.path)


def _own_problems(sample: Sample) -> Tuple[List[Problem], Optional[Image]]:
    """What is wrong with the image, its mask and its label; and the image if it could be read."""
    name, problems = _name(sample), []
    if not sample.label.strip():
        problems.append(Problem("label-missing", "Nothing says whether {} is normal: it has no label.".format(name),
                                name))
    image = None
    if not sample.path.exists():
        problems.append(Problem("file-missing", "The image {} does not exist.".format(name), name))
    else:
        try:
            image = read_image(sample.path, series=sample.series or None)
        except SPMambaError as error:
            problems.append(Problem("image-unreadable", "The image {} cannot be used: {}".format(name, error.message),
                                    name))
    if sample.mask_path is not None:
        problems += _mask_problems(sample, image)
    return problems, image


def _mask_problems(sample: Sample, image: Optional[Image]) -> List[Problem]:
    """What is wrong with the mask; `image` is None when there is none to compare it with."""
    name, mask = _name(sample), sample.mask_path
    assert mask is not None
    if not mask.exists():
        return [Problem("mask-missing", "The mask {} of {} does not exist.".format(mask, name), name)]
    try:
        found = read_image(mask)
    except SPMambaError as error:
        return [Problem("mask-unreadable", "The mask of {} cannot be used: {}".format(name, error.message), name)]
    if image is None:
        return []
    if found.voxels.shape != image.voxels.shape:
        return [Problem("mask-size", "The mask of {} is of another size ({}) than the image ({}).".format(
            name, _size(found.voxels.shape), _size(image.voxels.shape)), name)]
    tolerance = ELSEWHERE * min(image.spacing)
    if found.kind == image.kind == "volume" and np.abs(found.ijk_to_ras - image.ijk_to_ras).max() > tolerance:
        return [Problem("mask-place", "The mask of {} lies elsewhere in the patient than the image, or the other way "
                        "round.".format(name), name)]
    return []


def _size(shape: Tuple[int, ...]) -> str:
    """(K, J, I) as a reader says it: "256 x 256", or "182 x 218 x 182" of a volume."""
    return " x ".join(str(n) for n in (shape[::-1] if shape[0] > 1 else shape[:0:-1]))


def _classes(samples: Sequence[Sample], classes: Sequence[str], sliced: bool) -> List[Problem]:
    """Empty classes and unwanted images; volumes with masks (`sliced`) bring normal slices of their own."""
    labelled = [sample for sample in samples if sample.label.strip()]
    counts = {"normal": sum(not s.abnormal for s in labelled), "abnormal": sum(s.abnormal for s in labelled)}
    problems = [Problem("empty-class", "There is no {} image among the {} chosen.".format(name, len(samples)))
                for name in classes if not counts[name] and not (sliced and name == "normal")]
    if "abnormal" not in classes:
        problems += [Problem("abnormal-image", "{} is labelled {!r}, but only normal images are wanted here.".format(
            _name(sample), sample.label), _name(sample)) for sample in labelled if sample.abnormal]
    return problems


def _leaks(pool: Sequence[Sample], evaluated: Set[str]) -> List[Problem]:
    """Patients of the evaluated images that are in two splits."""
    splits: Dict[str, Set[str]] = {}
    for sample in pool:
        splits.setdefault(sample.patient, set()).add(_split(sample, evaluated))
    ours = {sample.patient for sample in pool if _name(sample) in evaluated}
    return [Problem("patient-leak", "Patient {} has images in more than one split ({}).".format(
        patient, ", ".join(sorted(names))), patient)
        for patient, names in splits.items() if len(names) > 1 and patient in ours]


def _split(sample: Sample, evaluated: Set[str]) -> str:
    return sample.split or ("these images" if _name(sample) in evaluated else "images to compare with")


def _duplicates(pool: Sequence[Sample], evaluated: Set[str]) -> List[Problem]:
    """Groups of equal files; only files of equal size are read for their hash."""
    by_size: Dict[int, List[Sample]] = {}
    for sample in pool:
        if sample.path.exists():
            by_size.setdefault(sum(path.stat().st_size for path in _files(sample.path)), []).append(sample)
    problems = []
    for candidates in by_size.values():
        same: Dict[str, List[Sample]] = {}
        for sample in candidates if len(candidates) > 1 else ():
            same.setdefault(file_sha256(sample.path, sample.series), []).append(sample)
        for group in same.values():
            if len(group) > 1 and any(_name(sample) in evaluated for sample in group):
                problems.append(_duplicate(group, evaluated))
    return problems


def _duplicate(group: Sequence[Sample], evaluated: Set[str]) -> Problem:
    names = " and ".join(_name(sample) for sample in group)
    splits = {_split(sample, evaluated) for sample in group}
    if len({sample.abnormal for sample in group}) > 1:
        return Problem("label-conflict", "{} are the same file, once normal and once abnormal.".format(names),
                       _name(group[0]))
    if len(splits) > 1:
        return Problem("duplicate-across-splits", "{} are the same file in more than one split ({}).".format(
            names, ", ".join(sorted(splits))), _name(group[0]))
    return Problem("duplicate-image", "{} are the same file and count as {} images.".format(names, len(group)),
                   _name(group[0]))


def _files(path: Path) -> List[Path]:
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def file_sha256(path: Path, series: str = "") -> str:
    """SHA-256 of a file, or of the files of a DICOM series one after the other; of one `series` among several in a
    folder, of all of them and its UID."""
    digest = hashlib.sha256(series.encode("utf-8"))
    for file in _files(path):
        digest.update(file.read_bytes())
    return digest.hexdigest()
