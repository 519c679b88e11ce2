"""Some rows of each greatest loss, which tell that two moves cannot gain without looking at all of its rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
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
def excess_of(witnesses: Witnesses, bound: Float64s, activity: Float64s) -> Float64s:
    """float64[b, w]: how far each witness is over its bound."""
    excess = np.empty(witnesses.row.shape)
    renew_excess(witnesses, bound, activity, excess)
    return excess


@in_place
def renew_excess(witnesses: Witnesses, bound: Float64s, activity: Float64s, excess: Float64s) -> None:
    for block in range(excess.shape[0]):
        for part in range(WITNESSES):
            row = witnesses.row[block, part]
            excess[block, part] = activity[row] - bound[row]


@in_place
def least_of_pair(
    problem: Programme,
    witnesses: Witnesses,
    charge: Int64s,
    excess: Float64s,
    losses: Float64s,
    columns: tuple[int, int, int, int],
) -> float:
    """What two moves cost together at least: their greatest losses among the witnesses.

    Args:
        excess: of :func:`excess_of`, and losses: float64[b], before the moves.
        columns: source and target of one move, then of the other.
    """
    cost, block_of, coefficient = problem.cost, witnesses.block, witnesses.coefficient
    one, two, three, four = columns
    first, second, third, fourth = block_of[one], block_of[two], block_of[three], block_of[four]
    least = cost[two] - cost[one] + cost[four] - cost[three]
    for turn in range(4):
        if turn == 0:
            block = first
        elif turn == 1:
            block = second if second != first else -1
        elif turn == 2:
            block = third if third != first and third != second else -1
        else:
            block = fourth if fourth != first and fourth != second and fourth != third else -1
        if block < 0:
            continue
        takes, adds = 1.0 * (first == block), 1.0 * (second == block)
        takes_too, adds_too = 1.0 * (third == block), 1.0 * (fourth == block)
        odd = even = 0.0
        for part in range(0, WITNESSES, 2):
            loss = excess[block, part] - takes * coefficient[one, part] + adds * coefficient[two, part]
            loss += adds_too * coefficient[four, part] - takes_too * coefficient[three, part]
            other = (
                excess[block, part + 1]
                - takes * coefficient[one, part + 1]
                + adds * coefficient[two, part + 1]
            )
            other += adds_too * coefficient[four, part + 1] - takes_too * coefficient[three, part + 1]
            if loss > even:
                even = loss
            if other > odd:
                odd = other
        least += cost[charge[block]] * (max(even, odd) - losses[block])
    return float(least)
