"""Columns by slot that grow without being copied.

A column that has become large moves once to a region of address space that is much longer than it: the operating
system gives memory to the part that is written and to no other. From then on growing means looking at more of the
region. Small columns are copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Fill = tuple[Any, float]  # dtype, value of an unused row

_COPIED_BYTES = 1 << 20
_REGION_BYTES = 1 << 32


def filled(fills: dict[str, Fill], capacity: int) -> dict[str, NDArray[Any]]:
    """One fresh column per entry, each full of its neutral value."""
    return {name: np.full(capacity, value, dtype) for name, (dtype, value) in fills.items()}


def grow(owner: object, fills: dict[str, Fill], capacity: int) -> None:
    """Replace the owner's columns by longer ones; new rows hold the neutral value."""
    for name, (_, value) in fills.items():
        setattr(owner, name, longer(getattr(owner, name), capacity, value))


def longer(column: NDArray[Any], capacity: int, value: float) -> NDArray[Any]:
    """The column with so many rows; the new ones are full of the value.

    The column owns its memory or came from here; it is not to be used any more.
    """
    region = column.base
    if region is None or region.shape[1:] != column.shape[1:] or len(region) < capacity:
        region = _region((capacity, *column.shape[1:]), column.dtype)
        region[: len(column)] = column
    grown: NDArray[Any] = region[:capacity]
    if value != 0:
        grown[len(column) :] = value
    return grown


def _region(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeros: at least so many rows, of a large column many more."""
    row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    rows = shape[0] if shape[0] * row_bytes <= _COPIED_BYTES else max(shape[0], _REGION_BYTES // row_bytes)
    try:
        return np.zeros((rows, *shape[1:]), dtype)
    except MemoryError:  # a system that does not promise more memory than it has
        return np.zeros(shape, dtype)
