"""What a linear programme of shared quantities consists of, and where its solution stands, as arrays.

Rows come in *blocks* whose entries follow a law, so that an option takes one entry in a block and not one in each of
its rows. An entry says how a column enters all rows of its block; rows have a *point* each::

    FROM      value                               in the row of its place and every later one
    RISING    value x (point - point of place)    likewise
    FALLING   value x (point of place - point)    in the row of its place and every earlier one
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]
Uint32s = NDArray[np.uint32]
Bools = NDArray[np.bool_]

FROM, RISING, FALLING = 0, 1, 2


class Rows(NamedTuple):
    """Linking rows.

    Attributes:
        block: int64[m], of each row; first_row: int64[b + 1], rows of a block.
        point, bound: float64[m]; equal: bool[m], the row must meet its bound.
        first_entry: int64[b + 1], entries of a block; column, place, law, value: of each entry.
        cell: law x m + place, where tables by law and place have it (unsigned, like ``column``: an index that cannot be
            below zero is a third cheaper in a kernel).
        column_starts: int64[n + 1]; column_entries: entries of each column.
    """

    block: Int64s
    first_row: Int64s
    point: Float64s
    bound: Float64s
    equal: Bools
    first_entry: Int64s
    column: Uint32s
    place: Int64s
    law: Int8s
    cell: Uint32s
    value: Float64s
    column_starts: Int64s
    column_entries: Int64s


class Sets(NamedTuple):
    """What columns share.

    Attributes:
        of: int64[n], the set of each column, -1 for a column of its own.
        starts: int64[s + 1]; members: columns of set s at ``starts[s]:starts[s + 1]``.
        quantity: float64[s].
    """

    of: Int64s
    starts: Int64s
    members: Int64s
    quantity: Float64s


@kernel
def grouped(of: Int64s, count: int) -> tuple[Int64s, Int64s]:
    """(starts, members): the places of each of ``count`` groups, in order; places of group -1 are in none."""
    starts = np.zeros(count + 1, np.int64)
    for group in of:
        if group >= 0:
            starts[group + 1] += 1
    for group in range(count):
        starts[group + 1] += starts[group]
    members, next_free = np.empty(starts[count], np.int64), starts[:-1].copy()
    for place in range(len(of)):
        if of[place] >= 0:
            members[next_free[of[place]]] = place
            next_free[of[place]] += 1
    return starts, members


@in_place
def fill(values: Float64s, begin: int, end: int, value: float) -> None:
    """The same number in all of these places."""
    for at in range(begin, end):
        values[at] = value


@in_place
def _at(law: int, value: float, ahead: int, across: float) -> float:
    """What an entry is so many rows, and so far, behind its place."""
    if law == FALLING:
        return -value * across if ahead < 0 else 0.0
    if ahead < 0:
        return 0.0
    return value if law == FROM else value * across


@in_place
def add_row(rows: Rows, row: int, times: float, by_column: Float64s) -> None:
    """Add a row's coefficients, times a number, by column."""
    column, places, law, value, points = rows.column, rows.place, rows.law, rows.value, rows.point
    block, point = rows.block[row], rows.point[row]
    for entry in range(rows.first_entry[block], rows.first_entry[block + 1]):
        place = places[entry]
        by_column[column[entry]] += times * _at(law[entry], value[entry], row - place, point - points[place])


@in_place
def add_column_at(rows: Rows, column: int, times: float, some: Int64s, count: int, target: Float64s) -> None:
    """Add a column's coefficients, times a number, in so many of some rows; numbers beyond the rows are passed over."""
    for at in range(rows.column_starts[column], rows.column_starts[column + 1]):
        entry = rows.column_entries[at]
        place, value, law = rows.place[entry], times * rows.value[entry], rows.law[entry]
        block = rows.block[place]
        low, high = rows.first_row[block], rows.first_row[block + 1]
        for index in range(count):
            row = some[index]
            if low <= row < high:
                target[index] += _at(law, value, row - place, rows.point[row] - rows.point[place])


@in_place
def add_column(rows: Rows, column: int, times: float, activity: Float64s) -> None:
    """Activity of rows with so much more of a column."""
    for at in range(rows.column_starts[column], rows.column_starts[column + 1]):
        entry = rows.column_entries[at]
        place, value = rows.place[entry], times * rows.value[entry]
        block = rows.block[place]
        if rows.law[entry] == FROM:
            for row in range(place, rows.first_row[block + 1]):
                activity[row] += value
        elif rows.law[entry] == RISING:
            for row in range(place, rows.first_row[block + 1]):
                activity[row] += value * (rows.point[row] - rows.point[place])
        else:
            for row in range(rows.first_row[block], place):
                activity[row] += value * (rows.point[place] - rows.point[row])


@in_place
def add_gathered(rows: Rows, block: int, tables: Float64s, activity: Float64s) -> None:
    """Add to the activity of a block's rows what entries at each place amount to."""
    low, high, point, m = rows.first_row[block], rows.first_row[block + 1], rows.point, len(rows.bound)
    if high == low + 1:
        activity[low] += tables[low]
        return
    # Up and down at once: neither sum waits for the other.
    level = rising = up_slope = falling = down_slope = 0.0
    for step in range(high - low):
        up, down = low + step, high - 1 - step
        if step > 0:
            up_slope += rising * (point[up] - point[up - 1])
            down_slope += falling * (point[down + 1] - point[down])
        rising += tables[RISING * m + up]
        level += tables[up]
        activity[up] += level + up_slope
        falling += tables[FALLING * m + down]
        activity[down] += down_slope


@in_place
def priced_entries(rows: Rows, prices: Float64s, block: int, tables: Float64s, by_column: Float64s) -> None:
    """Add prices of the rows of a block, times coefficients, by column.

    Args:
        tables: float64[3 m], scratch: what an entry of each law and value 1 is worth at each place.
    """
    low, high = rows.first_row[block], rows.first_row[block + 1]
    begin, end = rows.first_entry[block], rows.first_entry[block + 1]
    column, cell, value, point, m = rows.column, rows.cell, rows.value, rows.point, len(rows.bound)
    if high == low + 1:
        price = prices[low]
        for entry in range(begin, end):
            by_column[column[entry]] += value[entry] * price
        return
    above = up_slope = below = down_slope = 0.0
    for step in range(high - low):
        up, down = low + step, high - 1 - step
        if step > 0:
            up_slope += below * (point[up] - point[up - 1])
            down_slope += above * (point[down + 1] - point[down])
        above += prices[down]
        tables[down], tables[RISING * m + down] = above, down_slope
        below += prices[up]
        tables[FALLING * m + up] = up_slope
    for entry in range(begin, end):
        by_column[column[entry]] += value[entry] * tables[cell[entry]]


@kernel
def activity_of(rows: Rows, amounts: Float64s) -> Float64s:
    """float64[m]: rows @ amounts."""
    activity = np.zeros(len(rows.bound))
    for column in range(len(amounts)):
        if amounts[column] != 0.0:
            add_column(rows, column, amounts[column], activity)
    return activity
