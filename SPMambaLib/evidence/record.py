"""Why a voxel was highlighted: what the nearest normal looks like there, and how far each term of the map stands out.

Kept for every block that any operating point can highlight, so a finding has its evidence wherever the threshold is
moved, without the model.  A block is `BLOCK` x `BLOCK` pixels of the network's input; its pictures show
the cells around the prototype's own.  Light: numpy only.
"""
from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, fields
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from ..errors import UnreadableFileError
from ..geometry import SlicePlane
from ..older_versions import present_arrays

BLOCK = 4  # input pixels, about half of what a term tells apart
REACH = 3  # blocks within which the evidence of a voxel is looked for: mapping to voxels and back is not exact
NO_TILE = -1

Window = Tuple[float, float]
View = Tuple[Tuple[float, float, float], Tuple[float, float, float]]


@dataclass(frozen=True)
class VoxelEvidence:
    """What is known about one voxel.

    Attributes:
        number: of the slice in the stack of its plane.
        terms: standardised terms there, by name, in units of normal spread.
        distance: cosine distance of its features to the nearest prototype.
        tile: uint8 (side, side), mean image patch of the normals closest to that prototype; None if there is none.
        patients: how many normals that is the mean of.
        view: what the pictures show of the slice: the matrix from places in them (down, right, from 0 to 1) to rows and
            columns, counted from the slice's upper and left edge; may reach beyond it.  It is that of the prototype, so
            that tile and scan show the same place; the voxel may lie a cell off its middle.
        spot: where the voxel lies in the pictures, down and to the right, 0 to 1.
        window: image values that are black and white in the tile's grey scale.
    """

    number: int
    terms: Dict[str, float]
    distance: float
    tile: Optional[np.ndarray]
    patients: int
    view: View
    spot: Tuple[float, float]
    window: Window

    def patch(self, image: np.ndarray, side: int) -> np.ndarray:
        """The view of an image (H, W) of slice `number`, in the tile's grey scale: uint8 (side, side),
        linear between pixels, black beyond the image."""
        black, white = self.window
        grey = 255.0 * np.clip((np.nan_to_num(image.astype(np.float64)) - black) / (white - black), 0.0, 1.0)
        return sampled(np.pad(grey, 1), np.array(self.view) + [0, 0, 1], side)


def sampled(grey: np.ndarray, view: np.ndarray, side: int) -> np.ndarray:
    """A view (2, 3), see `Place`, of a picture (H, W) of greys up to 255: uint8 (side, side), linear between pixels,
    its edge repeated."""
    steps, last = (np.arange(side) + 0.5) / side, np.array(grey.shape)[:, None, None] - 1
    at = view[:, :1, None] * steps[:, None] + view[:, 1:2, None] * steps + view[:, 2:, None] - 0.5
    at = np.clip(at, 0, last)
    row, column = low = np.minimum(at.astype(int), last - 1)
    down, right = at - low
    upper, lower = ((1 - right) * grey[row + n, column] + right * grey[row + n, column + 1] for n in (0, 1))
    return np.round((1 - down) * upper + down * lower).astype(np.uint8)


