"""Prototypes at every place, alone: the library's own, with all that an ablation changes."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable, Dict, Optional

import torch
from benchmarks.images import Images
from torch import Tensor

from SPMambaLib.model.feature_space import joined
from SPMambaLib.model.prototypes import Prototypes, at_height
from SPMambaLib.training.fit import fit_prototypes, fit_space

ITERATIONS = 10  # of k-means
PULL_STEPS, PULL_RATE, PULL_BATCH = 200, 0.005, 16  # the paper's AdamW, on the prototype loss alone
FEATURES: Dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "layer 3": lambda fine, coarse: coarse,
    "layer 2": lambda fine, coarse: fine,
    "layers 2 and 3": lambda fine, coarse: joined([fine, coarse], coarse.shape[-1]),
    "layers 2 and 3, fine": lambda fine, coarse: joined([fine, coarse], fine.shape[-1]),
}
"""What prototypes are placed among, from f2 and f3."""


class PositionPrototypes:
    """Distance to the nearest prototype of each height.

    Args:
        per_cell, window, height_bins, match, space, centred: as `Prototypes`.
        features: one of `FEATURES`.
        start: ``"data"`` (k-means), ``"pulled"`` (random, then learned by pulling only) or ``"random"`` (not fitted).
        copies: the varied copies are used too.
    """

    def __init__(self, per_cell: int = 20, window: int = 3, height_bins: int = 1, match: str = "prototypes",
                 features: str = "layer 3", start: str = "data", space: str = "plain",
                 centred: bool = False, copies: bool = True, seed: int = 0) -> None:
        if features not in FEATURES or start not in ("data", "pulled", "random"):
            raise ValueError("unknown features {!r} or start {!r}".format(features, start))
        self.per_cell, self.window, self.height_bins, self.match = per_cell, window, height_bins, match
        self.features, self.start, self.space, self.centred = features, start, space, centred
        self.copies, self.seed = copies, seed

    def fit(self, normals: Images) -> None:
        normals = normals if self.copies else normals.originals()
        x = torch.cat([self._block_evidence(batch).half() for batch in normals.batches(64)])
        torch.manual_seed(self.seed)
        self.prototypes = Prototypes(x.shape[-1], x.shape[1], self.per_cell, self.window, self.height_bins, self.match,
                                     self.space, self.centred)
        holder: Any = SimpleNamespace(prototypes=self.prototypes)
        fit_space(holder, x)
        if self.start == "data":
            fit_prototypes(holder, x, normals.slice_height, iterations=ITERATIONS, seed=self.seed)
        elif self.start == "pulled":
            self._pull(x, normals.slice_height)
        self.prototypes.requires_grad_(False)

    @torch.no_grad()
    def map(self, batch: Images) -> Tensor:
        return self.prototypes.distances(self._block_evidence(batch))

    def _block_evidence(self, batch: Images) -> Tensor:
        """The features that prototypes are placed among."""
        return FEATURES[self.features](*(feature.float() for feature in batch.features[1:]))

    def _pull(self, x: Tensor, slice_height: Optional[Tensor]) -> None:
        """Learn by pulling each prototype towards what it explains: nothing keeps them apart."""
        generator = torch.Generator().manual_seed(self.seed)
        optimiser = torch.optim.AdamW(self.prototypes.parameters(), lr=PULL_RATE, weight_decay=1e-4)
        for _ in range(PULL_STEPS):
            rows = torch.randint(len(x), (PULL_BATCH,), generator=generator)
            index = None
            if slice_height is not None:
                index = (slice_height[rows].clamp(0, 1) * self.height_bins).long().clamp(max=self.height_bins - 1)
            loss = at_height(self.prototypes.distances(x[rows].float()), index).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
