"""Some rows of each greatest loss, which tell that two moves cannot gain without looking at all of its rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import kernel
from engine.rules.strategy.kinds import LOSS
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.tableau import FALLING, Float64s, Int64s

WITNESSES = 8  # of each greatest loss


class Witnesses(NamedTuple):
    """Some rows of each greatest loss: the greatest of as many equal parts of the block.

    Attributes:
        row: int64[b, w]; block: int64[n], the greatest loss that a column is part of, else -1.
        coefficient: float64[n, w], of a column in these rows.
    """

    row: Int64s
    block: Int64s
    coefficient: Float64s


@kernel
def chosen_witnesses(problem: Programme, charge: Int64s, activity: Float64s) -> Witnesses:
    """Those of the present amounts; ``charge``: int64[b], the greatest loss of a block, else -1."""
    rows, n = problem.rows, len(problem.cost)
    row, block_of = np.zeros((len(charge), WITNESSES), np.int64), np.full(n, -1, np.int64)
    for block in range(len(charge)):
        if charge[block] < 0:
            continue
        low, high = rows.first_row[block], rows.first_row[block + 1]
        for part in range(WITNESSES):
            begin = low + (high - low) * part // WITNESSES
            end = low + (high - low) * (part + 1) // WITNESSES
            chosen = min(begin, high - 1)
            for one in range(begin, end):
                if activity[one] - rows.bound[one] > activity[chosen] - rows.bound[chosen]:
                    chosen = one
            row[block, part] = chosen
    coefficient = np.zeros((n, WITNESSES))
    for column in range(n):
        if problem.kind[column] == LOSS:
            continue
        for at in range(rows.column_starts[column], rows.column_starts[column + 1]):
            entry = rows.column_entries[at]
            place = rows.place[entry]
            block = rows.block[place]
            if charge[block] < 0:
                continue
            block_of[column] = block
            for part in range(WITNESSES):
                across = rows.point[row[block, part]] - rows.point[place]
                if rows.law[entry] == FALLING:
                    across = -across
                coefficient[column, part] = rows.value[entry] * max(across, 0.0)
    return Witnesses(row, block_of, coefficient)


@kernel
def least_of_pair(
    problem: Programme,
    witnesses: Witnesses,
    charge: Int64s,
    activity: Float64s,
    losses: Float64s,
    columns: tuple[int, int, int, int],
) -> float:
    """What two moves cost together at least: their greatest losses among the witnesses.

    Args:
        activity: float64[m], and losses: float64[b], before the moves.
        columns: source and target of one move, then of the other.
    """
    cost, bound, block_of = problem.cost, problem.rows.bound, witnesses.block
    blocks = (block_of[columns[0]], block_of[columns[1]], block_of[columns[2]], block_of[columns[3]])
    signs = (-1.0, 1.0, -1.0, 1.0)
    least = cost[columns[1]] - cost[columns[0]] + cost[columns[3]] - cost[columns[2]]
    for first in range(4):
        block, seen = blocks[first], False
        for other in range(first):
            seen = seen or blocks[other] == block
        if block < 0 or seen:
            continue
        worst = 0.0
        for part in range(WITNESSES):
            row = witnesses.row[block, part]
            loss = activity[row] - bound[row]
            for other in range(first, 4):
                if blocks[other] == block:
                    loss += signs[other] * witnesses.coefficient[columns[other], part]
            worst = max(worst, loss)
        least += cost[charge[block]] * (worst - losses[block])
    return float(least)
