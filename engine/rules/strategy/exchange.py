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
from engine.base.kernel import kernel
from engine.rules.strategy.kinds import LOSS
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.tableau import Float64s, Int64s, Rows, activity_of, add_column
from engine.rules.strategy.witnesses import WITNESSES, Witnesses, chosen_witnesses, least_of_pair

MOST_ROUNDS = 100
_SHARE_OF_GAP = 0.1
_TOLERANCE = 1e-7
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
    charge = _charge_of_block(problem)
    for block in range(blocks):
        if charge[block] >= 0:
            amounts[charge[block]] = 0.0
    activity, delta = activity_of(rows, amounts), np.zeros(len(rows.bound))
    most = np.zeros(blocks, np.int64)  # the row where a block's loss is greatest
    losses = np.zeros(blocks)
    for block in range(blocks):
        _renew_loss(rows, charge, activity, block, most, losses)
    for _ in range(MOST_ROUNDS):
        value = inner(cost, amounts)
        for block in range(blocks):
            if charge[block] >= 0:
                value += cost[charge[block]] * losses[block]
        moves = _moves(problem, reduced, _SHARE_OF_GAP * (value - bound), amounts)
        if value - bound < _CENT_USD or not _round(
            problem, moves, charge, activity, delta, most, losses, amounts
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


@kernel
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
def _moves(problem: Programme, reduced: Float64s, most: float, amounts: Float64s) -> _Moves:
    """Those from a column in use to one whose reduced cost is higher by ``most`` or less."""
    sets, rows = problem.sets, problem.rows
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
    balance = np.zeros(count, np.int64)
    for move in range(count):
        for column, sign in ((source[move], -1.0), (target[move], 1.0)):
            for at in range(rows.column_starts[column], rows.column_starts[column + 1]):
                entry = rows.column_entries[at]
                row = rows.place[entry]
                if rows.equal[row]:
                    weight = (row + 1) * MIX % MODULUS
                    balance[move] += int(np.rint(sign * rows.value[entry])) * weight
    order = np.argsort(balance, kind="mergesort")
    return _Moves(source[:count][order], target[:count][order], balance[order])


@kernel
def _round(
    problem: Programme,
    moves: _Moves,
    charge: Int64s,
    activity: Float64s,
    delta: Float64s,
    most: Int64s,
    losses: Float64s,
    amounts: Float64s,
) -> bool:
    """Try all moves and pairs once; of each pair of groups the best is made at once. Whether anything was made."""
    rows, made = problem.rows, False
    source, target, balance = moves.source, moves.target, moves.balance
    witnesses = chosen_witnesses(problem, charge, activity)
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
                change = _change(problem, charge, activity, delta, losses, source, target, one, -1)
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
                if least_of_pair(problem, witnesses, charge, activity, losses, columns) >= best:
                    continue
                change = _change(problem, charge, activity, delta, losses, source, target, one, two)
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


@kernel
def _change(
    problem: Programme,
    charge: Int64s,
    activity: Float64s,
    delta: Float64s,
    losses: Float64s,
    source: Int64s,
    target: Int64s,
    one: int,
    two: int,
) -> float:
    """What the moves cost together; infinite where a row forbids them. ``delta`` is zero before and after."""
    rows, cost = problem.rows, problem.cost
    first_row, bound, equal, place_of = rows.first_row, rows.bound, rows.equal, rows.place
    starts, entries = rows.column_starts, rows.column_entries
    change = 0.0
    for move in (one, two):
        if move >= 0:
            change += cost[target[move]] - cost[source[move]]
            add_column(rows, source[move], -1.0, delta)
            add_column(rows, target[move], 1.0, delta)
    for move in (one, two):
        if move < 0:
            continue
        for column in (source[move], target[move]):
            for at in range(starts[column], starts[column + 1]):
                place = place_of[entries[at]]
                block = rows.block[place]
                low, high = first_row[block], first_row[block + 1]
                if high == low + 1:
                    over = activity[low] + delta[low] - bound[low]
                    if delta[low] != 0.0 and (over > _TOLERANCE or (equal[low] and over < -_TOLERANCE)):
                        change = np.inf
                    delta[low] = 0.0
                    continue
                worst, moved = -np.inf, 0.0
                for row in range(low, high):
                    worst = max(worst, activity[row] + delta[row] - bound[row])
                    moved += abs(delta[row])
                    delta[row] = 0.0
                if moved > 0.0:
                    if charge[block] >= 0:
                        change += cost[charge[block]] * (max(worst, 0.0) - losses[block])
                    elif worst > _TOLERANCE:
                        change = np.inf
    return change
