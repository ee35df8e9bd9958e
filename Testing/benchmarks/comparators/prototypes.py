"""Prototypes at every place, alone: the library's own, with all that an ablation changes."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Optional

import torch
from benchmarks.images import Images
from torch import Tensor
from torch.nn import functional as F

from SPMambaLib.model.prototypes import Prototypes, at_level
from SPMambaLib.training.fit import fit_prototypes

ITERATIONS = 10  # of k-means
PULL_STEPS, PULL_RATE, PULL_BATCH = 200, 0.005, 16  # the paper's AdamW, on the prototype loss alone
WHITENING_FLOOR = 0.1  # of the mean eigenvalue, added to each
FEATURES = ("layer 3", "layer 2", "layers 2 and 3")


class PlacePrototypes:
    """Distance to the nearest prototype of each level.

    Args:
        per_cell, window, levels, match: as `Prototypes`.
        features: one of `FEATURES`; all but the first are on the grid of f2, twice as fine.
        start: ``"data"`` (k-means), ``"pulled"`` (random, then learned by pulling only) or ``"random"`` (not fitted).
        whiten: features are whitened by their principal components, over all places.
        copies: the varied copies are used too.
    """

    def __init__(self, per_cell: int = 20, window: int = 3, levels: int = 1, match: str = "prototypes",
                 features: str = "layer 3", start: str = "data", whiten: bool = False, copies: bool = True,
                 seed: int = 0) -> None:
        if features not in FEATURES or start not in ("data", "pulled", "random"):
            raise ValueError("unknown features {!r} or start {!r}".format(features, start))
        self.per_cell, self.window, self.levels, self.match = per_cell, window, levels, match
        self.features, self.start, self.whiten, self.copies, self.seed = features, start, whiten, copies, seed
        self._centre: Optional[Tensor] = None

    def fit(self, normals: Images) -> None:
        normals = normals if self.copies else normals.originals()
        level = None if normals.level is None else normals.level
        if self.whiten:
            self._find_axes(normals)
        x = torch.cat([self._place(batch).half() for batch in normals.batches(64)])
        torch.manual_seed(self.seed)
        self.prototypes = Prototypes(x.shape[-1], x.shape[1], self.per_cell, self.window, self.levels, self.match)
        if self.start == "data":
            holder = SimpleNamespace(prototypes=self.prototypes)
            fit_prototypes(holder, x, level, iterations=ITERATIONS, seed=self.seed)  # type: ignore[arg-type]
        elif self.start == "pulled":
            self._pull(x, level)
        self.prototypes.requires_grad_(False)

    @torch.no_grad()
    def map(self, batch: Images) -> Tensor:
        return self.prototypes.distances(self._place(batch))

    def _place(self, batch: Images) -> Tensor:
        """The features that prototypes are placed among."""
        _, fine, coarse = (feature.float() for feature in batch.features)
        if self.features == "layer 3":
            x = coarse
        elif self.features == "layer 2":
            x = fine
        else:
            x = torch.cat([F.normalize(fine, dim=1), F.normalize(
                F.interpolate(coarse, fine.shape[-2:], mode="bilinear"), dim=1)], dim=1)
        if self._centre is None:
            return x
        return torch.einsum("bchw,cd->bdhw", x - self._centre[:, None, None], self._axes)

    def _find_axes(self, normals: Images) -> None:
        count, total, squares = 0, torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for batch in normals.batches(64):
            x = self._place(batch).movedim(1, -1).flatten(0, 2)
            count, total, squares = count + len(x), total + x.sum(0).double(), squares + (x.T @ x).double()
        mean = total / count
        values, vectors = torch.linalg.eigh(squares / count - torch.outer(mean, mean))
        self._axes = (vectors / (values + WHITENING_FLOOR * values.mean()).sqrt()).float()
        self._centre = mean.float()

    def _pull(self, x: Tensor, level: Optional[Tensor]) -> None:
        """Learn by pulling each prototype towards what it explains: nothing keeps them apart."""
        generator = torch.Generator().manual_seed(self.seed)
        optimiser = torch.optim.AdamW(self.prototypes.parameters(), lr=PULL_RATE, weight_decay=1e-4)
        for _ in range(PULL_STEPS):
            rows = torch.randint(len(x), (PULL_BATCH,), generator=generator)
            index = None
            if level is not None:
                index = (level[rows].clamp(0, 1) * self.levels).long().clamp(max=self.levels - 1)
            loss = at_level(self.prototypes.distances(x[rows].float()), index).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
