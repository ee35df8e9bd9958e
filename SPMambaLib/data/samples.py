"""One image of a data set, and the choice of images by pattern and by patient."""
from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Set, Tuple, Union

import numpy as np

NORMAL_LABELS = ("normal", "good", "healthy", "no finding", "negative")
Patterns = Union[str, Sequence[str]]


@dataclass(frozen=True)
class Sample:
    """One picture, volume or DICOM series; or, with `slice_index`, one slice of a volume.

    Attributes:
        path: file, or folder of a DICOM series.
        label: as the source says; `abnormal` interprets it.
        patient: who it is of; never split between fitting and judging, and the unit of every interval.
        height: relative height in [0, 1] of a picture that was cut from a volume, else None.
        mask_path: picture or volume of the lesions (anything but 0), on the grid of the image.
        split: "train", "test", ... or "" when the source knows none.
        fold: the source's own subdivision, kept for the reader.
        slice_index: number of the slice along the volume's slice axis; None stands for the whole file.
        name: the path as the source writes it, which patterns are matched with and reports show.
        series: which DICOM series of a folder that holds several, by its UID; else "".
    """

    path: Path
    label: str
    patient: str
    slice_height: Optional[float] = None
    mask_path: Optional[Path] = None
    split: str = ""
    fold: str = ""
    slice_index: Optional[int] = None
    name: str = ""
    series: str = ""

    @property
    def abnormal(self) -> bool:
        """Anything that is not called normal."""
        return self.label.strip().lower() not in NORMAL_LABELS


def chosen(name: str, select: Patterns) -> bool:
    """Whether `name` (with forward slashes) matches one of the globs of `select` and none of its ``!globs``.

    Only exclusions, or nothing at all, choose everything else.
    """
    patterns = [select] if isinstance(select, str) else list(select)
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    return ((not wanted or any(fnmatch.fnmatch(name, pattern) for pattern in wanted))
            and not any(fnmatch.fnmatch(name, pattern) for pattern in unwanted))


def split_by_patient(samples: Sequence[Sample], share: float, seed: int = 0) -> Tuple[List[int], List[int]]:
    """Indices (fit, held out): whole patients are drawn until `share` of the images is held out."""
    patients = sorted({s.patient for s in samples})
    np.random.default_rng(seed).shuffle(patients)
    held: Set[str] = set()
    taken = 0
    for patient in patients:
        if taken >= share * len(samples):
            break
        held.add(patient)
        taken += sum(s.patient == patient for s in samples)
    fit = [n for n, s in enumerate(samples) if s.patient not in held]
    return fit, [n for n, s in enumerate(samples) if s.patient in held]
