"""Columns by slot that grow without being copied.

A column that has become large moves once to a region of address space that is much longer than it: the operating
system gives memory to the part that is written and to no other. From then on growing means looking at more of the
region. Small columns are copied.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

Fill = tuple[Any, float]  # dtype, value of an unused row

_COPIED_BYTES = 1 << 20
_REGION_BYTES = 1 << 32
_REGION_ROWS = 1 << 24  # of wide columns, which would outgrow that many bytes
# Rows that are found faster in large pages. Narrow columns are read in order and grow together: clearing a large page
# of each at once would be felt, and half of one lies idle in each.
_WIDE_BYTES = 512
# Memory is cleared when it is first written, about a millisecond per MB: so many rows of a narrow column are not felt.
_MOST_NEW_ROWS = 1 << 15
# Linux asks to be told that addresses are no promise of memory; Python has a name for it from 3.13 on.
_NO_RESERVE = 0x4000 if hasattr(mmap, "MAP_POPULATE") else 0


def filled(fills: dict[str, Fill], capacity: int) -> dict[str, NDArray[Any]]:
    """One fresh column per entry, each full of its neutral value."""
    return {name: np.full(capacity, value, dtype) for name, (dtype, value) in fills.items()}


def room(needed: int, present: int) -> int:
    """Rows to grow to when ``needed`` are more than ``present``: some to spare, few enough to be filled at once."""
    return max(needed, min(2 * present, present + _MOST_NEW_ROWS))


def grow(owner: object, fills: dict[str, Fill], capacity: int) -> None:
    """Replace the owner's columns by longer ones; new rows hold the neutral value."""
    for name, (_, value) in fills.items():
        setattr(owner, name, longer(getattr(owner, name), capacity, value))


def longer(column: NDArray[Any], capacity: int, value: float) -> NDArray[Any]:
    """The column with so many rows; the new ones are full of the value.

    The column owns its memory or came from here; it is not to be used any more.
    """
    region = column.base
    if not isinstance(region, np.ndarray) or region.shape[1:] != column.shape[1:] or len(region) < capacity:
        region = _region((capacity, *column.shape[1:]), column.dtype)
        region[: len(column)] = column
    grown: NDArray[Any] = region[:capacity]
    if value != 0:
        grown[len(column) :] = value
    return grown


def _region(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeros: at least so many rows, of a large column many more."""
    row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    if shape[0] * row_bytes <= _COPIED_BYTES:
        return np.zeros(shape, dtype)
    rows = max(shape[0], _REGION_BYTES // row_bytes, _REGION_ROWS)
    try:
        return np.ndarray((rows, *shape[1:]), dtype, _addresses(rows * row_bytes, row_bytes >= _WIDE_BYTES))
    except (
        OSError,
        ValueError,
    ):  # a system that does not promise more memory than it has: copies, but rarely
        return np.zeros((2 * shape[0], *shape[1:]), dtype)


def _addresses(size_bytes: int, large_pages: bool) -> mmap.mmap:
    """Addresses without memory, which then comes in large pages or in small ones where the system has both."""
    addresses = mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        addresses.madvise(mmap.MADV_HUGEPAGE if large_pages else mmap.MADV_NOHUGEPAGE)
    return addresses
