"""Blocks of consecutive places for many owners in one index space; freed blocks are used again.

A block holds ``SMALLEST << size_class`` places. The free blocks of one class form a list whose links stand in an
int32 payload column, at the first place of each block; ``state`` int64[CLASSES + 1] holds the heads of these
lists (-1: none) and, last, the first place that was never used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place

SMALLEST = 4
CLASSES = 28
TOP = CLASSES

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


def no_blocks() -> Int64s:
    """The state of an index space of which nothing is used yet."""
    state = np.full(CLASSES + 1, -1, np.int64)
    state[TOP] = 0
    return state


@in_place
def block_size(size_class: int) -> int:
    """Places of a block; 0 for class -1, no block."""
    return SMALLEST << size_class if size_class >= 0 else 0


@in_place
def has_block(state: Int64s, link: Int32s, size_class: int) -> bool:
    """Whether :func:`take_block` can succeed."""
    return bool(state[size_class] >= 0 or state[TOP] + block_size(size_class) <= len(link))


@in_place
def take_block(state: Int64s, link: Int32s, size_class: int) -> int:
    """First place of a block that is free; :func:`has_block` must have said yes."""
    first = int(state[size_class])
    if first >= 0:
        state[size_class] = link[first]
        return first
    first = int(state[TOP])
    state[TOP] += block_size(size_class)
    return first


@in_place
def give_block(state: Int64s, link: Int32s, size_class: int, first: int) -> None:
    """Give a block back."""
    link[first] = state[size_class]
    state[size_class] = first
