"""Paths over a square grid: in which order the tokens of an image reach a directional scan.

An order is an int64 array of flat indices (row * side + column), one per step.  The paper's is the
circular-Hilbert scan (arXiv 2507.19076); the others are kept for its ablation.  NumPy only, results are
cached and read-only.
"""
from __future__ import annotations

from functools import cache
from typing import Callable, Dict

import numpy as np


@cache
def scan_order(name: str, side: int) -> np.ndarray:
    """Flat indices (side * side,) int64 of the cells of a side x side grid in the order of the path `name`.

    Raises ValueError for an unknown name or a side which that path cannot cover.
    """
    if name not in ORDERS:
        raise ValueError("unknown scan order {!r}; known: {}".format(name, ", ".join(ORDERS)))
    if side < 1:
        raise ValueError("the grid's side must be positive, not {}".format(side))
    order = np.ascontiguousarray(ORDERS[name](side), dtype=np.int64)
    order.setflags(write=False)
    return order


@cache
def directional_orders(name: str, side: int, directions: int = 8) -> np.ndarray:
    """Order tables (directions, side * side) int64 of the directional scans over one grid.

    The path is laid over the image as it is, transposed, turned 90 degrees counter-clockwise, and turned and
    transposed: four starts at the two upper corners.  The second half of the rows is the first half reversed.
    Fewer `directions` (2 or 4) use the first one or two images.
    """
    if directions not in (2, 4, 8):
        raise ValueError("directions must be 2, 4 or 8, not {}".format(directions))
    cells = np.arange(side * side).reshape(side, side)
    turned = np.rot90(cells)
    images = (cells, cells.T, turned, turned.T)[:directions // 2]
    forward = np.stack([image.ravel()[scan_order(name, side)] for image in images])
    orders = np.concatenate([forward, forward[:, ::-1]])
    orders.setflags(write=False)
    return orders


def _raster(side: int) -> np.ndarray:
    return np.arange(side * side)


def _snake(side: int) -> np.ndarray:
    """Rows from the top, every second one from right to left."""
    cells = _raster(side).reshape(side, side)
    cells[1::2] = cells[1::2, ::-1]
    return cells.ravel()


def _zigzag(side: int) -> np.ndarray:
    """Anti-diagonals, alternately upwards and downwards, as in JPEG."""
    row, column = np.divmod(_raster(side), side)
    diagonal = row + column
    along = np.where(diagonal % 2 == 0, column, row)
    return np.lexsort((along, diagonal))


def _z_order(side: int) -> np.ndarray:
    """Morton curve: the bits of row and column interleaved."""
    _require_power_of_two("z-order", side, 1)
    step = _raster(side)
    row = np.zeros_like(step)
    column = np.zeros_like(step)
    for bit in range(side.bit_length() - 1):
        column |= (step >> (2 * bit) & 1) << bit
        row |= (step >> (2 * bit + 1) & 1) << bit
    return row * side + column


def _hilbert(side: int) -> np.ndarray:
    """Hilbert curve from the upper left to the upper right corner."""
    _require_power_of_two("hilbert", side, 1)
    row = column = np.zeros(1, dtype=np.int64)
    half = 1
    while half < side:
        # Quarters in the order upper left, lower left, lower right, upper right.  The first is transposed and
        # the last anti-transposed, so that each quarter ends beside the cell where the next one starts.
        row, column = (
            np.concatenate([column, row + half, row + half, half - 1 - column]),
            np.concatenate([row, column, column + half, 2 * half - 1 - row]),
        )
        half *= 2
    return row * side + column


def _circular_hilbert(side: int) -> np.ndarray:
    """An inward clockwise spiral over the side/4 outer rings, then a Hilbert curve over the centre."""
    _require_power_of_two("circular-hilbert", side, 8)
    cells = _raster(side).reshape(side, side)
    rings = side // 4
    path = []
    for ring in range(rings):
        last = side - 1 - ring
        path += [
            cells[ring, ring:last + 1],
            cells[ring + 1:last + 1, last],
            cells[last, ring:last][::-1],
            cells[ring + 1:last, ring][::-1],
        ]
    centre = cells[rings:-rings, rings:-rings]
    path.append(centre.ravel()[_hilbert(side // 2)])
    return np.concatenate(path)


def _require_power_of_two(name: str, side: int, least: int) -> None:
    if side < least or side & (side - 1):
        raise ValueError("the {} order needs a side that is a power of two and at least {}, not {}".format(
            name, least, side))


ORDERS: Dict[str, Callable[[int], np.ndarray]] = {
    "raster": _raster,
    "snake": _snake,
    "zigzag": _zigzag,
    "z-order": _z_order,
    "hilbert": _hilbert,
    "circular-hilbert": _circular_hilbert,
}
"""The selectable paths by name."""
