"""What one or two moves of single contracts cost, at all rows of the blocks that they change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.tableau import Bools, Float64s, Int64s, Rows, add_column, fill

_TOLERANCE = 1e-7


class Room(NamedTuple):
    """Scratch: change of each row, zero between uses; the blocks that change, and whether each is among them."""

    delta: Float64s
    touched: Int64s
    met: Bools


@kernel
def room_for(rows: Rows) -> Room:
    """Nothing moved yet."""
    blocks = len(rows.first_row) - 1
    return Room(np.zeros(len(rows.bound)), np.empty(blocks + 1, np.int64), np.zeros(blocks, np.bool_))


@in_place
def cost_of_moves(
    problem: Programme,
    charge: Int64s,
    activity: Float64s,
    room: Room,
    losses: Float64s,
    source: Int64s,
    target: Int64s,
    one: int,
    two: int,
) -> float:
    """What the moves cost together; infinite where a row forbids them. ``room`` is zero before and after."""
    rows, cost, delta, touched, met = problem.rows, problem.cost, room.delta, room.touched, room.met
    starts, entries, place, block_of = rows.column_starts, rows.column_entries, rows.place, rows.block
    change, blocks = 0.0, 0
    for move in (one, two):
        if move < 0:
            continue
        change += cost[target[move]] - cost[source[move]]
        for column, times in ((source[move], -1.0), (target[move], 1.0)):
            add_column(rows, column, times, delta)
            for at in range(starts[column], starts[column + 1]):
                block = block_of[place[entries[at]]]
                touched[blocks] = block
                blocks += not met[block]
                met[block] = True
    for at in range(blocks):
        block = touched[at]
        met[block] = False
        low, high = rows.first_row[block], rows.first_row[block + 1]
        if rows.equal[low]:
            if abs(activity[low] + delta[low] - rows.bound[low]) > _TOLERANCE:
                change = np.inf
            delta[low] = 0.0
            continue
        worst = _worst(activity, delta, rows.bound, low, high)
        if charge[block] >= 0:
            change += cost[charge[block]] * (max(worst, 0.0) - losses[block])
        elif worst > _TOLERANCE:
            change = np.inf
    return change


@in_place
def _worst(activity: Float64s, delta: Float64s, bound: Float64s, low: int, high: int) -> float:
    """How far rows are over their bounds at most; ``delta`` is zero afterwards."""
    one = two = -np.inf  # two at once: a greatest one waits for the one before it
    even = high - (high - low) % 2
    for row in range(low, even, 2):
        one = max(one, activity[row] + delta[row] - bound[row])
        two = max(two, activity[row + 1] + delta[row + 1] - bound[row + 1])
    if even < high:
        one = max(one, activity[even] + delta[even] - bound[even])
    fill(delta, low, high, 0.0)
    return max(one, two)
