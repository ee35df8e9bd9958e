"""From scored slices to their `Evidence`: what is kept of the blocks that an operating point may ever highlight."""
from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..preprocessing.prepare import PreparedSlices
from .normal_tiles import NormalTiles, TileLayout
from .record import BLOCK, NO_TILE, Evidence


class Gathering:
    """Collects batch by batch.

    Args:
        lowest: map value below which no operating point goes.
    """

    def __init__(self, lowest: float) -> None:
        self._lowest = lowest
        self._parts: List[List[np.ndarray]] = []
        self._slices: List[int] = []
        self._cells = 1

    def add(self, index: np.ndarray, fused: Tensor, standardised: Dict[str, Tensor], nearest: Tensor,
            distances: Tensor) -> None:
        """Slices with numbers `index` (b,) in the stack: map and terms (b, S, S); nearest prototypes and the distances
        to them (b, h, w), at each slice's height."""
        self._cells = nearest.shape[-1]
        side = fused.shape[-1] // BLOCK
        row, down, right = torch.nonzero(F.adaptive_max_pool2d(fused, side) >= self._lowest, as_tuple=True)
        lower, later = (at * self._cells // side for at in (down, right))
        values = torch.stack([F.adaptive_max_pool2d(term, side)[row, down, right] for term in standardised.values()], 1)
        self._parts.append([(row + len(self._slices)).numpy(), (down * side + right).numpy(),
                            nearest[row, lower, later].numpy(), distances[row, lower, later].half().numpy(),
                            values.half().numpy()])
        self._slices += index.tolist()

    def evidence(self, prepared: PreparedSlices, terms: Any, normal_tiles: Optional[NormalTiles],
                 calibration: Dict[str, Any]) -> Evidence:
        """All that was added.

        Args:
            terms: their names, in the order of `standardised`.
            calibration: the card's; "term_peaks" are values of each term that the shares "rates" of the map's table
                reach.
        """
        row, block, nearest, distances, values = (np.concatenate(part) for part in zip(*self._parts))
        form = normal_tiles.layout if normal_tiles is not None else TileLayout()
        numbers, tile = np.unique(nearest, return_inverse=True)
        tiles, patients = np.zeros((0, form.side, form.side), dtype=np.uint8), np.zeros(0, dtype=int)
        cells = patients
        if normal_tiles is not None:
            tiles = normal_tiles.tiles.reshape(-1, form.side, form.side)[numbers]
            patients = np.repeat(normal_tiles.patients, normal_tiles.tiles[0, :, :, 0, 0].size)[numbers]
            cells = (
                np.arange(normal_tiles.tiles[:, :, :, 0, 0].size)
                // normal_tiles.tiles.shape[2]
                % normal_tiles.tiles.shape[1]
            )
            cells = cells[numbers]
        kept = np.flatnonzero(patients)
        renumbered = np.full(len(numbers), NO_TILE)
        renumbered[kept] = np.arange(len(kept))
        reached = calibration.get("term_peaks") or {}
        return Evidence(
            terms=np.array(terms),
            frame=np.array([prepared.pixels.shape[-1], prepared.pixels.shape[-1] // BLOCK, self._cells, form.cells]),
            rates=np.array(calibration["map"]["rates"], dtype=np.float64),
            reached=np.array([reached[name] for name in terms] if reached else np.zeros((0, 0))),
            slices=np.array(self._slices), frames=prepared.frames(self._slices),
            windows=prepared.windows[self._slices], blocks=np.stack([row, block, renumbered[tile.ravel()]], axis=1),
            values=values, distances=distances, tiles=tiles[kept], patients=patients[kept],
            cells=cells[kept])
