"""Normal images a few at a time: which files, how many slices of each, prepared and varied, in fixed groups.

The groups and the random variation of an image depend on the files alone, so a stream that is taken up again gives the
same numbers.  However many scans there are, no more than a stated number of images comes out.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, List, Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.samples import Sample
from ..data.stacks import slices_of
from ..io.image import PICTURES
from ..preprocessing.prepare import Preprocessing
from .augment import Augmentation, augment

TOGETHER = 4  # images that go through the network at once, each with its varied copy
FILMS = 16  # single images in a group; a volume is a group of its own


@dataclass(frozen=True)
class Source:
    """A file of a normal patient.

    Attributes:
        sha256: of its content; seeds what is drawn for it.
        quota: how many of its slices may be used.
    """

    sample: Sample
    sha256: str
    quota: int = 1 << 30

    @property
    def seed(self) -> int:
        return int(self.sha256[:12], 16)


@dataclass
class Views:
    """Images and then their varied copies: pixels (2n, 1, S, S), masks (2n, S, S).

    Attributes:
        file: (n,) number of the file within its group.
        height: (n,) relative height, -1 where unknown.
        available: slices that the file had before its quota.
    """

    pixels: Tensor
    masks: Tensor
    file: Tensor
    slice_height: Tensor
    available: int


@dataclass(frozen=True)
class Preparation:
    """How files become network input: as the model's card says, and varied as its recipe says."""

    preprocessing: Preprocessing
    plane: str
    augmentation: Augmentation

    def views(self, source: Source, number: int) -> Views:
        """One file."""
        samples, pixels, masks = slices_of(source.sample, self.preprocessing, self.plane)
        rows = torch.from_numpy(drawn(len(samples), source.quota, source.seed))
        slice_height = torch.tensor([-1.0 if s.slice_height is None else s.slice_height for s in samples])[rows]
        varied, moved, _ = self.preprocessing.aligned(
            *augment(pixels[rows], masks[rows], self.augmentation, seed=source.seed))
        return Views(torch.cat([pixels[rows], varied]), torch.cat([masks[rows], moved]),
                     torch.full((len(rows),), number), slice_height, len(samples))

    def batches(self, group: Sequence[Source]) -> Iterator[Views]:
        """A group's images, `TOGETHER` at a time; a batch never reaches beyond the group."""
        waiting: List[Views] = []
        for number, source in enumerate(group):
            waiting += cut(self.views(source, number))
            while sum(len(views.file) for views in waiting) >= TOGETHER:
                taken: List[Views] = []
                while sum(len(views.file) for views in taken) < TOGETHER:
                    taken.append(waiting.pop(0))
                yield joined(taken)
        if waiting:
            yield joined(waiting)


def cut(views: Views) -> List[Views]:
    """One image at a time; the first tells what was available."""
    n = len(views.file)
    if n == 1:
        return [views]
    return [Views(views.pixels[[row, n + row]], views.masks[[row, n + row]], views.file[row:row + 1],
                  views.slice_height[row:row + 1], views.available if row == 0 else 0) for row in range(n)]


def joined(parts: Sequence[Views]) -> Views:
    pixels, masks = (torch.cat([getattr(part, name)[half:half + 1] for half in (0, 1) for part in parts])
                     for name in ("pixels", "masks"))
    return Views(
        pixels,
        masks,
        torch.cat([part.file for part in parts]),
        torch.cat([part.slice_height for part in parts]),
        sum(part.available for part in parts),
    )


def drawn(n: int, quota: int, seed: int) -> np.ndarray:
    """At most `quota` of n rows: one from each of as many equal stretches, so that all heights are seen."""
    if n <= quota:
        return np.arange(n)
    edges = np.linspace(0, n, quota + 1)
    return np.floor(np.random.default_rng(seed).uniform(edges[:-1], edges[1:])).astype(np.int64).clip(0, n - 1)


def within(sources: Sequence[Source], images: int) -> List[Source]:
    """The files, in their order, with quotas that add up to no more than `images`; too many files are drawn from.

    Which ones are drawn depends on the files' content alone: those whose hash is lowest.
    """
    if not sources:
        return []
    kept = set(sorted(range(len(sources)), key=lambda n: sources[n].sha256)[:images])
    quota = max(1, images // len(sources))
    return [Source(source.sample, source.sha256, quota) for n, source in enumerate(sources) if n in kept]


def groups(sources: Sequence[Source], plane: str, films: int = FILMS) -> List[List[Source]]:
    """Fixed groups of consecutive files, each small enough for memory."""
    result: List[List[Source]] = []
    room = 0  # for more single images in the last group
    for source in sources:
        single = plane == "native" or source.sample.path.name.lower().endswith(PICTURES)
        if single and room:
            result[-1].append(source)
        else:
            result.append([source])
            room = films if single else 1
        room = room - 1 if single else 0
    return result
