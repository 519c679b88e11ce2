"""A linear programme of quantities to be shared out: dual simplex whose basis holds only what binds.

::

    least  cost @ x   over x >= 0
    with   sum of x over the columns of set s = quantity[s]     (every position is used up)
           rows @ x <= bound, or = bound                        (what strategies ask of one another)

Each set has one *key* column that takes whatever the set's other columns leave (generalised upper bounding),
so sets cost no room in the basis. Rows enter it only when they are violated, so its size is the number of rows
that bind, not the number of rows. It begins with every set at its cheapest column, which no row's price
contradicts, and raises the price of a violated row until the solution meets it; a set whose key column becomes
dearer than another one on the way moves over as a whole as long as the row stays violated (long steps).

At the end all reduced costs are >= 0, so the value is the least one and the row prices prove it.
"""

from __future__ import annotations

import numpy as np

from engine.base.kernel import kernel
from engine.rules.strategy.inverse import border, invert, replace_column, replace_row, shrink
from engine.rules.strategy.tableau import Basis, Float64s, Rows, Scratch, Sets

OPTIMAL, INFEASIBLE, GAVE_UP = 0, 1, 2
KEY, BASIC, OUTSIDE = 2, 1, 0
_TOLERANCE = 1e-7  # of a quantity; columns and rows are scaled to about 1
_PIVOT = 1e-9
_TIE = 1e-9
_REFRESH = 64  # pivots between two inversions from scratch


@kernel
def least_cost(
    cost: Float64s, sets: Sets, rows: Rows, most_pivots: int, x: Float64s, prices: Float64s
) -> tuple[int, int]:
    """Fill ``x`` with a solution of least cost and ``prices`` with those of its rows.

    Returns:
        The outcome, and the pivots made.
    """
    n, m, n_sets = len(cost), len(rows.bound), len(sets.quantity)
    room = m + 1
    basis = Basis(
        np.empty(n_sets, np.int64), np.zeros(n, np.int64), np.empty(room, np.int64), np.empty(room, np.int64),
        np.full(m, -1, np.int64), np.zeros((room, room)), np.zeros(room), np.zeros(room), np.empty(n_sets),
        np.zeros(n_sets, np.int64), np.zeros(m), np.empty(m), cost.copy(),
    )  # fmt: skip
    scratch = Scratch(
        np.empty(n), np.empty(n), np.empty(n, np.int64), np.zeros(n, np.bool_), np.empty(room), np.empty(room),
        np.empty(room),
    )  # fmt: skip
    scale = _row_scales(rows)
    _cheapest_keys(rows, sets, basis, cost)
    size, pivots = 0, 0
    while True:
        if pivots and pivots % _REFRESH == 0:
            _invert(rows, sets, basis, size)
            _reprice(rows, sets, basis, cost, size)
        _solve(rows, sets, basis, size)
        leaving, new_row, slack = _choose_leaving(rows, sets, basis, scale, size)
        if leaving == -1 and new_row == -1:
            break
        if pivots >= most_pivots or not np.isfinite(slack):
            return GAVE_UP, pivots
        pivots += 1
        if leaving >= size:  # a key column below zero: change places with a basic one of its set
            leaving = _swap_key(rows, sets, basis, size, leaving - size)
        sign = 0.0
        if new_row >= 0:
            sign = 1.0 if basis.activity[new_row] > rows.bound[new_row] else -1.0
        _rates(rows, sets, basis, scratch, size, leaving, new_row, sign)
        leaving_column = basis.basic[leaving] if new_row == -1 else -1
        entering, leaving_row, step = _ratio_test(rows, sets, basis, scratch, size, slack, leaving_column)
        if entering == -1 and leaving_row == -1:
            return INFEASIBLE, pivots
        for column in range(n):
            basis.reduced[column] += step * scratch.rate[column]
        for index in range(size):
            basis.price[index] += step * scratch.direction[index]
        size = _change_basis(
            rows, sets, basis, scratch, size, leaving, new_row, entering, leaving_row, sign * step
        )
    x[:] = 0.0
    for group in range(n_sets):
        x[basis.key[group]] = basis.left[group]
    for index in range(size):
        x[basis.basic[index]] += basis.amount[index]
    prices[:] = 0.0
    for index in range(size):
        prices[basis.tight[index]] = basis.price[index]
    return OPTIMAL, pivots


