"""Better whole contracts by exchange: one contract goes to another use, or two at once, as long as that costs less.

A use that asks for a partner (a long option for a short one of its pool) can only be given up or taken together with
another one, so moves are tried alone where they leave every equality as it is, and else in pairs that balance each
other. A greatest loss follows the contracts. Only uses are tried whose reduced costs are a small part of what the
amounts are above the bound by: reduced costs add up to no more than that in any better solution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.inner import inner
from engine.base.kernel import in_place, kernel
from engine.rules.strategy.kinds import LOSS
from engine.rules.strategy.move_cost import Room, cost_of_moves, room_for
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.tableau import Float64s, Int64s, Rows, activity_of, add_column
from engine.rules.strategy.witnesses import (
    WITNESSES,
    Witnesses,
    chosen_witnesses,
    excess_of,
    least_of_pair,
    renew_excess,
)

MOST_ROUNDS = 100
_SHARE_OF_GAP = 0.1
_CENT_USD = 0.005
MIX, MODULUS = 2_654_435_761, 2_147_483_647


class _Moves(NamedTuple):
    """One contract each, from one column to another of its set; in order of ``balance``.

    Attributes:
        balance: what the move does to equalities, as one number; moves that undo each other's have opposite ones.
    """

    source: Int64s
    target: Int64s
    balance: Int64s


@kernel
def exchange(problem: Programme, reduced: Float64s, bound: float, amounts: Float64s) -> None:
    """Improve amounts in whole contracts in place; what comes out is permitted if what went in is.

    Args:
        reduced: float64[n], reduced costs at prices of rows that prove the bound.
    """
    cost, rows, blocks = problem.cost, problem.rows, len(problem.rows.first_row) - 1
    charge, weight = _charge_of_block(problem), _balance_of_column(rows, len(cost))
    for block in range(blocks):
        if charge[block] >= 0:
            amounts[charge[block]] = 0.0
    activity, room = activity_of(rows, amounts), room_for(rows)
    most = np.zeros(blocks, np.int64)  # the row where a block's loss is greatest
    losses = np.zeros(blocks)
    for block in range(blocks):
        _renew_loss(rows, charge, activity, block, most, losses)
    for _ in range(MOST_ROUNDS):
        value = inner(cost, amounts)
        for block in range(blocks):
            if charge[block] >= 0:
                value += cost[charge[block]] * losses[block]
        moves = _moves(problem, weight, reduced, _SHARE_OF_GAP * (value - bound), amounts)
        if value - bound < _CENT_USD or not _round(
            problem, moves, charge, activity, room, most, losses, amounts
        ):
            break
    for block in range(blocks):
        if charge[block] >= 0:
            amounts[charge[block]] = losses[block]


@kernel
def _charge_of_block(problem: Programme) -> Int64s:
    """int64[b]: the greatest loss that a block's rows are below, -1 for other blocks."""
    rows = problem.rows
    charge = np.full(len(rows.first_row) - 1, -1, np.int64)
    for column in range(len(problem.cost)):
        if problem.kind[column] == LOSS:
            entry = rows.column_entries[rows.column_starts[column]]
            charge[rows.block[rows.place[entry]]] = column
    return charge


@in_place
def _renew_loss(
    rows: Rows, charge: Int64s, activity: Float64s, block: int, most: Int64s, losses: Float64s
) -> None:
    if charge[block] < 0:
        return
    worst = -np.inf
    for row in range(rows.first_row[block], rows.first_row[block + 1]):
        if activity[row] - rows.bound[row] > worst:
            worst, most[block] = activity[row] - rows.bound[row], row
    losses[block] = max(worst, 0.0)


@kernel
def _balance_of_column(rows: Rows, n: int) -> Int64s:
    """int64[n]: what one contract in a column does to equalities, as one number."""
    weight = np.zeros(n, np.int64)
    for entry in range(len(rows.column)):
        row = rows.place[entry]
        if rows.equal[row]:
            weight[rows.column[entry]] += int(np.rint(rows.value[entry])) * ((row + 1) * MIX % MODULUS)
    return weight


