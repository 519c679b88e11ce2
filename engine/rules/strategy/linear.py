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

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.rules.strategy.inverse import border, invert, replace_column, replace_row, shrink

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

OPTIMAL, INFEASIBLE, GAVE_UP = 0, 1, 2
KEY, BASIC, OUTSIDE = 2, 1, 0
_TOLERANCE = 1e-7  # of a quantity; columns and rows are scaled to about 1
_PIVOT = 1e-9
_TIE = 1e-9
_REFRESH = 64  # pivots between two inversions from scratch


class Rows(NamedTuple):
    """Linking rows, by row and by column.

    Attributes:
        starts: int64[m + 1]; columns, values: entries of row r at ``starts[r]:starts[r + 1]``.
        column_starts: int64[n + 1]; column_rows, column_values: the same entries by column.
        bound: float64[m]; equal: bool[m], the row must meet its bound.
    """

    starts: Int64s
    columns: Int64s
    values: Float64s
    column_starts: Int64s
    column_rows: Int64s
    column_values: Float64s
    bound: Float64s
    equal: Bools


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


def by_column(
    columns: Int64s, values: Float64s, starts: Int64s, count: int
) -> tuple[Int64s, Int64s, Float64s]:
    """Entries given by row, by column: column_starts, column_rows, column_values."""
    column_starts = np.zeros(count + 1, np.int64)
    column_rows, column_values = np.empty(len(columns), np.int64), np.empty(len(columns))
    _transpose(starts, columns, values, column_starts, column_rows, column_values)
    return column_starts, column_rows, column_values


@kernel
def _transpose(
    starts: Int64s,
    columns: Int64s,
    values: Float64s,
    column_starts: Int64s,
    column_rows: Int64s,
    column_values: Float64s,
) -> None:
    for entry in range(len(columns)):
        column_starts[columns[entry] + 1] += 1
    for column in range(len(column_starts) - 1):
        column_starts[column + 1] += column_starts[column]
    next_free = column_starts[:-1].copy()
    for row in range(len(starts) - 1):
        for entry in range(starts[row], starts[row + 1]):
            place = next_free[columns[entry]]
            column_rows[place] = row
            column_values[place] = values[entry]
            next_free[columns[entry]] += 1