def proven_bound(cost: Float64s, sets: Sets, rows: Rows, prices: Float64s) -> float:
    """What no solution can cost less than, whatever the prices of rows are: weak duality, checked apart.

    Prices of inequalities below zero count as zero. Minus infinity where a column of its own would be paid for.
    """
    price = np.where(rows.equal, prices, np.maximum(prices, 0.0))
    of_entries = rows.values * np.repeat(price, np.diff(rows.starts))
    reduced = cost + np.bincount(rows.columns, of_entries, len(cost))
    if np.any(reduced[sets.of < 0] < -_TOLERANCE * cost[sets.of < 0]):
        return -np.inf
    cheapest = np.minimum.reduceat(reduced[sets.members], sets.starts[:-1])
    return float(sets.quantity @ cheapest - price @ rows.bound)


@kernel
def _row_scales(rows: Rows) -> Float64s:
    """Largest entry of each row, at least 1."""
    scale = np.ones(len(rows.bound))
    for row in range(len(scale)):
        for entry in range(rows.starts[row], rows.starts[row + 1]):
            scale[row] = max(scale[row], abs(rows.values[entry]))
    return scale


@kernel
def _cheapest_keys(rows: Rows, sets: Sets, basis: Basis, cost: Float64s) -> None:
    for group in range(len(basis.key)):
        members = sets.members[sets.starts[group] : sets.starts[group + 1]]
        best = members[0]
        for column in members:
            if cost[column] < cost[best]:
                best = column
        basis.key[group] = best
        basis.state[best] = KEY
        _add_column(rows, best, sets.quantity[group], basis.at_keys)
        for column in members:
            basis.reduced[column] -= cost[best]


@kernel
def _add_column(rows: Rows, column: int, times: float, target: Float64s) -> None:
    for entry in range(rows.column_starts[column], rows.column_starts[column + 1]):
        target[rows.column_rows[entry]] += times * rows.column_values[entry]


@kernel
def _net_column(rows: Rows, sets: Sets, basis: Basis, column: int, net: Float64s) -> None:
    """The column less its key, at the tight rows."""
    for entry in range(rows.column_starts[column], rows.column_starts[column + 1]):
        at = basis.place[rows.column_rows[entry]]
        if at >= 0:
            net[at] += rows.column_values[entry]
    group = sets.of[column]
    if group < 0:
        return
    for entry in range(rows.column_starts[basis.key[group]], rows.column_starts[basis.key[group] + 1]):
        at = basis.place[rows.column_rows[entry]]
        if at >= 0:
            net[at] -= rows.column_values[entry]


@kernel
def _solve(rows: Rows, sets: Sets, basis: Basis, size: int) -> None:
    """Amounts of basic and key columns, and the activity of every row."""
    basis.activity[:] = basis.at_keys
    basis.left[:] = sets.quantity
    for index in range(size):
        total = 0.0
        for at in range(size):
            total += basis.inverse[index, at] * (rows.bound[basis.tight[at]] - basis.at_keys[basis.tight[at]])
        basis.amount[index] = total
        _add_column(rows, basis.basic[index], total, basis.activity)
        group = sets.of[basis.basic[index]]
        if group >= 0:
            basis.left[group] -= total
            _add_column(rows, basis.key[group], -total, basis.activity)


@kernel
def _choose_leaving(
    rows: Rows, sets: Sets, basis: Basis, scale: Float64s, size: int
) -> tuple[int, int, float]:
    """What is furthest from feasible: (basic index, or size + set for a key, else -1; row or -1; by how much)."""
    worst, leaving, new_row, slack = _TOLERANCE, -1, -1, 0.0
    for row in range(len(basis.activity)):
        if basis.place[row] < 0:
            over = basis.activity[row] - rows.bound[row]
            if rows.equal[row]:
                over = abs(over)
            if over > worst * scale[row]:
                worst, new_row, slack = over / scale[row], row, over
    for index in range(size):
        if -basis.amount[index] > worst:
            worst, leaving, new_row, slack = -basis.amount[index], index, -1, -basis.amount[index]
        group = sets.of[basis.basic[index]]
        if group >= 0 and -basis.left[group] > worst:
            worst, leaving, new_row, slack = -basis.left[group], size + group, -1, -basis.left[group]
    return leaving, new_row, slack


@kernel
def _swap_key(rows: Rows, sets: Sets, basis: Basis, size: int, group: int) -> int:
    """The largest basic column of the set becomes its key; returns the place of the former key."""
    chosen = -1
    for index in range(size):
        if sets.of[basis.basic[index]] == group and (
            chosen < 0 or basis.amount[index] > basis.amount[chosen]
        ):
            chosen = index
    for at in range(size):
        total = 0.0
        for index in range(size):
            if sets.of[basis.basic[index]] == group:
                total += basis.inverse[index, at]
        basis.inverse[chosen, at] = -total
    former = basis.key[group]
    _add_column(rows, former, -sets.quantity[group], basis.at_keys)
    _add_column(rows, basis.basic[chosen], sets.quantity[group], basis.at_keys)
    basis.key[group] = basis.basic[chosen]
    basis.state[basis.key[group]] = KEY
    basis.basic[chosen] = former
    basis.state[former] = BASIC
    return chosen


