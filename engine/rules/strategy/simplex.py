"""A linear programme of quantities to be shared out, by a dual simplex that keeps only binding rows in its basis.

::

    least  cost @ x   over x >= 0
    with   sum of x over the columns of set s = quantity[s]     (every position is used up)
           rows @ x <= bound, or = bound                        (what strategies ask of one another)

It begins where :func:`engine.rules.strategy.basis.cheapest` does, and raises the price of a violated row until the
solution meets it; a set whose key column becomes dearer than another one on the way moves over as a whole as long as
the row stays violated (long steps). From where it ended it goes on with further limits.

At the end all reduced costs are >= 0, so the value is the least one and the row prices prove it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.strategy.basis import (
    BASIC,
    LIMITS,
    PIVOTS,
    SIZE,
    Basis,
    along,
    cheapest,
    refresh,
    reprice,
)
from engine.rules.strategy.basis_change import change_basis, swap_key
from engine.rules.strategy.edges import follow_pivot
from engine.rules.strategy.inverse import solve
from engine.rules.strategy.ratio_test import Scratch, ratio_test
from engine.rules.strategy.tableau import Float64s, Rows, Sets, add_gathered, add_row, fill, grouped

OPTIMAL, INFEASIBLE, GAVE_UP, NO_ROOM = 0, 1, 2, 3
_TOLERANCE = 1e-7  # of a quantity; columns and rows are scaled to about 1
_REFRESH = 64  # pivots between two inversions from scratch


@kernel
def scratch_for(cost: Float64s, rows: Rows, basis: Basis) -> Scratch:
    """Room for pivots of this programme."""
    n, m, room = len(cost), len(rows.bound), len(basis.basic)
    return Scratch(
        np.empty(n), np.empty(n, np.int64), np.empty(n), np.empty(n + 3), np.full(n, -1, np.int64), np.empty(room),
        np.empty(room), np.empty(room), np.empty(n), np.zeros(m), np.empty(3 * m), np.empty(room),
        np.zeros(len(basis.key)), np.empty(m), np.empty(len(rows.first_row) - 1, np.bool_),
    )  # fmt: skip


@in_place
def optimise(cost: Float64s, sets: Sets, rows: Rows, basis: Basis, scratch: Scratch, most_pivots: int) -> int:
    """Go on until no row is violated; how it ended."""
    begun, number = basis.number[PIVOTS], basis.number
    checked = False
    while True:
        made = number[PIVOTS] - begun
        if made and made % _REFRESH == 0:
            refresh(rows, sets, basis)
            reprice(cost, rows, sets, basis, scratch.spread, scratch.tables)
        _solve(rows, sets, basis, scratch)
        leaving, new_row, slack = _choose_leaving(sets, basis)
        if leaving == -1 and new_row == -1:
            if checked or _exact(basis):
                return OPTIMAL
            checked = True
            refresh(rows, sets, basis)
            reprice(cost, rows, sets, basis, scratch.spread, scratch.tables)
            continue
        if made >= most_pivots or not np.isfinite(slack):
            return GAVE_UP
        if number[SIZE] + 1 >= len(basis.basic):
            return NO_ROOM
        number[PIVOTS] += 1
        if leaving >= number[SIZE]:  # a key column below zero: change places with a basic one of its set
            leaving = swap_key(rows, sets, basis, leaving - number[SIZE])
        sign = 0.0
        if new_row >= 0:
            sign = 1.0 if basis.activity[new_row] > basis.bound[new_row] else -1.0
        _rates(rows, sets, basis, scratch, leaving, new_row, sign)
        entering, leaving_row, step = ratio_test(rows, sets, basis, scratch, slack)
        if entering == -1 and leaving_row == -1:
            return INFEASIBLE
        follow_pivot(rows, sets, basis, scratch, leaving, new_row, entering, leaving_row)
        _step(basis.reduced, scratch.rate, step, len(cost))
        _step(basis.price, scratch.direction, step, number[SIZE])
        change_basis(sets, basis, scratch, leaving, new_row, entering, leaving_row, sign * step)


@cache
def load_optimise() -> None:
    """Load :func:`optimise` as it was compiled by itself; to be called before kernels that call it.

    A kernel's machine code holds a copy of all that it calls, optimised once more, to a worse end: short loops that
    were vectorised already are so again, and the simplex is a third slower. Of several copies the one that was loaded
    first is run by all.
    """
    none, one = np.zeros(0, np.int64), np.zeros(1, np.int64)
    sets = Sets(one, *grouped(one, 1), np.ones(1))
    rows = Rows(
        none, one, np.zeros(0), np.zeros(0), np.zeros(0, np.bool_), one, np.zeros(0, np.uint32), none,
        np.zeros(0, np.int8), np.zeros(0, np.uint32), np.zeros(0), *grouped(none, 1),
    )  # fmt: skip
    cost = np.ones(1)
    basis = cheapest(cost, sets, rows, 2, 0)
    optimise(cost, sets, rows, basis, scratch_for(cost, rows, basis), 1)


@in_place
def _step(values: Float64s, rates: Float64s, step: float, count: int) -> None:
    for at in range(count):
        values[at] += step * rates[at]


@kernel
def solution(basis: Basis) -> Float64s:
    """float64[n]: amounts of the present solution."""
    amounts = np.zeros(len(basis.state))
    for group in range(len(basis.key)):
        amounts[basis.key[group]] = basis.left[group]
    for index in range(basis.number[SIZE]):
        amounts[basis.basic[index]] += basis.amount[index]
    return amounts


@kernel
def row_prices(basis: Basis) -> Float64s:
    """float64[m]: prices of rows; those of limits are left out."""
    prices = np.zeros(len(basis.at_keys))
    for index in range(basis.number[SIZE]):
        if basis.tight[index] < len(prices):
            prices[basis.tight[index]] = basis.price[index]
    return prices


@in_place
def _exact(basis: Basis) -> bool:
    """Whether the tight rows are met as closely as they should be."""
    for at in range(basis.number[SIZE]):
        row = basis.tight[at]
        if abs(basis.activity[row] - basis.bound[row]) > _TOLERANCE * basis.scale[row]:
            return False
    return True


@in_place
def _solve(rows: Rows, sets: Sets, basis: Basis, scratch: Scratch) -> None:
    """Amounts of basic and key columns, and the activity of every row and limit."""
    m, size, limits = len(basis.at_keys), basis.number[SIZE], basis.number[LIMITS]
    activity, at_keys, left, amounts, basic = (
        basis.activity,
        basis.at_keys,
        basis.left,
        basis.amount,
        basis.basic,
    )
    tight, bound, inverse, work, tables = (
        basis.tight,
        basis.bound,
        basis.inverse,
        scratch.work,
        scratch.tables,
    )
    of, key, quantity = sets.of, basis.key, sets.quantity
    column_starts, column_entries, cell, value = (
        rows.column_starts,
        rows.column_entries,
        rows.cell,
        rows.value,
    )
    fill(tables, 0, len(tables), 0.0)
    for row in range(m):
        activity[row] = at_keys[row]
    for group in range(len(left)):
        left[group] = quantity[group]
    for at in range(size):
        row = tight[at]
        work[at] = bound[row] - (at_keys[row] if row < m else _at_key(sets, basis, row - m))
    solve(inverse, size, work, amounts)
    for index in range(size):
        amount = amounts[index]
        column = basic[index]
        for near in range(column_starts[column], column_starts[column + 1]):
            entry = column_entries[near]
            tables[cell[entry]] += amount * value[entry]
        group = of[column]
        if group >= 0:
            left[group] -= amount
            column = key[group]
            for near in range(column_starts[column], column_starts[column + 1]):
                entry = column_entries[near]
                tables[cell[entry]] -= amount * value[entry]
    for block in range(len(rows.first_row) - 1):
        add_gathered(rows, block, tables, activity)
    for at in range(limits):
        column = basis.limited[at]
        amount = 0.0
        if basis.state[column] == BASIC:
            for index in range(size):
                if basic[index] == column:
                    amount = amounts[index]
        elif of[column] >= 0 and key[of[column]] == column:
            amount = left[of[column]]
        activity[m + at] = basis.sign[at] * amount


@in_place
def _at_key(sets: Sets, basis: Basis, at: int) -> float:
    """Activity of a limit with every set at its key."""
    group = sets.of[basis.limited[at]]
    if group >= 0 and basis.key[group] == basis.limited[at]:
        return float(basis.sign[at] * sets.quantity[group])
    return 0.0


@in_place
def _choose_leaving(sets: Sets, basis: Basis) -> tuple[int, int, float]:
    """What is furthest from feasible per unit of its edge, and by how much.

    (basic index, or size + set for a key, else -1; row or -1; by how much)
    """
    size, of = basis.number[SIZE], sets.of
    activity, bound, place, equal, scale = basis.activity, basis.bound, basis.place, basis.equal, basis.scale
    amounts, left, basic = basis.amount, basis.left, basis.basic
    row_edge, basic_edge, key_edge = basis.row_edge, basis.basic_edge, basis.key_edge
    most, leaving, new_row, slack = 0.0, -1, -1, 0.0
    for row in range(len(basis.at_keys) + basis.number[LIMITS]):
        if place[row] < 0:
            over = activity[row] - bound[row]
            if equal[row]:
                over = abs(over)
            if over > _TOLERANCE * scale[row] and over * over > most * row_edge[row]:
                most, new_row, slack = over * over / row_edge[row], row, over
    for index in range(size):
        under = -amounts[index]
        if under > _TOLERANCE and under * under > most * (1.0 + basic_edge[index]):
            most, leaving, new_row, slack = under * under / (1.0 + basic_edge[index]), index, -1, under
        group = of[basic[index]]
        if group >= 0 and -left[group] > _TOLERANCE:
            under = -left[group]
            if under * under > most * (1.0 + key_edge[group]):
                most, leaving, new_row, slack = (
                    under * under / (1.0 + key_edge[group]),
                    size + group,
                    -1,
                    under,
                )
    return leaving, new_row, slack


@in_place
def _rates(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, leaving: int, new_row: int, sign: float
) -> None:
    """How prices of tight rows (``direction``) and reduced costs (``rate``) change per unit of the step.

    ``row``: the new row by column; ``work``: the same of the basis.
    """
    size, m = basis.number[SIZE], len(basis.at_keys)
    rate, direction, inverse, key, of = scratch.rate, scratch.direction, basis.inverse, basis.key, sets.of
    for column in range(len(rate)):
        rate[column] = 0.0
    if new_row >= 0:
        own, work, basic = scratch.row, scratch.work, basis.basic
        for column in range(len(own)):
            own[column] = 0.0
        if new_row < m:
            add_row(rows, new_row, 1.0, own)
            scratch.spread[new_row] = sign
        else:
            own[basis.limited[new_row - m]] = basis.sign[new_row - m]
            rate[basis.limited[new_row - m]] = sign * basis.sign[new_row - m]
        for at in range(size):
            direction[at] = 0.0
        for index in range(size):
            column = basic[index]
            net = own[column]
            if of[column] >= 0:
                net -= own[key[of[column]]]
            work[index] = net
            if net != 0.0:
                for at in range(size):
                    direction[at] -= sign * net * inverse[index, at]
    else:
        for at in range(size):
            direction[at] = inverse[leaving, at]
    along(rows, basis, direction, scratch.spread, scratch.tables, rate)
    starts, members = sets.starts, sets.members
    for group in range(len(key)):
        of_key = rate[key[group]]
        if of_key != 0.0:
            for at in range(starts[group], starts[group + 1]):
                rate[members[at]] -= of_key