@kernel
def least_cost(cost: Float64s, sets: Sets, rows: Rows, most_pivots: int, x: Float64s) -> tuple[int, int]:
    """Fill ``x`` with a solution of least cost; returns the outcome and the pivots made."""
    n, m, n_sets = len(cost), len(rows.bound), len(sets.quantity)
    room = m + 1
    key = np.empty(n_sets, np.int64)
    state = np.zeros(n, np.int64)
    reduced = cost.copy()
    _cheapest_keys(cost, sets, key, state, reduced)
    scale = np.ones(m)
    for row in range(m):
        for entry in range(rows.starts[row], rows.starts[row + 1]):
            scale[row] = max(scale[row], abs(rows.values[entry]))
    at_keys = np.zeros(m)  # activity with every set at its key column
    for group in range(n_sets):
        _add_column(rows, key[group], sets.quantity[group], at_keys)
    basic = np.empty(room, np.int64)  # columns in the basis beside the keys
    tight = np.empty(room, np.int64)  # rows in the basis
    place = np.full(m, -1, np.int64)  # of a row among the tight ones
    inverse = np.zeros((room, room))
    price = np.zeros(room)
    amount = np.zeros(room)
    activity = np.empty(m)
    left = np.empty(n_sets)  # what the key columns take
    basics_of = np.zeros(n_sets, np.int64)
    rate = np.empty(n)
    ratio = np.empty(n)
    candidates = np.empty(n, np.int64)
    listed = np.zeros(n, np.bool_)
    direction = np.empty(room)
    work = np.empty(room)
    other = np.empty(room)
    size = 0
    pivots = 0
    while True:
        if pivots and pivots % _REFRESH == 0:
            _invert(rows, sets, key, basic, tight, place, size, inverse)
            _reprice(cost, sets, rows, key, basic, tight, size, inverse, price, reduced)
        _solve(rows, sets, key, basic, tight, size, inverse, at_keys, amount, activity, left)
        leaving, new_row, slack = _choose_leaving(
            rows, scale, place, size, amount, activity, left, n_sets, basic, sets
        )
        if leaving == -1 and new_row == -1:
            break
        if pivots >= most_pivots or not np.isfinite(slack):
            return GAVE_UP, pivots
        pivots += 1
        if leaving >= size:  # a key column below zero: change places with a basic one of its set
            group = leaving - size
            leaving = _swap_key(rows, sets, key, state, basic, size, inverse, amount, group, at_keys)
            slack = -(left[group])
        _rates(
            rows, sets, key, basic, tight, size, inverse, leaving, new_row, activity, rate, direction, work
        )
        entering, leaving_row, step = _ratio_test(
            sets, rows, key, state, reduced, price, tight, size, direction, rate, ratio, basics_of, slack,
            basic[leaving] if new_row == -1 else -1, at_keys, candidates, listed,
        )  # fmt: skip
        if entering == -1 and leaving_row == -1:
            return INFEASIBLE, pivots
        for column in range(n):
            reduced[column] += step * rate[column]
        for index in range(size):
            price[index] += step * direction[index]
        sign = 0.0
        if new_row != -1:
            sign = 1.0 if activity[new_row] > rows.bound[new_row] else -1.0
        size = _change_basis(
            rows, sets, key, state, basic, tight, place, size, inverse, price, basics_of, leaving, new_row,
            entering, leaving_row, sign * step, work, other,
        )  # fmt: skip
    x[:] = 0.0
    for group in range(n_sets):
        x[key[group]] = left[group]
    for index in range(size):
        x[basic[index]] += amount[index]
    return OPTIMAL, pivots


@kernel
def _cheapest_keys(cost: Float64s, sets: Sets, key: Int64s, state: Int64s, reduced: Float64s) -> None:
    for group in range(len(key)):
        members = sets.members[sets.starts[group] : sets.starts[group + 1]]
        best = members[0]
        for column in members:
            if cost[column] < cost[best]:
                best = column
        key[group] = best
        state[best] = KEY
        for column in members:
            reduced[column] -= cost[best]


@kernel
def _add_column(rows: Rows, column: int, times: float, target: Float64s) -> None:
    for entry in range(rows.column_starts[column], rows.column_starts[column + 1]):
        target[rows.column_rows[entry]] += times * rows.column_values[entry]


@kernel
def _net_column(rows: Rows, sets: Sets, key: Int64s, column: int, place: Int64s, net: Float64s) -> None:
    """The column less its key, at the tight rows."""
    for entry in range(rows.column_starts[column], rows.column_starts[column + 1]):
        at = place[rows.column_rows[entry]]
        if at >= 0:
            net[at] += rows.column_values[entry]
    group = sets.of[column]
    if group < 0:
        return
    for entry in range(rows.column_starts[key[group]], rows.column_starts[key[group] + 1]):
        at = place[rows.column_rows[entry]]
        if at >= 0:
            net[at] -= rows.column_values[entry]


@kernel
def _solve(
    rows: Rows,
    sets: Sets,
    key: Int64s,
    basic: Int64s,
    tight: Int64s,
    size: int,
    inverse: Float64s,
    at_keys: Float64s,
    amount: Float64s,
    activity: Float64s,
    left: Float64s,
) -> None:
    """Amounts of basic and key columns, and the activity of every row."""
    activity[:] = at_keys
    left[:] = sets.quantity
    for index in range(size):
        total = 0.0
        for at in range(size):
            total += inverse[index, at] * (rows.bound[tight[at]] - at_keys[tight[at]])
        amount[index] = total
        _add_column(rows, basic[index], total, activity)
        group = sets.of[basic[index]]
        if group >= 0:
            left[group] -= total
            _add_column(rows, key[group], -total, activity)