@kernel
def _moves(problem: Programme, weight: Int64s, reduced: Float64s, most: float, amounts: Float64s) -> _Moves:
    """Those from a column in use to one whose reduced cost is higher by ``most`` or less.

    Args:
        weight: of :func:`_balance_of_column`.
    """
    sets = problem.sets
    source, target = np.empty(len(amounts), np.int64), np.empty(len(amounts), np.int64)
    count = 0
    for group in range(len(sets.quantity)):
        for one in range(sets.starts[group], sets.starts[group + 1]):
            used = sets.members[one]
            if amounts[used] < 0.5:
                continue
            for two in range(sets.starts[group], sets.starts[group + 1]):
                other = sets.members[two]
                if other != used and reduced[other] - reduced[used] <= most:
                    if count == len(source):
                        source = np.concatenate((source, np.empty(count, np.int64)))
                        target = np.concatenate((target, np.empty(count, np.int64)))
                    source[count], target[count] = used, other
                    count += 1
    balance = np.empty(count, np.int64)
    for move in range(count):
        balance[move] = weight[target[move]] - weight[source[move]]
    order = np.argsort(balance, kind="mergesort")
    return _Moves(source[:count][order], target[:count][order], balance[order])


@kernel
def _round(
    problem: Programme,
    moves: _Moves,
    charge: Int64s,
    activity: Float64s,
    room: Room,
    most: Int64s,
    losses: Float64s,
    amounts: Float64s,
) -> bool:
    """Try all moves and pairs once; of each pair of groups the best is made at once. Whether anything was made."""
    rows, made = problem.rows, False
    source, target, balance = moves.source, moves.target, moves.balance
    witnesses = chosen_witnesses(problem, charge, activity)
    excess = excess_of(witnesses, rows.bound, activity)
    least = _least_changes(problem, moves, charge, most, losses, witnesses)
    order = _by_least_change(balance, least)
    begin = 0
    while begin < len(balance):
        end = begin
        while end < len(balance) and balance[end] == balance[begin]:
            end += 1
        if balance[begin] > 0:
            break  # pairs were tried from the other side
        low = int(np.searchsorted(balance, -balance[begin]))
        high = int(np.searchsorted(balance, -balance[begin], side="right"))
        partner = min(least[order[low]], 0.0) if low < high else 0.0
        best, best_one, best_two = -_CENT_USD, -1, -1
        for first in range(begin, end):
            one = order[first]
            if least[one] + partner >= best:
                break  # as of all that follow
            if amounts[source[one]] < 0.5:
                continue
            if balance[one] == 0 and least[one] < best:
                change = cost_of_moves(problem, charge, activity, room, losses, source, target, one, -1)
                if change < best:
                    best, best_one, best_two = change, one, -1
            for second in range(max(low, first + 1), high):
                two = order[second]
                if least[one] + least[two] >= best:
                    break
                needed = 1.5 if source[two] == source[one] else 0.5
                if amounts[source[two]] < needed or source[two] == target[one]:
                    continue
                columns = (source[one], target[one], source[two], target[two])
                if least_of_pair(problem, witnesses, charge, excess, losses, columns) >= best:
                    continue
                change = cost_of_moves(problem, charge, activity, room, losses, source, target, one, two)
                if change < best:
                    best, best_one, best_two = change, one, two
        for move in (best_one, best_two):
            if move >= 0:
                made = True
                for column, times in ((source[move], -1.0), (target[move], 1.0)):
                    amounts[column] += times
                    add_column(rows, column, times, activity)
        if best_one >= 0:
            for block in range(len(charge)):
                _renew_loss(rows, charge, activity, block, most, losses)
            renew_excess(witnesses, rows.bound, activity, excess)
        begin = end
    return made


@kernel
def _least_changes(
    problem: Programme,
    moves: _Moves,
    charge: Int64s,
    most: Int64s,
    losses: Float64s,
    witnesses: Witnesses,
) -> Float64s:
    """What each move costs at least: its loss at the row where the loss is greatest now."""
    cost, by_column = problem.cost, problem.cost.copy()
    for column in range(len(cost)):
        block = witnesses.block[column]
        if block < 0 or losses[block] == 0.0:
            continue
        for part in range(WITNESSES):
            if witnesses.row[block, part] == most[block]:
                by_column[column] += cost[charge[block]] * witnesses.coefficient[column, part]
                break
    least = np.empty(len(moves.source))
    for move in range(len(least)):
        least[move] = by_column[moves.target[move]] - by_column[moves.source[move]]
    return least


@kernel
def _by_least_change(balance: Int64s, least: Float64s) -> Int64s:
    """Places of the moves, those of one balance from the most promising on."""
    order, begin = np.empty(len(balance), np.int64), 0
    for end in range(1, len(balance) + 1):
        if end == len(balance) or balance[end] != balance[begin]:
            order[begin:end] = begin + np.argsort(least[begin:end], kind="mergesort")
            begin = end
    return order
