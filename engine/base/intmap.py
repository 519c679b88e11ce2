"""An open-addressing map from int64 keys to dense slots, for numba kernels.

Keys are >= 0. A slot is the order in which its key first came, so slots are stable and deterministic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place

_EMPTY = -1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: spreads consecutive keys


@in_place
def _home(key: int, bits: int) -> np.int64:
    return np.int64((np.uint64(key) * _MULTIPLIER) >> np.uint64(64 - bits))


@in_place
def _place_of(table: NDArray[np.int64], bits: int, key: int) -> np.int64:
    """Where the key stands, or the empty place where it would."""
    mask = len(table) - 1
    place = _home(key, bits)
    while table[place] != _EMPTY and table[place] != key:
        place = (place + 1) & mask
    return place


@in_place
def _find_or_add(
    table: NDArray[np.int64],
    values: NDArray[np.int64],
    bits: int,
    count: int,
    keys: NDArray[np.int64],
    out: NDArray[np.int64],
) -> int:
    for i in range(len(keys)):
        key = keys[i]
        place = _place_of(table, bits, key)
        if table[place] == _EMPTY:
            table[place] = key
            values[place] = count
            count += 1
        out[i] = values[place]
    return count


@in_place
def _find(
    table: NDArray[np.int64],
    values: NDArray[np.int64],
    bits: int,
    keys: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    for i in range(len(keys)):
        place = _place_of(table, bits, keys[i])
        out[i] = values[place] if table[place] != _EMPTY else -1


@in_place
def _rehash(
    table: NDArray[np.int64],
    values: NDArray[np.int64],
    bits: int,
    old_table: NDArray[np.int64],
    old_values: NDArray[np.int64],
) -> None:
    for i in range(len(old_table)):
        if old_table[i] != _EMPTY:
            place = _place_of(table, bits, old_table[i])
            table[place] = old_table[i]
            values[place] = old_values[i]


class IntMap:
    """Dense slots 0, 1, 2 ... for int64 keys."""

    def __init__(self) -> None:
        self.count = 0
        self._bits = 6
        self._table = np.full(1 << self._bits, _EMPTY, np.int64)
        self._values = np.zeros(1 << self._bits, np.int64)

    def find_or_add(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n] slots; unknown keys get the next free slots in the order given."""
        self._reserve(self.count + len(keys))
        out = np.empty(len(keys), np.int64)
        self.count = _find_or_add(self._table, self._values, self._bits, self.count, keys, out)
        return out

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n] slots, -1 where the key is unknown."""
        out = np.empty(len(keys), np.int64)
        _find(self._table, self._values, self._bits, keys, out)
        return out

    def _reserve(self, count: int) -> None:
        """Keep the table at most half full, so that probe runs stay short."""
        bits = self._bits
        while (1 << bits) < 2 * count:
            bits += 1
        if bits == self._bits:
            return
        old_table, old_values = self._table, self._values
        self._bits = bits
        self._table = np.full(1 << bits, _EMPTY, np.int64)
        self._values = np.zeros(1 << bits, np.int64)
        _rehash(self._table, self._values, bits, old_table, old_values)