@kernel
def _rates(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, size: int, leaving: int, new_row: int, sign: float
) -> None:
    """How prices of tight rows (``direction``) and reduced costs (``rate``) change per unit of the step."""
    scratch.rate[:] = 0.0
    if new_row >= 0:
        for entry in range(rows.starts[new_row], rows.starts[new_row + 1]):
            scratch.rate[rows.columns[entry]] = sign * rows.values[entry]
        for index in range(size):
            group = sets.of[basis.basic[index]]
            scratch.work[index] = scratch.rate[basis.basic[index]] - (
                scratch.rate[basis.key[group]] if group >= 0 else 0.0
            )
        scratch.direction[:size] = 0.0
        for index in range(size):
            if scratch.work[index] != 0.0:
                for at in range(size):
                    scratch.direction[at] -= scratch.work[index] * basis.inverse[index, at]
    else:
        scratch.direction[:size] = basis.inverse[leaving, :size]
    for at in range(size):
        if scratch.direction[at] != 0.0:
            row = basis.tight[at]
            for entry in range(rows.starts[row], rows.starts[row + 1]):
                scratch.rate[rows.columns[entry]] += scratch.direction[at] * rows.values[entry]
    for group in range(len(basis.key)):
        of_key = scratch.rate[basis.key[group]]
        if of_key != 0.0:
            for place in range(sets.starts[group], sets.starts[group + 1]):
                scratch.rate[sets.members[place]] -= of_key


@kernel
def _ratio_test(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, size: int, slack: float, leaving_column: int
) -> tuple[int, int, float]:
    """(entering column or -1, leaving tight row or -1, step); sets move over on the way."""
    row_step, leaving_row = np.inf, -1
    for at in range(size):
        if not rows.equal[basis.tight[at]] and scratch.direction[at] < -_PIVOT:
            step = max(basis.price[at], 0.0) / -scratch.direction[at]
            if step < row_step:
                row_step, leaving_row = step, at
    count = 0
    for column in range(len(scratch.rate)):
        scratch.ratio[column] = np.inf
        scratch.listed[column] = False
        if basis.state[column] == OUTSIDE and column != leaving_column and scratch.rate[column] < -_PIVOT:
            scratch.ratio[column] = max(basis.reduced[column], 0.0) / -scratch.rate[column]
            if scratch.ratio[column] < row_step:
                scratch.candidates[count] = column
                scratch.listed[column] = True
                count += 1
    while True:
        entering, step = _first_of(scratch, count)
        if entering < 0 or step >= row_step:
            return -1, leaving_row, row_step
        group = sets.of[entering]
        if group < 0 or basis.basics_of[group] > 0:
            return entering, -1, step
        slack += sets.quantity[group] * scratch.rate[entering]
        if slack <= _TOLERANCE:
            return entering, -1, step
        _move_over(rows, sets, basis, scratch, group, entering, step)
        for place in range(sets.starts[group], sets.starts[group + 1]):
            column = sets.members[place]
            if scratch.ratio[column] < row_step and not scratch.listed[column]:
                scratch.candidates[count] = column
                scratch.listed[column] = True
                count += 1


@kernel
def _first_of(scratch: Scratch, count: int) -> tuple[int, float]:
    """The candidate that is reached first, of equal ones the firmest pivot; -1 if none is."""
    least = np.inf
    for index in range(count):
        least = min(least, scratch.ratio[scratch.candidates[index]])
    entering = -1
    if least < np.inf:
        for index in range(count):
            column = scratch.candidates[index]
            if scratch.ratio[column] <= least + _TIE and (
                entering < 0 or scratch.rate[column] < scratch.rate[entering]
            ):
                entering = column
    return entering, scratch.ratio[entering] if entering >= 0 else np.inf


@kernel
def _move_over(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, group: int, entering: int, step: float
) -> None:
    """The whole set goes from its key column to the entering one, which becomes its key."""
    cost, slope, quantity = basis.reduced[entering], scratch.rate[entering], sets.quantity[group]
    _add_column(rows, basis.key[group], -quantity, basis.at_keys)
    _add_column(rows, entering, quantity, basis.at_keys)
    basis.state[basis.key[group]] = OUTSIDE
    basis.state[entering] = KEY
    basis.key[group] = entering
    for place in range(sets.starts[group], sets.starts[group + 1]):
        column = sets.members[place]
        basis.reduced[column] -= cost
        scratch.rate[column] -= slope
        scratch.ratio[column] = np.inf
        if column != entering and scratch.rate[column] < -_PIVOT:
            scratch.ratio[column] = max(basis.reduced[column] / -scratch.rate[column], step)