@kernel
def _choose_leaving(
    rows: Rows,
    scale: Float64s,
    place: Int64s,
    size: int,
    amount: Float64s,
    activity: Float64s,
    left: Float64s,
    n_sets: int,
    basic: Int64s,
    sets: Sets,
) -> tuple[int, int, float]:
    """What is furthest from feasible: (basic index, or size + set for a key, else -1; row or -1; by how much)."""
    worst, leaving, new_row, slack = _TOLERANCE, -1, -1, 0.0
    for row in range(len(activity)):
        if place[row] < 0:
            over = activity[row] - rows.bound[row]
            if rows.equal[row]:
                over = abs(over)
            if over > worst * scale[row]:
                worst, new_row, slack = over / scale[row], row, over
    for index in range(size):
        if -amount[index] > worst:
            worst, leaving, new_row, slack = -amount[index], index, -1, -amount[index]
        group = sets.of[basic[index]]
        if group >= 0 and -left[group] > worst:
            worst, leaving, new_row, slack = -left[group], size + group, -1, -left[group]
    return leaving, new_row, slack


@kernel
def _swap_key(
    rows: Rows,
    sets: Sets,
    key: Int64s,
    state: Int64s,
    basic: Int64s,
    size: int,
    inverse: Float64s,
    amount: Float64s,
    group: int,
    at_keys: Float64s,
) -> int:
    """The largest basic column of the set becomes its key; returns the place of the former key."""
    chosen = -1
    for index in range(size):
        if sets.of[basic[index]] == group and (chosen < 0 or amount[index] > amount[chosen]):
            chosen = index
    for at in range(size):
        total = 0.0
        for index in range(size):
            if sets.of[basic[index]] == group:
                total += inverse[index, at]
        inverse[chosen, at] = -total
    former = key[group]
    _add_column(rows, former, -sets.quantity[group], at_keys)
    _add_column(rows, basic[chosen], sets.quantity[group], at_keys)
    key[group] = basic[chosen]
    state[key[group]] = KEY
    basic[chosen] = former
    state[former] = BASIC
    return chosen


@kernel
def _rates(
    rows: Rows,
    sets: Sets,
    key: Int64s,
    basic: Int64s,
    tight: Int64s,
    size: int,
    inverse: Float64s,
    leaving: int,
    new_row: int,
    activity: Float64s,
    rate: Float64s,
    direction: Float64s,
    work: Float64s,
) -> None:
    """How prices of tight rows (``direction``) and reduced costs (``rate``) change per unit of the step."""
    rate[:] = 0.0
    if new_row >= 0:
        sign = 1.0 if activity[new_row] > rows.bound[new_row] else -1.0
        for entry in range(rows.starts[new_row], rows.starts[new_row + 1]):
            rate[rows.columns[entry]] = sign * rows.values[entry]
        for index in range(size):
            group = sets.of[basic[index]]
            work[index] = rate[basic[index]] - (rate[key[group]] if group >= 0 else 0.0)
        direction[:size] = 0.0
        for index in range(size):
            if work[index] != 0.0:
                for at in range(size):
                    direction[at] -= work[index] * inverse[index, at]
    else:
        direction[:size] = inverse[leaving, :size]
    for at in range(size):
        if direction[at] != 0.0:
            row = tight[at]
            for entry in range(rows.starts[row], rows.starts[row + 1]):
                rate[rows.columns[entry]] += direction[at] * rows.values[entry]
    for group in range(len(key)):
        of_key = rate[key[group]]
        if of_key != 0.0:
            for place in range(sets.starts[group], sets.starts[group + 1]):
                rate[sets.members[place]] -= of_key


