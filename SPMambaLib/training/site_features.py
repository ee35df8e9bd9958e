"""The two passes over the images: features for the prototypes, and raw terms of those who judge.  Each group's result
is kept on the workbench; what is in memory is one group and the features of the prototypes."""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

from ..evidence.fit import thumbnails
from ..input_check.fit import PREFIX, Looks, look, looks_of
from ..model.network import SPMamba
from ..model.teacher import to_teacher_input
from ..scoring.maps import ScoringConfig
from ..scoring.terms import network_terms, unfitted_terms
from .calibration_fit import Batch, Progress, Unfitted, unfitted_of, unfitted_on_grid
from .stream import Preparation, Source, Views, groups
from .workbench import Workbench, key_of

UNFITTED_PREFIX = "unfitted."  # of what is kept on the workbench
CALIBRATED_TOGETHER = 16  # images that are scored at once


@dataclass
class Features:
    """Half-precision features (N, C, g, g) that prototypes are placed among, slice_height (N,) or None, patient of
    each.

    Attributes:
        unfitted: what these images say of terms that nothing is fitted for.
        images_small: `evidence.fit.thumbnails` of the images.
        looks: what the input check is fitted on.
        available: images that the files hold, copies and quotas aside.
        images: images used, copies aside.
    """

    features: Tensor
    slice_height: Optional[Tensor]
    patients: List[str]
    unfitted: Unfitted
    images_small: Tensor
    looks: Looks
    available: int

    @property
    def images(self) -> int:
        return len(self.patients) // 2

    def of_patients(self, names: "set[str]") -> Tuple[Tensor, Optional[Tensor]]:
        """Features and height of some patients."""
        rows = torch.from_numpy(np.flatnonzero([patient in names for patient in self.patients]))
        if len(rows) == len(self.patients):
            return self.features, self.slice_height  # no copy of what may be a gigabyte
        return self.features[rows], None if self.slice_height is None else self.slice_height[rows]


class Passes:
    """Runs a network over groups of files.

    Args:
        facts: JSON value of all that the results depend on besides the files: base model, preparation, versions.
    """

    def __init__(self, network: SPMamba, config: ScoringConfig, preparation: Preparation, bench: Workbench,
                 facts: Any) -> None:
        self.network, self.config, self.preparation = network, config, preparation
        self.bench, self.facts = bench, facts

    def features(self, sources: Sequence[Source], images: int, progress: Progress) -> Features:
        """First pass; `images` is the largest number that the sources' quotas allow."""
        grid, channels = self.network.config.prototype_grid, self.network.config.prototype_channels
        whole = torch.empty(2 * images, channels, grid, grid, dtype=torch.float16)  # memory is taken as it is filled
        heights, patients, unfitted, small = [], [], [], []
        looks: Dict[str, List[Tensor]] = {}
        filled = available = done = 0
        for group in groups(sources, self.preparation.plane):
            result = self.bench.once(self._key("features", group), partial(self._features, group))
            count = len(result["features"])
            whole[filled:filled + count] = result["features"]
            filled += count
            heights.append(result["height"])
            patients += [group[n].sample.patient for n in result["file"].tolist()]
            available += int(result["available"])
            for name in (name for name in result if name.startswith(PREFIX) or name == "copy"):
                looks.setdefault(name, []).append(result[name])
            small.append(result["thumbnails"])
            unfitted.append({name[len(UNFITTED_PREFIX):]: part for name, part in result.items()
                             if name.startswith(UNFITTED_PREFIX)})
            done += len(group)
            progress(done / len(sources), "features of {}".format(group[-1].sample.path.name))
        slice_height, seen = known(torch.cat(heights)), {name: torch.cat(part) for name, part in looks.items()}
        return Features(whole[:filled], slice_height, patients, unfitted_of(unfitted, slice_height), torch.cat(small),
                        looks_of(seen, slice_height, patients, seen["copy"]), available)

    def terms(self, sources: Sequence[Source], prototypes: str, progress: Progress) -> List[Tuple[str, List[str]]]:
        """Second pass, with the network's present prototypes, whose hash is given.

        Returns:
            (key on the workbench, patient of each file) of each group.
        """
        keys, done = [], 0
        for group in groups(sources, self.preparation.plane):
            key = self._key("terms", group, prototypes)
            self.bench.once(key, partial(self._terms, group))
            keys.append((key, [source.sample.patient for source in group]))
            done += len(group)
            progress(done / len(sources), "judging {}".format(group[-1].sample.path.name))
        return keys

    def _key(self, kind: str, group: Sequence[Source], *more: str) -> str:
        files = [[s.sha256, s.quota, s.sample.slice_height if s.sample.slice_height is not None else -1] for s in group]
        return key_of(kind, files, self.facts, list(more))

    @torch.no_grad()
    def _features(self, group: Sequence[Source]) -> Dict[str, Tensor]:
        parts = []
        for views in self.preparation.batches(group):
            encoded = self.network.encode(to_teacher_input(views.pixels))
            part = dict(labels_of(views), features=self.network.positioned(encoded).half().contiguous(),
                        thumbnails=thumbnails(views.pixels, self.network.config.prototype_grid),
                        **look(views.pixels, views.masks, encoded))
            terms = unfitted_terms(self.network, views.pixels, encoded, self.config)
            part.update((UNFITTED_PREFIX + name, term)
                        for name, term in unfitted_on_grid(terms, views.masks, self.config).items())
            parts.append(part)
        return merged(parts)

    @torch.no_grad()
    def _terms(self, group: Sequence[Source]) -> Dict[str, Tensor]:
        parts = []
        for views in self.preparation.batches(group):
            raw = network_terms(self.network, views.pixels, self.config)
            part = dict(labels_of(views), masks=packed(views.masks))
            large = views.pixels.shape[-1]  # only these maps are worth halving
            part.update(("term." + name, term.half() if term.shape[-1] == large else term)
                        for name, term in raw.items())
            parts.append(part)
        return merged(parts)