@kernel
def _change_basis(
    rows: Rows,
    sets: Sets,
    basis: Basis,
    scratch: Scratch,
    size: int,
    leaving: int,
    new_row: int,
    entering: int,
    leaving_row: int,
    new_price: float,
) -> int:
    """Update columns, rows and inverse of the basis; returns its new size."""
    if new_row >= 0:
        scratch.work[:size] = 0.0
        for entry in range(rows.starts[new_row], rows.starts[new_row + 1]):
            column = rows.columns[entry]
            if basis.state[column] == BASIC:
                for index in range(size):
                    if basis.basic[index] == column:
                        scratch.work[index] += rows.values[entry]
            elif basis.state[column] == KEY and basis.basics_of[sets.of[column]] > 0:
                for index in range(size):
                    if sets.of[basis.basic[index]] == sets.of[column]:
                        scratch.work[index] -= rows.values[entry]
    if entering >= 0:
        scratch.other[:size] = 0.0
        _net_column(rows, sets, basis, entering, scratch.other)
    if new_row >= 0 and entering >= 0:
        corner = 0.0
        for entry in range(rows.column_starts[entering], rows.column_starts[entering + 1]):
            if rows.column_rows[entry] == new_row:
                corner += rows.column_values[entry]
        group = sets.of[entering]
        if group >= 0:
            for entry in range(
                rows.column_starts[basis.key[group]], rows.column_starts[basis.key[group] + 1]
            ):
                if rows.column_rows[entry] == new_row:
                    corner -= rows.column_values[entry]
        border(basis.inverse, size, scratch.other, scratch.work, corner)
        basis.basic[size], basis.tight[size], basis.place[new_row], basis.price[size] = (
            entering,
            new_row,
            size,
            new_price,
        )
        _enter(sets, basis, entering)
        return size + 1
    if new_row >= 0:
        replace_row(basis.inverse, size, scratch.work, leaving_row)
        basis.place[basis.tight[leaving_row]] = -1
        basis.tight[leaving_row], basis.place[new_row], basis.price[leaving_row] = (
            new_row,
            leaving_row,
            new_price,
        )
        return size
    _leave(sets, basis, basis.basic[leaving])
    if entering >= 0:
        replace_column(basis.inverse, size, scratch.other, leaving)
        basis.basic[leaving] = entering
        _enter(sets, basis, entering)
        return size
    shrink(basis.inverse, size, leaving, leaving_row)
    basis.place[basis.tight[leaving_row]] = -1
    last = size - 1
    basis.basic[leaving] = basis.basic[last]
    if leaving_row != last:
        basis.tight[leaving_row], basis.price[leaving_row] = basis.tight[last], basis.price[last]
        basis.place[basis.tight[leaving_row]] = leaving_row
    return last


@kernel
def _enter(sets: Sets, basis: Basis, column: int) -> None:
    basis.state[column] = BASIC
    if sets.of[column] >= 0:
        basis.basics_of[sets.of[column]] += 1


@kernel
def _leave(sets: Sets, basis: Basis, column: int) -> None:
    basis.state[column] = OUTSIDE
    if sets.of[column] >= 0:
        basis.basics_of[sets.of[column]] -= 1


@kernel
def _invert(rows: Rows, sets: Sets, basis: Basis, size: int) -> None:
    """From scratch, by elimination with partial pivoting."""
    matrix = np.zeros((size, 2 * size))
    net = np.empty(size)
    for index in range(size):
        net[:] = 0.0
        _net_column(rows, sets, basis, basis.basic[index], net)
        matrix[:, index] = net
        matrix[index, size + index] = 1.0
    invert(matrix, size, basis.inverse)


@kernel
def _reprice(rows: Rows, sets: Sets, basis: Basis, cost: Float64s, size: int) -> None:
    """Prices of tight rows and reduced costs from scratch."""
    basis.price[:size] = 0.0
    for index in range(size):
        group = sets.of[basis.basic[index]]
        net = cost[basis.basic[index]] - (cost[basis.key[group]] if group >= 0 else 0.0)
        for at in range(size):
            basis.price[at] -= net * basis.inverse[index, at]
    basis.reduced[:] = cost
    for at in range(size):
        row = basis.tight[at]
        for entry in range(rows.starts[row], rows.starts[row + 1]):
            basis.reduced[rows.columns[entry]] += basis.price[at] * rows.values[entry]
    for group in range(len(basis.key)):
        of_key = basis.reduced[basis.key[group]]
        for place in range(sets.starts[group], sets.starts[group + 1]):
            basis.reduced[sets.members[place]] -= of_key
