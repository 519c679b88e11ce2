"""Rows that can bind when most columns are gone: the others of a block follow from these."""

from __future__ import annotations

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.strategy.tableau import FROM, Bools, Float64s, Int64s, Rows


@kernel
def binding_rows(rows: Rows, bound: Float64s, there: Int64s, first_entry: Int64s) -> tuple[Int64s, Int64s]:
    """Which rows of each block to keep, so that these hold if and only if all hold.

    What the entries of a block amount to goes straight from the place of one entry to that of the next, by the points
    of the rows, and is level where all are of the law FROM. So of the rows between two places those on the lower hull
    of the bounds say all; of level ones the row of least bound.

    Args:
        bound: float64[m], what entries that are left may amount to.
        there: the entries that are left; first_entry: int64[b + 1], those of each block among them.

    Returns:
        int64[m], the new number of each row, -1 for one that goes, and int64[b + 1], the first new row of each block.
    """
    m, blocks = len(bound), len(rows.first_row) - 1
    needed = np.zeros(m, np.bool_)
    hull = np.empty(m, np.int64)
    for block in range(blocks):
        low, high = rows.first_row[block], rows.first_row[block + 1]
        if high == low + 1:
            needed[low] = True
            continue
        level = True
        for at in range(first_entry[block], first_entry[block + 1]):
            needed[rows.place[there[at]]] = True
            level = level and rows.law[there[at]] == FROM
        if level:
            _least_of_runs(bound, needed, low, high)
        else:
            needed[low] = needed[high - 1] = True
            _lower_hulls(rows.point, bound, needed, hull, low, high)
    number, first_row = np.full(m, -1, np.int64), np.zeros(blocks + 1, np.int64)
    count = 0
    for block in range(blocks):
        for row in range(rows.first_row[block], rows.first_row[block + 1]):
            if needed[row]:
                number[row] = count
                count += 1
        first_row[block + 1] = count
    return number, first_row


@in_place
def _least_of_runs(bound: Float64s, needed: Bools, low: int, high: int) -> None:
    """Rows are level from one that is needed to the next: the least bound of each such run is needed too."""
    least = low
    for row in range(low, high):
        if needed[row]:
            needed[least] = True
            least = row
        elif bound[row] < bound[least]:
            least = row
    needed[least] = True


@in_place
def _lower_hulls(point: Float64s, bound: Float64s, needed: Bools, hull: Int64s, low: int, high: int) -> None:
    """Rows on the lower hull of the bounds between each two that are needed, the first and last row among them."""
    count = 0
    for row in range(low, high):
        while count > 1 and _above(point, bound, hull[count - 2], hull[count - 1], row):
            count -= 1
        hull[count] = row
        count += 1
        if needed[row]:
            for at in range(count):
                needed[hull[at]] = True
            hull[0] = row
            count = 1


@in_place
def _above(point: Float64s, bound: Float64s, left: int, middle: int, right: int) -> bool:
    """Whether the middle one is not below the line between the others."""
    across, along = point[right] - point[left], point[middle] - point[left]
    return bool((bound[middle] - bound[left]) * across >= (bound[right] - bound[left]) * along)
