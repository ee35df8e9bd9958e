"""Two passes: features, and all terms that need no prototypes, of every image; then the prototype term of those who are
scored by prototypes of others.  Only the first looks at the images.  Each group's result is kept on the workbench; what
is in memory is one group and the features that prototypes are placed among."""
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
from ..scoring.terms import UNFITTED, terms_of_features
from .calibration_fit import Batch, Progress, Unfitted, counted_of, unfitted_of, unfitted_on_grid
from .stream import FILMS, Preparation, Source, Views, groups
from .workbench import Workbench, key_of

UNFITTED_PREFIX, TERM_PREFIX = "unfitted.", "term."  # of what is kept on the workbench
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
        films: single images in a group.
    """

    def __init__(self, network: SPMamba, config: ScoringConfig, preparation: Preparation, bench: Workbench,
                 facts: Any, films: int = FILMS) -> None:
        self.network, self.config, self.preparation = network, config, preparation
        self.bench, self.facts, self.films = bench, facts, films

    def features(self, parts: Sequence[Sequence[Source]], images: int, progress: Progress) -> Features:
        """First pass over all `parts`, whose files never share a group; `images` is the largest number that the
        sources' quotas allow."""
        grid, channels = self.network.config.prototype_grid, self.network.config.prototype_channels
        whole = torch.empty(2 * images, channels, grid, grid, dtype=torch.float16)  # memory is taken as it is filled
        heights, patients, unfitted, small = [], [], [], []
        looks: Dict[str, List[Tensor]] = {}
        filled = available = done = 0
        for group in (group for part in parts for group in self.groups(part)):
            result = self.bench.load(self.seen(group), lambda name: not name.startswith(TERM_PREFIX))
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
            progress(done / sum(map(len, parts)), "features of {}".format(group[-1].sample.path.name))
        slice_height, seen = known(torch.cat(heights)), {name: torch.cat(part) for name, part in looks.items()}
        return Features(whole[:filled], slice_height, patients, unfitted_of(unfitted, slice_height), torch.cat(small),
                        looks_of(seen, slice_height, patients, seen["copy"]), available)

    def terms(self, sources: Sequence[Source], prototypes: str, quota: int, progress: Progress) -> List[Scored]:
        """Second pass, with the network's present prototypes, whose hash is given, over at most `quota` images of each
        file."""
        scored, done = [], 0
        for group in self.groups(sources):
            seen = self.seen(group)
            key = self._key("prototype terms", group, prototypes, str(quota))
            self.bench.once(key, partial(self._prototype_term, seen, quota))
            scored.append(Scored(seen, key, [source.sample.patient for source in group]))
            done += len(group)
            progress(done / len(sources), "scoring {}".format(group[-1].sample.path.name))
        return scored

    def pooled_features(self, sources: Sequence[Source], progress: Progress) -> Tensor:
        """What the input check sees of the features of some files, (N, D), without varied copies."""
        found = []
        for number, group in enumerate(groups := self.groups(sources)):
            result = self.bench.load(self.seen(group), lambda name: name in (PREFIX + "features", "copy"))
            found.append(result[PREFIX + "features"][~result["copy"]].float())
            progress((number + 1) / len(groups), "features of other kinds")
        return torch.cat(found)

    def groups(self, sources: Sequence[Source]) -> List[List[Source]]:
        return groups(sources, self.preparation.plane, self.films)

    def seen(self, group: Sequence[Source]) -> str:
        """Key of what the first pass keeps of a group, made if it is not there."""
        key = self._key("features", group)
        self.bench.once(key, partial(self._features, group))
        return key

    def _key(self, kind: str, group: Sequence[Source], *more: str) -> str:
        files = [[s.sha256, s.quota, s.sample.slice_height if s.sample.slice_height is not None else -1] for s in group]
        return key_of(kind, files, self.facts, list(more))

    @torch.no_grad()
    def _features(self, group: Sequence[Source]) -> Dict[str, Tensor]:
        parts = []
        for views in self.preparation.batches(group):
            encoded = self.network.encode(to_teacher_input(views.pixels))
            terms, _ = terms_of_features(self.network, views.pixels, encoded, self.config)
            terms.pop("prototype")
            part = dict(labels_of(views), features=self.network.positioned(encoded).half().contiguous(),
                        thumbnails=thumbnails(views.pixels, self.network.config.prototype_grid),
                        masks=packed(views.masks), **look(views.pixels, views.masks, encoded))
            on_grid = unfitted_on_grid({name: terms[name] for name in UNFITTED if name in terms}, views.masks,
                                       self.config)
            part.update((UNFITTED_PREFIX + name, term) for name, term in on_grid.items())
            large = views.pixels.shape[-1]  # only these maps are worth halving
            part.update((TERM_PREFIX + name, term.half() if term.shape[-1] == large else term)
                        for name, term in terms.items())
            parts.append(part)
        return merged(parts)

    @torch.no_grad()
    def _prototype_term(self, seen: str, quota: int) -> Dict[str, Tensor]:
        """"rows" of a group's images that are scored, and their distances to the present prototypes."""
        known = self.bench.load(seen, lambda name: name in ("features", "file"))
        files = known["file"][:len(known["file"]) // 2].tolist()  # of the originals; their copies follow
        first = [row for file in sorted(set(files)) for row in spaced([n for n, f in enumerate(files) if f == file],
                                                                      quota)]
        rows = torch.tensor(first + [len(files) + row for row in first])
        distances = [self.network.prototypes.distances(part.float())
                     for part in known["features"][rows].split(CALIBRATED_TOGETHER)]
        return {"rows": rows, "prototype": torch.cat(distances)}


@dataclass(frozen=True)
class Scored:
    """A group on the workbench: keys of what both passes keep, and the patient of each file."""

    seen: str
    terms: str
    patients: List[str]


class HeldOnBench:
    """Normals whose terms are on the workbench; see `calibration_fit.HeldOut`.

    Attributes:
        copy: (N,) bool, the varied copies.
        looks: what the input check sees of them.
    """

    def __init__(self, bench: Workbench, scored: Sequence[Scored], size: int) -> None:
        self._bench, self._scored, self._size = bench, scored, size
        self.patients: List[str] = []
        looks: Dict[str, List[Tensor]] = {}
        for group in scored:
            rows = bench.load(group.terms, lambda name: name == "rows")["rows"]
            result = bench.load(group.seen, lambda name: name.startswith(PREFIX) or name in ("file", "height", "copy"))
            self.patients += [group.patients[n] for n in result["file"][rows].tolist()]
            for name, each in result.items():
                looks.setdefault(name, []).append(each[rows])
        whole = {name: torch.cat(part) for name, part in looks.items()}
        self.slice_height, self.copy = known(whole["height"]), whole["copy"]
        self.looks = looks_of(whole, self.slice_height, self.patients, self.copy)
        self.counted = ~self.copy

    def leave_out(self, flagged: np.ndarray) -> None:
        """Thresholds come from the others."""
        self.counted = counted_of(self.copy, flagged)

    def batches(self) -> Iterator[Batch]:
        start = 0
        for group in self._scored:
            own = self._bench.load(group.terms)
            result = self._bench.load(group.seen, lambda name: name.startswith(TERM_PREFIX) or name == "masks")
            for part in torch.arange(len(own["rows"])).split(CALIBRATED_TOGETHER):
                rows = own["rows"][part]
                terms = {name[len(TERM_PREFIX):]: term[rows].float() for name, term in result.items()
                         if name.startswith(TERM_PREFIX)}
                yield Batch(start + part, dict(terms, prototype=own["prototype"][part]),
                            unpacked(result["masks"][rows], self._size))
            start += len(own["rows"])


def spaced(rows: Sequence[int], most: int) -> List[int]:
    """At most `most` of some rows, evenly apart."""
    if len(rows) <= most:
        return list(rows)
    return [rows[n] for n in np.linspace(0, len(rows) - 1, most).round().astype(int)]


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
