"""An open-addressing map from texts to dense slots that keeps its texts in one array of bytes.

In a dict of a million ids each costs about 200 bytes of objects and table; here it is the text itself and 20 to 30
bytes. Two texts share a slot only if all their bytes are the same: the hash only says where to look.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer
from engine.base.kernel import in_place

Int64s = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_EMPTY = -1
_SLOT_BITS = (
    32  # of a table entry; the bits above are the upper 31 of the hash, so that few texts are looked at
)
_SLOT_MASK = (1 << _SLOT_BITS) - 1
_TAG_BITS = 31
_LEAST_BITS = 1  # the first few texts outgrow it, so that whoever warms the kernels up warms all of them


@in_place
def _tag(text: Bytes, start: int, end: int) -> np.int64:
    """31 bits of the text's FNV-1a hash, spread once more, since ids often differ in their last bytes only."""
    state = np.uint64(0xCBF29CE484222325)
    for i in range(start, end):
        state = (state ^ np.uint64(text[i])) * np.uint64(0x100000001B3)
    state ^= state >> np.uint64(32)
    return np.int64((state * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _TAG_BITS))


@in_place
def _is_there(arena: Bytes, ends: Int64s, slot: int, text: Bytes, start: int, length: int) -> bool:
    """Whether the text of a slot is ``text[start : start + length]``."""
    first = ends[slot]
    if ends[slot + 1] - first != length:
        return False
    for i in range(length):  # noqa: SIM110  # numba has no all()
        if arena[first + i] != text[start + i]:
            return False
    return True


@in_place
def _find_or_add(
    table: Int64s,
    bits: int,
    arena: Bytes,
    ends: Int64s,
    count: int,
    text: Bytes,
    lengths: Int64s,
    out: Int64s,
) -> int:
    """Slots of texts that stand one behind the other; returns how many the map has then."""
    start, mask = 0, len(table) - 1
    for i in range(len(lengths)):
        length = lengths[i]
        tag = _tag(text, start, start + length)
        place = tag >> (_TAG_BITS - bits)
        while table[place] != _EMPTY:
            slot = table[place] & _SLOT_MASK
            if table[place] >> _SLOT_BITS == tag and _is_there(arena, ends, slot, text, start, length):
                break
            place = (place + 1) & mask
        if table[place] == _EMPTY:
            first = ends[count]
            for j in range(length):
                arena[first + j] = text[start + j]
            ends[count + 1] = first + length
            table[place] = (tag << _SLOT_BITS) | count
            count += 1
        out[i] = table[place] & _SLOT_MASK
        start += length
    return count


@in_place
def _rehash(table: Int64s, bits: int, old: Int64s) -> None:
    mask = len(table) - 1
    for entry in old:
        if entry != _EMPTY:
            place = (entry >> _SLOT_BITS) >> (_TAG_BITS - bits)
            while table[place] != _EMPTY:
                place = (place + 1) & mask
            table[place] = entry


class IdMap:
    """Dense slots 0, 1, 2 ... for texts, in the order in which they first came."""

    def __init__(self) -> None:
        self.count = 0
        self._bits = _LEAST_BITS
        self._table: Int64s = np.full(1 << _LEAST_BITS, _EMPTY, np.int64)
        self._arena: Bytes = np.zeros(1024, np.uint8)
        self._ends: Int64s = np.zeros(65, np.int64)  # slot s has the bytes from ends[s] to ends[s + 1]

    def find_or_add(self, ids: Sequence[str]) -> Int64s:
        """int64[n] slots; unknown ids get the next free slots in the order given."""
        joined = "".join(ids)
        text = joined.encode()
        ascii_only = len(text) == len(joined)
        lengths = np.fromiter(map(len, ids if ascii_only else map(str.encode, ids)), np.int64, len(ids))
        return self._slots(np.frombuffer(text, np.uint8), lengths)

    def only(self, keep: NDArray[np.bool_]) -> IdMap:
        """A map of the slots where ``keep`` bool[count] is True, in the same order."""
        return IdMap.of_texts(*self.texts(keep))

    def texts(self, keep: NDArray[np.bool_]) -> tuple[Bytes, Int64s]:
        """Copies: the texts of the slots where ``keep`` bool[count] is True, one behind the other, and their lengths in
        bytes."""
        text, lengths = self._arena[: self._ends[self.count]], np.diff(self._ends[: self.count + 1])
        if keep.all():
            return text.copy(), lengths
        return text[np.repeat(keep, lengths)], lengths[keep]

    @classmethod
    def of_texts(cls, text: Bytes, lengths: Int64s) -> IdMap:
        """A map of different texts that stand one behind the other, in their order."""
        made = cls()
        # Kernels take texts that cannot be written and lengths that can; other arrays would be compiled for once more.
        made._slots(np.frombuffer(text.tobytes(), np.uint8), lengths.astype(np.int64))
        return made

    def _slots(self, text: Bytes, lengths: Int64s) -> Int64s:
        self._reserve(self.count + len(lengths), int(self._ends[self.count]) + len(text))
        out = np.empty(len(lengths), np.int64)
        self.count = _find_or_add(
            self._table, self._bits, self._arena, self._ends, self.count, text, lengths, out
        )
        return out

    def _reserve(self, count: int, size_bytes: int) -> None:
        """Keep the table at most three quarters full, so that probe runs stay short."""
        if size_bytes > len(self._arena):
            self._arena = longer(self._arena, max(size_bytes, 2 * len(self._arena)), 0)
        if count >= len(self._ends):
            self._ends = longer(self._ends, max(count + 1, 2 * len(self._ends)), 0)
        bits = self._bits
        while 3 * (1 << bits) < 4 * count:
            bits += 1
        if bits > self._bits:
            table = np.full(1 << bits, _EMPTY, np.int64)
            _rehash(table, bits, self._table)
            self._table, self._bits = table, bits