class HeldOnBench:
    """Judging images whose terms are on the workbench; see `judging.HeldOut`.

    Attributes:
        copy: (N,) bool, the varied copies.
    """

    def __init__(self, bench: Workbench, keys: Sequence[Tuple[str, List[str]]], size: int) -> None:
        self._bench, self._keys, self._size = bench, keys, size
        self.patients: List[str] = []
        heights, copies = [], []
        for key, names in keys:
            result = bench.load(key)
            self.patients += [names[n] for n in result["file"].tolist()]
            heights.append(result["height"])
            copies.append(result["copy"])
        self.slice_height, self.copy = known(torch.cat(heights)), torch.cat(copies)

    def batches(self) -> Iterator[Batch]:
        start = 0
        for key, _ in self._keys:
            result = self._bench.load(key)
            for rows in torch.arange(len(result["file"])).split(CALIBRATED_TOGETHER):
                terms = {name[len("term."):]: term[rows].float() for name, term in result.items()
                         if name.startswith("term.")}
                masks = unpacked(result["masks"][rows], self._size)
                yield Batch(start + rows, terms, masks)
            start += len(result["file"])


def labels_of(views: Views) -> Dict[str, Tensor]:
    """What is kept of each image besides its numbers; originals and then copies."""
    n = len(views.file)
    return {
        "file": views.file.repeat(2),
        "height": views.slice_height.repeat(2),
        "available": torch.tensor([views.available]),
        "copy": torch.tensor([False] * n + [True] * n),
    }


def merged(parts: Sequence[Dict[str, Tensor]]) -> Dict[str, Tensor]:
    result = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return dict(result, available=result["available"].sum())


def known(slice_height: Tensor) -> Optional[Tensor]:
    """Levels, or None if any of them is not known (-1)."""
    return slice_height if bool((slice_height >= 0).all()) else None


def packed(masks: Tensor) -> Tensor:
    """Masks (n, S, S) as bits (n, S * S / 8)."""
    return torch.from_numpy(np.packbits(masks.flatten(1).numpy() > 0.5, axis=1))


def unpacked(bits: Tensor, size: int) -> Tensor:
    return torch.from_numpy(np.unpackbits(bits.numpy(), axis=1, count=size * size)).float().view(-1, size, size)