@kernel
def _ratio_test(
    sets: Sets,
    rows: Rows,
    key: Int64s,
    state: Int64s,
    reduced: Float64s,
    price: Float64s,
    tight: Int64s,
    size: int,
    direction: Float64s,
    rate: Float64s,
    ratio: Float64s,
    basics_of: Int64s,
    slack: float,
    leaving_column: int,
    at_keys: Float64s,
    candidates: Int64s,
    listed: Bools,
) -> tuple[int, int, float]:
    """(entering column or -1, leaving tight row or -1, step); sets move over on the way."""
    row_step, leaving_row = np.inf, -1
    for at in range(size):
        if not rows.equal[tight[at]] and direction[at] < -_PIVOT:
            step = max(price[at], 0.0) / -direction[at]
            if step < row_step:
                row_step, leaving_row = step, at
    count = 0
    for column in range(len(rate)):
        ratio[column] = np.inf
        listed[column] = False
        if state[column] == OUTSIDE and column != leaving_column and rate[column] < -_PIVOT:
            ratio[column] = max(reduced[column], 0.0) / -rate[column]
            if ratio[column] < row_step:
                candidates[count] = column
                listed[column] = True
                count += 1
    while True:
        entering, step = _first_of(candidates, count, ratio, rate)
        if entering < 0 or step >= row_step:
            return -1, leaving_row, row_step
        group = sets.of[entering]
        if group < 0 or basics_of[group] > 0:
            return entering, -1, step
        slack += sets.quantity[group] * rate[entering]
        if slack <= _TOLERANCE:
            return entering, -1, step
        _move_over(sets, rows, key, state, reduced, rate, ratio, group, entering, step, at_keys)
        for place in range(sets.starts[group], sets.starts[group + 1]):
            column = sets.members[place]
            if ratio[column] < row_step and not listed[column]:
                candidates[count] = column
                listed[column] = True
                count += 1


@kernel
def _first_of(candidates: Int64s, count: int, ratio: Float64s, rate: Float64s) -> tuple[int, float]:
    """The candidate that is reached first, of equal ones the firmest pivot; -1 if none is."""
    least = np.inf
    for index in range(count):
        least = min(least, ratio[candidates[index]])
    entering = -1
    if least < np.inf:
        for index in range(count):
            column = candidates[index]
            if ratio[column] <= least + _TIE and (entering < 0 or rate[column] < rate[entering]):
                entering = column
    return entering, ratio[entering] if entering >= 0 else np.inf


@kernel
def _move_over(
    sets: Sets,
    rows: Rows,
    key: Int64s,
    state: Int64s,
    reduced: Float64s,
    rate: Float64s,
    ratio: Float64s,
    group: int,
    entering: int,
    step: float,
    at_keys: Float64s,
) -> None:
    """The whole set goes from its key column to the entering one, which becomes its key."""
    cost, slope, quantity = reduced[entering], rate[entering], sets.quantity[group]
    _add_column(rows, key[group], -quantity, at_keys)
    _add_column(rows, entering, quantity, at_keys)
    state[key[group]] = OUTSIDE
    state[entering] = KEY
    key[group] = entering
    for place in range(sets.starts[group], sets.starts[group + 1]):
        column = sets.members[place]
        reduced[column] -= cost
        rate[column] -= slope
        ratio[column] = np.inf
        if column != entering and rate[column] < -_PIVOT:
            ratio[column] = max(reduced[column] / -rate[column], step)


