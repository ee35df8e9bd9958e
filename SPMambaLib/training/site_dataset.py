"""Which of a hospital's images make and judge its own model: normals only, each file once, patients never divided."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Sequence, Set, Tuple

import numpy as np

from ..data.examine import examine, file_sha256
from ..data.reading import TRAINING, DataSet
from ..data.samples import Sample, split_by_patient
from ..errors import UsageError
from .stream import Source

Progress = Callable[[float, str], None]
HELD_OUT = 0.16  # share of the images that thresholds come from, where patients are many
ENOUGH = 160  # patients held out; where they would be fewer, everybody is scored by prototypes of others in turn
FOLDS = 10
FEWEST_PATIENTS, FEWEST_IMAGES = 2, 20


@dataclass
class SiteNormals:
    """The files to use, and how many of the data set were left out and why."""

    sources: List[Source]
    not_normal: int
    duplicates: int

    @property
    def patients(self) -> int:
        return len({source.sample.patient for source in self.sources})


@dataclass
class Fold:
    """Prototypes of `fitted` files score the files `assessed`, whose patients are others."""

    fitted: List[Source]
    assessed: List[Source]


@dataclass
class Plan:
    """What is fitted on what: the shipped prototypes on `fitted`, thresholds by `folds`.

    With one fold the files that it scores are left out of `fitted`; with several everybody is fitted on, and everybody
    is scored by prototypes of others.
    """

    fitted: List[Source]
    folds: List[Fold]

    @property
    def crossed(self) -> bool:
        return len(self.folds) > 1

    @property
    def parts(self) -> List[List[Source]]:
        """The files of `fitted`, those that are scored together in a list of their own."""
        return [fold.assessed for fold in self.folds] if self.crossed else [self.fitted]


def site_normals(data: DataSet, progress: Progress) -> SiteNormals:
    """The normal images of a data set; of a published layout only those meant for training.

    Raises:
        UsageError: no image is labelled normal, or they are of fewer than two patients.
        DataError: a file is missing or cannot be read.
    """
    samples = [s for s in data.samples if data.kind in ("manifest", "folder of normals") or s.split == TRAINING]
    normals = [sample for sample in samples if not sample.abnormal]
    if not normals:
        raise UsageError("None of the {} chosen images is labelled normal; a model is fitted on normal images only."
                         .format(len(samples)))
    require_patients(normals)  # before the images are read
    examine(normals, classes=("normal",), progress=progress).require(tolerated=("patient-leak",))
    sources, known = [], set()
    for sample in normals:
        digest = file_sha256(sample.path, sample.series)
        if digest not in known:
            known.add(digest)
            sources.append(Source(sample, digest))
    require_patients([source.sample for source in sources])
    return SiteNormals(sources, len(samples) - len(normals), len(normals) - len(sources))


def require_patients(samples: Sequence[Sample]) -> None:
    if len({sample.patient for sample in samples}) < FEWEST_PATIENTS:
        raise UsageError("Normal images of at least {} patients are needed, so that one can judge the other; these {} "
                         "are all of one.".format(FEWEST_PATIENTS, len(samples)))


def plan_of(sources: Sequence[Source]) -> Plan:
    """Hold patients out once where they are many, otherwise let each tenth (or each patient) be scored in turn."""
    samples = [source.sample for source in sources]
    fitted, held = (pick(sources, index) for index in split_by_patient(samples, HELD_OUT))
    if len({source.sample.patient for source in held}) >= ENOUGH:
        return Plan(fitted, [Fold(fitted, held)])
    folds = []
    for names in parts_of(sorted({sample.patient for sample in samples})):
        assessed = [n for n, sample in enumerate(samples) if sample.patient in names]
        others = [n for n, sample in enumerate(samples) if sample.patient not in names]
        folds.append(Fold(pick(sources, others), pick(sources, assessed)))
    return Plan(list(sources), folds)


def parts_of(patients: List[str], seed: int = 0) -> List[Set[str]]:
    """`FOLDS` parts of nearly equal size, or one patient each if there are fewer."""
    shuffled = [patients[n] for n in np.random.default_rng(seed).permutation(len(patients))]
    count = min(FOLDS, len(patients))
    return [set(shuffled[part::count]) for part in range(count)]


def pick(sources: Sequence[Source], index: Sequence[int]) -> List[Source]:
    return [sources[n] for n in index]


def require_images(available: int, what: Tuple[str, str]) -> None:
    """Refuse too few images; `what` they are called, one and many.

    Raises:
        UsageError: fewer than `FEWEST_IMAGES`.
    """
    if available < FEWEST_IMAGES:
        raise UsageError("At least {} normal {} are needed to fit a model; there {} {}.".format(
            FEWEST_IMAGES, what[1], "is" if available == 1 else "are", available))
