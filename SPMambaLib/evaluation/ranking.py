"""Counts per map value over any number of pixels, in bounded memory.

A value is kept as the 32 bits of its float32, turned so that they sort like the numbers.  As long as there are at most
`capacity` distinct values nothing is rounded and every metric of the counts is exact.  Beyond that the lowest bits are
dropped, as few as are needed: values that become equal are judged as ties.  `bits` tells how many are left; 20 bits
(sign, exponent, 11 of the mantissa) still tell values apart that differ by 1 in 2000.
"""
from __future__ import annotations

from typing import Dict, List, Tuple

import numpy as np

CAPACITY = 2_000_000  # distinct values: 64 MB, and twice that while merging
SIGN = np.uint32(0x80000000)


def sortable(values: np.ndarray) -> np.ndarray:
    """float32 -> uint32 of the same order; -0.0 equals 0.0."""
    bits = (np.ascontiguousarray(values, dtype=np.float32) + np.float32(0.0)).view(np.uint32)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def unsorted(keys: np.ndarray) -> np.ndarray:
    """Inverse of `sortable`."""
    keys = keys.astype(np.uint32)
    return np.where(keys & SIGN, keys ^ SIGN, ~keys).astype(np.uint32).view(np.float32)


class Ranking:
    """Adds up weights per distinct value.

    Attributes:
        columns: names of the weights: "negatives", "positives", or what the user of this class needs.
        bits: of the 32 bits of a float32, how many still tell values apart.
        total: number of values added.
    """

    def __init__(self, columns: Tuple[str, ...], capacity: int = CAPACITY, bits: int = 32) -> None:
        self.columns, self.capacity, self.bits, self.total = columns, capacity, bits, 0
        self._keys = np.zeros(0, dtype=np.uint32)
        self._sums = np.zeros((len(columns), 0))
        self._waiting: List[Tuple[np.ndarray, np.ndarray]] = []
        self._waiting_size = 0

    def add(self, values: np.ndarray, **weights: np.ndarray) -> None:
        """Values of any shape, and for each column a weight of that shape (those not given are 0)."""
        flat = np.asarray(values, dtype=np.float32).ravel()
        if not np.isfinite(flat).all():
            raise ValueError("a map with values that are not finite cannot be ranked")
        table = np.zeros((len(self.columns), flat.size))
        for name, weight in weights.items():
            table[self.columns.index(name)] = np.asarray(weight, dtype=np.float64).ravel()
        self.total += flat.size
        keys, sums = _summed(self._rounded(sortable(flat)), table)
        self._waiting.append((keys, sums))
        self._waiting_size += len(keys)
        if self._waiting_size > self.capacity:
            self._merge()

    def counts(self) -> Tuple[np.ndarray, Dict[str, np.ndarray]]:
        """(distinct values in descending order (K,), sum of each column (K,))."""
        self._merge()
        return unsorted(self._keys[::-1]).astype(np.float64), {
            name: sums[::-1] for name, sums in zip(self.columns, self._sums)}

    def _rounded(self, keys: np.ndarray) -> np.ndarray:
        dropped = 32 - self.bits
        return (keys >> np.uint32(dropped)) << np.uint32(dropped) if dropped else keys

    def _merge(self) -> None:
        if not self._waiting:
            return
        parts = [(self._keys, self._sums), *self._waiting]
        self._waiting, self._waiting_size = [], 0
        keys = self._rounded(np.concatenate([part[0] for part in parts]))
        self._keys, self._sums = _summed(keys, np.concatenate([part[1] for part in parts], axis=1))
        while len(self._keys) > self.capacity:
            self.bits -= 1
            self._keys, self._sums = _summed(self._rounded(self._keys), self._sums)


def _summed(keys: np.ndarray, table: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Distinct keys ascending, and the sum of each row of `table` over equal keys."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=np.intp)
    sums = np.add.reduceat(table[:, order], starts, axis=1) if len(keys) else table
    return keys[starts], sums