@kernel
def _change_basis(
    rows: Rows,
    sets: Sets,
    key: Int64s,
    state: Int64s,
    basic: Int64s,
    tight: Int64s,
    place: Int64s,
    size: int,
    inverse: Float64s,
    price: Float64s,
    basics_of: Int64s,
    leaving: int,
    new_row: int,
    entering: int,
    leaving_row: int,
    new_price: float,
    work: Float64s,
    other: Float64s,
) -> int:
    """Update columns, rows and inverse of the basis; returns its new size."""
    if new_row >= 0:
        work[:size] = 0.0
        for entry in range(rows.starts[new_row], rows.starts[new_row + 1]):
            column = rows.columns[entry]
            if state[column] == BASIC:
                for index in range(size):
                    if basic[index] == column:
                        work[index] += rows.values[entry]
            elif state[column] == KEY and basics_of[sets.of[column]] > 0:
                for index in range(size):
                    if sets.of[basic[index]] == sets.of[column]:
                        work[index] -= rows.values[entry]
    if entering >= 0:
        other[:size] = 0.0
        _net_column(rows, sets, key, entering, place, other)
    if new_row >= 0 and entering >= 0:
        corner = 0.0
        for entry in range(rows.column_starts[entering], rows.column_starts[entering + 1]):
            if rows.column_rows[entry] == new_row:
                corner += rows.column_values[entry]
        group = sets.of[entering]
        if group >= 0:
            for entry in range(rows.column_starts[key[group]], rows.column_starts[key[group] + 1]):
                if rows.column_rows[entry] == new_row:
                    corner -= rows.column_values[entry]
        border(inverse, size, other, work, corner)
        basic[size], tight[size], place[new_row], price[size] = entering, new_row, size, new_price
        _enter(sets, state, basics_of, entering)
        return size + 1
    if new_row >= 0:
        replace_row(inverse, size, work, leaving_row)
        place[tight[leaving_row]] = -1
        tight[leaving_row], place[new_row], price[leaving_row] = new_row, leaving_row, new_price
        return size
    _leave(sets, state, basics_of, basic[leaving])
    if entering >= 0:
        replace_column(inverse, size, other, leaving)
        basic[leaving] = entering
        _enter(sets, state, basics_of, entering)
        return size
    shrink(inverse, size, leaving, leaving_row)
    place[tight[leaving_row]] = -1
    last = size - 1
    basic[leaving] = basic[last]
    if leaving_row != last:
        tight[leaving_row], price[leaving_row] = tight[last], price[last]
        place[tight[leaving_row]] = leaving_row
    return last


@kernel
def _enter(sets: Sets, state: Int64s, basics_of: Int64s, column: int) -> None:
    state[column] = BASIC
    if sets.of[column] >= 0:
        basics_of[sets.of[column]] += 1


@kernel
def _leave(sets: Sets, state: Int64s, basics_of: Int64s, column: int) -> None:
    state[column] = OUTSIDE
    if sets.of[column] >= 0:
        basics_of[sets.of[column]] -= 1


@kernel
def _invert(
    rows: Rows,
    sets: Sets,
    key: Int64s,
    basic: Int64s,
    tight: Int64s,
    place: Int64s,
    size: int,
    inverse: Float64s,
) -> None:
    """From scratch, by elimination with partial pivoting."""
    matrix = np.zeros((size, 2 * size))
    net = np.empty(size)
    for index in range(size):
        net[:] = 0.0
        _net_column(rows, sets, key, basic[index], place, net)
        matrix[:, index] = net
        matrix[index, size + index] = 1.0
    invert(matrix, size, inverse)


@kernel
def _reprice(
    cost: Float64s,
    sets: Sets,
    rows: Rows,
    key: Int64s,
    basic: Int64s,
    tight: Int64s,
    size: int,
    inverse: Float64s,
    price: Float64s,
    reduced: Float64s,
) -> None:
    """Prices of tight rows and reduced costs from scratch."""
    price[:size] = 0.0
    for index in range(size):
        group = sets.of[basic[index]]
        net = cost[basic[index]] - (cost[key[group]] if group >= 0 else 0.0)
        for at in range(size):
            price[at] -= net * inverse[index, at]
    reduced[:] = cost
    for at in range(size):
        row = tight[at]
        for entry in range(rows.starts[row], rows.starts[row + 1]):
            reduced[rows.columns[entry]] += price[at] * rows.values[entry]
    for group in range(len(key)):
        of_key = reduced[key[group]]
        for place in range(sets.starts[group], sets.starts[group + 1]):
            reduced[sets.members[place]] -= of_key
