"""Columns, rows and entries of a programme while it is built, in arrays that are large enough."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.strategy.legs import Legs
from engine.rules.strategy.tableau import FROM, Bools, Float64s, Int8s, Int64s

COLUMNS, ROWS, ENTRIES, BLOCKS, GROUPS = range(5)


class Builder(NamedTuple):
    """See :class:`engine.rules.strategy.programme.Programme`; ``used`` says how much of each array is in use."""

    kind: Int8s
    option: Int64s
    group: Int64s
    cost: Float64s
    block: Int64s
    point: Float64s
    bound: Float64s
    equal: Bools
    first_row: Int64s
    first_entry: Int64s
    column: Int64s
    place: Int64s
    law: Int8s
    value: Float64s
    used: Int64s


@kernel
def builder_for(legs: Legs) -> Builder:
    """An option is alone, saved, with stock in four ways and in a box once; in spreads once for each cut."""
    options = len(legs.contracts)
    cuts = 1
    for option in range(1, options):
        if legs.expiry_ns[option] != legs.expiry_ns[option - 1]:
            cuts += 1
    columns = options * (7 + cuts) + 2 * cuts + 1
    rows = options * (8 + 2 * cuts) + 8 * (cuts + 1)
    return Builder(
        np.empty(columns, np.int8),
        np.empty(columns, np.int64),
        np.empty(columns, np.int64),
        np.empty(columns),
        np.empty(rows, np.int64),
        np.empty(rows),
        np.empty(rows),
        np.empty(rows, np.bool_),
        np.empty(rows + 1, np.int64),
        np.empty(rows + 1, np.int64),
        np.empty(3 * columns, np.int64),
        np.empty(3 * columns, np.int64),
        np.empty(3 * columns, np.int8),
        np.empty(3 * columns),
        np.zeros(5, np.int64),
    )


@in_place
def new_group(b: Builder) -> int:
    """A number that tells uses of one kind apart that may not mix; 0 is never one."""
    b.used[GROUPS] += 1
    return int(b.used[GROUPS])


@in_place
def new_use(b: Builder, kind: int, option: int, group: int, cost: float) -> int:
    """A column; ``cost`` is that of one contract."""
    column = b.used[COLUMNS]
    b.kind[column], b.option[column], b.group[column], b.cost[column] = kind, option, group, cost
    b.used[COLUMNS] += 1
    return int(column)


@in_place
def new_block(b: Builder) -> None:
    """What follows are the rows and entries of a new block."""
    block = b.used[BLOCKS]
    b.first_row[block], b.first_entry[block] = b.used[ROWS], b.used[ENTRIES]
    b.used[BLOCKS] += 1


@in_place
def new_row(b: Builder, point: float, bound: float, equal: bool) -> int:
    """One more row of the block."""
    row = b.used[ROWS]
    b.block[row], b.point[row], b.bound[row], b.equal[row] = b.used[BLOCKS] - 1, point, bound, equal
    b.used[ROWS] += 1
    return int(row)


@in_place
def new_entry(b: Builder, column: int, place: int, law: int, value: float) -> None:
    """One more entry of the block."""
    entry = b.used[ENTRIES]
    b.column[entry], b.place[entry], b.law[entry], b.value[entry] = column, place, law, value
    b.used[ENTRIES] += 1


@in_place
def as_many(b: Builder, some: Int64s, others: Int64s) -> None:
    """A row: as much of some columns as of others."""
    new_block(b)
    row = new_row(b, 0.0, 0.0, True)
    for column in some:
        new_entry(b, column, row, FROM, 1.0)
    for column in others:
        new_entry(b, column, row, FROM, -1.0)


@kernel
def no_more_above(
    b: Builder, takers: Int64s, taker_levels: Float64s, givers: Int64s, giver_levels: Float64s
) -> None:
    """Rows: of each level and above no more of the takers than of the givers."""
    order = np.argsort(-taker_levels, kind="mergesort")
    new_block(b)
    first = row = int(b.used[ROWS])
    for at in range(len(order)):
        level = taker_levels[order[at]]
        if at == 0 or level != taker_levels[order[at - 1]]:
            row = new_row(b, -level, 0.0, False)
        new_entry(b, takers[order[at]], row, FROM, 1.0)
    last = row
    for at in range(len(givers)):
        low, high = first, last + 1  # the first row whose level is not above the giver's
        while low < high:
            middle = (low + high) // 2
            if -b.point[middle] <= giver_levels[at]:
                high = middle
            else:
                low = middle + 1
        if low <= last:
            new_entry(b, givers[at], low, FROM, -1.0)


@kernel
def chosen(mask: Bools) -> Int64s:
    """Where it is true."""
    found, count = np.empty(len(mask), np.int64), 0
    for place in range(len(mask)):
        if mask[place]:
            found[count] = place
            count += 1
    return found[:count]


@kernel
def new_uses(b: Builder, kind: int, options: Int64s, group: int, costs: Float64s) -> Int64s:
    """A column for each of the options."""
    columns = np.empty(len(options), np.int64)
    for at in range(len(options)):
        columns[at] = new_use(b, kind, options[at], group, costs[at])
    return columns
