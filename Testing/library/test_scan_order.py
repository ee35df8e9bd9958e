from __future__ import annotations

import numpy as np
import pytest

from SPMambaLib.model.scan_order import ORDERS, directional_orders, scan_order

CIRCULAR_HILBERT_8 = """0 1 2 3 4 5 6 7 15 23 31 39 47 55 63 62 61 60 59 58 57 56 48 40 32 24 16 8
9 10 11 12 13 14 22 30 38 46 54 53 52 51 50 49 41 33 25 17
18 19 27 26 34 42 43 35 36 44 45 37 29 28 20 21"""

SMALL = {
    "raster": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    "snake": [0, 1, 2, 3, 7, 6, 5, 4, 8, 9, 10, 11, 15, 14, 13, 12],
    "zigzag": [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15],
    "z-order": [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15],
    "hilbert": [0, 1, 5, 4, 8, 12, 13, 9, 10, 14, 15, 11, 7, 6, 2, 3],
}


def steps_to_neighbours(order: np.ndarray, side: int) -> np.ndarray:
    row, column = np.divmod(order, side)
    return np.abs(np.diff(row)) + np.abs(np.diff(column)) == 1


def test_circular_hilbert_of_eight_is_the_published_list():
    assert scan_order("circular-hilbert", 8).tolist() == [int(cell) for cell in CIRCULAR_HILBERT_8.split()]


@pytest.mark.parametrize("name", SMALL)
def test_other_orders_of_four(name):
    assert scan_order(name, 4).tolist() == SMALL[name]


@pytest.mark.parametrize("side", [8, 16, 32, 64])
@pytest.mark.parametrize("name", ORDERS)
def test_every_cell_is_visited_once(name, side):
    assert np.array_equal(np.sort(scan_order(name, side)), np.arange(side * side))


@pytest.mark.parametrize("side", [8, 16, 32, 64])
@pytest.mark.parametrize("name", ["circular-hilbert", "hilbert", "snake"])
def test_continuous_orders_step_to_a_neighbour(name, side):
    assert steps_to_neighbours(scan_order(name, side), side).all()


@pytest.mark.parametrize("name", ["raster", "zigzag", "z-order"])
def test_the_neighbour_check_sees_a_jump(name):
    assert not steps_to_neighbours(scan_order(name, 8), 8).all()


def test_the_spiral_precedes_the_central_square():
    side = 32
    row, column = np.divmod(scan_order("circular-hilbert", side), side)
    ring = np.minimum.reduce([row, column, side - 1 - row, side - 1 - column])
    spiral = ring < side // 4
    assert spiral[: spiral.sum()].all()
    assert (np.diff(ring[: spiral.sum()]) >= 0).all()


def test_eight_directions():
    side = 8
    path = scan_order("circular-hilbert", side)
    row, column = np.divmod(path, side)
    orders = directional_orders("circular-hilbert", side)
    assert orders.shape == (8, side * side)
    assert orders.dtype == np.int64
    assert np.array_equal(orders[0], path)
    assert np.array_equal(orders[1], column * side + row)
    # Turned counter-clockwise: what is now at (row, column) came from (column, side - 1 - row).
    assert np.array_equal(orders[2], column * side + side - 1 - row)
    assert np.array_equal(orders[3], row * side + side - 1 - column)
    assert np.array_equal(orders[4:], orders[:4, ::-1])
    assert len({tuple(order) for order in orders}) == 8
    assert set(orders[:4, 0]) == {0, side - 1}


@pytest.mark.parametrize("directions, images", [(2, 1), (4, 2)])
def test_fewer_directions_keep_their_reverses(directions, images):
    orders = directional_orders("circular-hilbert", 8, directions)
    every = directional_orders("circular-hilbert", 8)
    assert np.array_equal(orders, np.concatenate([every[:images], every[4:4 + images]]))


@pytest.mark.parametrize("name, side", [
    ("circular-hilbert", 4), ("circular-hilbert", 12), ("circular-hilbert", 24), ("hilbert", 6),
    ("z-order", 12), ("raster", 0), ("spiral", 8),
])
def test_impossible_orders_are_refused(name, side):
    with pytest.raises(ValueError, match=r"order|side"):
        scan_order(name, side)


def test_impossible_number_of_directions_is_refused():
    with pytest.raises(ValueError, match="directions"):
        directional_orders("raster", 8, 3)


def test_cached_orders_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        scan_order("raster", 8)[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        directional_orders("raster", 8)[0, 0] = 1