@dataclass(frozen=True)
class Evidence:
    """Of all slices of a detection (N analysed slices, P blocks, T terms, U different tiles).

    Attributes:
        terms: (T,) names.
        frame: (4,) side of the network's input in pixels, of its grid of blocks and of its grid of cells; cells along
            a side of a picture.
        rates: (R,) shares of normals, descending.
        reached: (T, R) values that these shares of held-out normals reach somewhere; (0, 0) if not known.
        slices: (N,) number in the stack, ascending.
        frames: (N, 2, 3) where the network's input lies in each slice, see `PreparedSlices.frames`.
        windows: (N, 2) image values that are black and white.
        blocks: (P, 3) row of `slices`, block in row-major order, row of `tiles` or `NO_TILE`; sorted.
        values: (P, T) float16 standardised terms.
        distances: (P,) float16.
        tiles: uint8 (U, side, side).
        patients: (U,) behind each tile.
        cells: (U,) cell of each tile, in row-major order.
    """

    terms: np.ndarray
    frame: np.ndarray
    rates: np.ndarray
    reached: np.ndarray
    slices: np.ndarray
    frames: np.ndarray
    windows: np.ndarray
    blocks: np.ndarray
    values: np.ndarray
    distances: np.ndarray
    tiles: np.ndarray
    patients: np.ndarray
    cells: np.ndarray

    def to_dict(self) -> Dict[str, Any]:
        """Facts for ``result.json``."""
        return {"terms": self.terms.tolist(), "slices": len(self.slices), "blocks": len(self.blocks),
                "tiles": len(self.tiles)}

    def to_bytes(self) -> bytes:
        """One compressed file, no pickle in it."""
        stream = io.BytesIO()
        np.savez_compressed(stream, **{each.name: getattr(self, each.name) for each in fields(self)})
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Evidence":
        """Inverse of `to_bytes`.

        Raises:
            UnreadableFileError: it is damaged, or of another version.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                stored = present_arrays(arrays.files)
                found = cls(**{each.name: arrays[stored[each.name]] for each in fields(cls)})
            if not found._sound():
                raise ValueError("shapes do not fit")
        except (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, zipfile.BadZipFile,
                zlib.error) as error:
            raise UnreadableFileError("The evidence of this result is damaged; detect again to see it.",
                                      repr(error)) from error
        return found

    def _sound(self) -> bool:
        count, places = len(self.slices), len(self.blocks)
        return bool(
            self.frame.shape == (4,) and self.frames.shape == (count, 2, 3) and self.windows.shape == (count, 2)
            and self.blocks.shape == (places, 3) and self.values.shape == (places, len(self.terms))
            and self.distances.shape == (places,) and self.tiles.ndim == 3
            and len(self.patients) == len(self.cells) == len(self.tiles)
            and len(self.reached) in (0, len(self.terms)) and self.reached.shape[-1] in (0, len(self.rates))
            and (not places or (self.blocks.min(axis=0)[:2].min() >= 0 and self.blocks[:, 0].max() < count
                                and self.blocks[:, 2].max() < len(self.tiles))))

    # -- one voxel ----------------------------------------------------------------------------------------------------

    def at(self, plane: SlicePlane, ijk: Sequence[int]) -> Optional[VoxelEvidence]:
        """Of voxel (i, j, k) of the volume that `plane` cuts; None where nothing can be marked."""
        rows, inside = self._inside(plane, np.asarray([ijk])[:, ::-1])
        row, block = int(rows[0]), int(self._blocks(inside)[0])
        if row < 0:
            return None
        side = int(self.frame[1])
        first, last = np.searchsorted(self.blocks[:, 0], (row, row + 1))
        if first == last:
            return None
        away = np.abs(np.array(divmod(self.blocks[first:last, 1], side)) - np.array(divmod(block, side))[:, None])
        nearest = int(away.max(axis=0).argmin())
        if away[:, nearest].max() > REACH:
            return None
        return self._block_evidence(first + nearest, inside[0])

    def _block_evidence(self, index: int, inside: np.ndarray) -> VoxelEvidence:
        """Of a row of `blocks`, for a voxel at `inside` (2,) of the frame."""
        row, block, tile = (int(n) for n in self.blocks[index])
        _, blocks, cells, shown = (int(n) for n in self.frame)
        known = tile != NO_TILE
        cell = divmod(int(self.cells[tile]), cells) if known else [n * cells // blocks for n in divmod(block, blocks)]
        down, right = (n - (shown - 1) / 2 for n in cell)  # in cells
        turn, corner = self.frames[row, :, :2], self.frames[row] @ [down / cells, right / cells, 1.0]
        rows, columns = np.column_stack([turn * shown / cells, corner]).tolist()
        spot = (float(inside[0] * cells - down) / shown, float(inside[1] * cells - right) / shown)
        return VoxelEvidence(
            int(self.slices[row]),
            dict(zip(self.terms.tolist(), self.values[index].astype(float).tolist())),
            float(self.distances[index]),
            self.tiles[tile] if known else None,
            int(self.patients[tile]) if known else 0,
            (tuple(rows), tuple(columns)),
            spot,
            (float(self.windows[row, 0]), float(self.windows[row, 1])),
        )

    def _inside(self, plane: SlicePlane, kji: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Row of `slices` (-1 where not analysed) of voxels (n, 3), and where they lie in the frame (n, 2), 0 to 1."""
        stack = [plane.shape[axis] - 1 - kji[:, axis] if flip else kji[:, axis]
                 for axis, flip in zip(plane.order, plane.flips)]
        row = np.searchsorted(self.slices, stack[0]).clip(max=max(len(self.slices) - 1, 0))
        if not len(self.slices):
            return np.full(len(kji), -1), np.zeros((len(kji), 2))
        back = np.linalg.inv(self.frames[:, :, :2])[row]
        away = np.stack(stack[1:], axis=1) + 0.5 - self.frames[row, :, 2]
        inside = np.einsum("nij,nj->ni", back, away)
        return np.where(self.slices[row] == stack[0], row, -1), inside

    def _blocks(self, inside: np.ndarray) -> np.ndarray:
        """Block of each place (n, 2) in the frame."""
        side = int(self.frame[1])
        at = np.floor(inside * side).astype(int).clip(0, side - 1)
        return at[:, 0] * side + at[:, 1]

    # -- findings -----------------------------------------------------------------------------------------------------

    def peaks(self, plane: SlicePlane, labels: np.ndarray, count: int) -> np.ndarray:
        """Highest value of each term in the findings 1 to `count` of `labels` (K, J, I): (count, T), NaN where nothing
        is known."""
        found = np.full((count + 1, len(self.terms)), -np.inf, dtype=np.float32)
        where = np.flatnonzero(labels != 0)  # of booleans it is five times as fast
        if len(where) and len(self.blocks):
            row, inside = self._inside(plane, np.stack(np.unravel_index(where, labels.shape), axis=1))
            block = self._blocks(inside)
            blocks = int(self.frame[1]) ** 2
            keys = self.blocks[:, 0].astype(np.int64) * blocks + self.blocks[:, 1]
            wanted = np.unique((labels.ravel()[where].astype(np.int64) * (len(self.slices) + 1) + row) * blocks + block)
            label, wanted = np.divmod(wanted, (len(self.slices) + 1) * blocks)
            place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
            known = (keys[place] == wanted) & (label <= count)
            np.maximum.at(found, label[known], self.values[place[known]].astype(np.float32))
        return np.where(np.isfinite(found[1:]), found[1:], np.nan)

    # -- the normals --------------------------------------------------------------------------------------------------

    def reach(self, term: str) -> Optional[Tuple[float, float]]:
        """Values of a term that 1 in 20 held-out normals and that none of them exceeds; None if not known."""
        if not len(self.reached):
            return None
        row = self.reached[self.terms.tolist().index(term)]
        return float(np.interp(-0.05, -self.rates, row)), float(row[-1])
