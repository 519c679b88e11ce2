"""Where the dual simplex stands: a basis that holds only rows that bind, and limits of single columns.

Each set has one *key* column that takes whatever the set's other columns leave (generalised upper bounding), so sets
cost no room in the basis. A limit, ``sign x column <= bound``, is a row of its own; limits are numbered after the rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.strategy.inverse import invert
from engine.rules.strategy.tableau import (
    Bools,
    Float64s,
    Int8s,
    Int64s,
    Rows,
    Sets,
    add_column,
    add_column_at,
    fill,
    priced_entries,
)

KEY, BASIC, OUTSIDE = 2, 1, 0
SIZE, LIMITS, PIVOTS = range(3)


class Basis(NamedTuple):
    """The number of tight rows is its size.

    Attributes:
        number: int64[3], size, limits in force and pivots made.
        key: int64[s], the column of each set that takes what is left; state: int8[n], key, basic or outside.
        basic: columns in the basis beside the keys; tight: its rows; place: int64[m + d], of a row among these.
        inverse: of the tight rows of the basic columns, each less its key; [basic, tight].
        price: of tight rows; amount: of basic columns; left: float64[s], what the key columns take.
        basics_of: int64[s], basic columns of each set.
        at_keys: float64[m], activity with every set at its key; activity: float64[m + d], of the present solution.
        reduced: float64[n], reduced costs, >= 0.
        bound, equal, scale: [m + d], of rows and limits; scale: their largest coefficient, at least 1.
        limited, sign: [d], column and sign of each limit.
        basic_edge, key_edge, row_edge: squared lengths of edges, by basic index, set, row and limit; see ``edges.py``.
    """

    number: Int64s
    key: Int64s
    state: Int8s
    basic: Int64s
    tight: Int64s
    place: Int64s
    inverse: Float64s
    price: Float64s
    amount: Float64s
    left: Float64s
    basics_of: Int64s
    at_keys: Float64s
    activity: Float64s
    reduced: Float64s
    bound: Float64s
    equal: Bools
    scale: Float64s
    limited: Int64s
    sign: Float64s
    basic_edge: Float64s
    key_edge: Float64s
    row_edge: Float64s


@kernel
def cheapest(cost: Float64s, sets: Sets, rows: Rows, room: int, depth: int) -> Basis:
    """Every set at its cheapest column, which no row's price contradicts; room for so many tight rows and limits."""
    n, m, s = len(cost), len(rows.bound), len(sets.quantity)
    basis = Basis(
        np.zeros(3, np.int64), np.empty(s, np.int64), np.zeros(n, np.int8), np.empty(room, np.int64),
        np.empty(room, np.int64), np.full(m + depth, -1, np.int64), np.empty((room, room)), np.zeros(room),
        np.zeros(room), np.empty(s), np.zeros(s, np.int64), np.zeros(m), np.empty(m + depth), cost.copy(),
        np.empty(m + depth), np.zeros(m + depth, np.bool_), np.ones(m + depth), np.empty(depth, np.int64),
        np.empty(depth), np.zeros(room), np.zeros(s), np.ones(m + depth),
    )  # fmt: skip
    basis.bound[:m], basis.equal[:m] = rows.bound, rows.equal
    for row in range(m):
        low, high = rows.first_row[rows.block[row]], rows.first_row[rows.block[row] + 1] - 1
        across = max(rows.point[row] - rows.point[low], rows.point[high] - rows.point[row])
        basis.scale[row] = max(across, 1.0) if not rows.equal[row] else 1.0
        basis.row_edge[row] = basis.scale[row] ** 2
    for group in range(s):
        best = sets.members[sets.starts[group]]
        for at in range(sets.starts[group], sets.starts[group + 1]):
            if cost[sets.members[at]] < cost[best]:
                best = sets.members[at]
        basis.key[group], basis.state[best] = best, KEY
        add_column(rows, best, sets.quantity[group], basis.at_keys)
        for at in range(sets.starts[group], sets.starts[group + 1]):
            basis.reduced[sets.members[at]] -= cost[best]
    return basis


@in_place
def limit(basis: Basis, column: int, sign: float, bound: float) -> None:
    """One more limit."""
    at = basis.number[LIMITS]
    row = len(basis.at_keys) + at
    basis.limited[at], basis.sign[at] = column, sign
    basis.bound[row], basis.place[row], basis.row_edge[row] = bound, -1, 1.0
    basis.number[LIMITS] += 1


@in_place
def net_column(rows: Rows, sets: Sets, basis: Basis, column: int, net: Float64s) -> None:
    """A column less the key of its set, at the tight rows."""
    size, m, group = basis.number[SIZE], len(basis.at_keys), sets.of[column]
    key = basis.key[group] if group >= 0 else -1
    fill(net, 0, size, 0.0)
    add_column_at(rows, column, 1.0, basis.tight, size, net)
    if key >= 0:
        add_column_at(rows, key, -1.0, basis.tight, size, net)
    for at in range(size):
        row = basis.tight[at]
        if row >= m and basis.limited[row - m] == column:
            net[at] += basis.sign[row - m]
        elif row >= m and basis.limited[row - m] == key:
            net[at] -= basis.sign[row - m]


@kernel
def refresh(rows: Rows, sets: Sets, basis: Basis) -> None:
    """The inverse from scratch, by elimination with partial pivoting."""
    size = basis.number[SIZE]
    matrix, net = np.zeros((size, 2 * size)), np.empty(size)
    for index in range(size):
        net_column(rows, sets, basis, basis.basic[index], net)
        matrix[:, index] = net
        matrix[index, size + index] = 1.0
    invert(matrix, size, basis.inverse)


@in_place
def reprice(cost: Float64s, rows: Rows, sets: Sets, basis: Basis, spread: Float64s, tables: Float64s) -> None:
    """Prices of tight rows and reduced costs from costs; ``spread``, ``tables``: scratch, [m] and [3 m]."""
    size = basis.number[SIZE]
    fill(basis.price, 0, size, 0.0)
    for index in range(size):
        group = sets.of[basis.basic[index]]
        net = cost[basis.basic[index]] - (cost[basis.key[group]] if group >= 0 else 0.0)
        for at in range(size):
            basis.price[at] -= net * basis.inverse[index, at]
    for column in range(len(cost)):
        basis.reduced[column] = cost[column]
    along(rows, basis, basis.price, spread, tables, basis.reduced)
    for group in range(len(basis.key)):
        of_key = basis.reduced[basis.key[group]]
        if of_key != 0.0:
            for at in range(sets.starts[group], sets.starts[group + 1]):
                basis.reduced[sets.members[at]] -= of_key


@in_place
def along(
    rows: Rows, basis: Basis, prices: Float64s, spread: Float64s, tables: Float64s, by_column: Float64s
) -> None:
    """Add prices of tight rows, times coefficients, by column.

    Args:
        spread: float64[m], zero here and again afterwards but for what the caller put in for another row.
    """
    m, tight, first_row = len(basis.at_keys), basis.tight, rows.first_row
    for at in range(basis.number[SIZE]):
        row = tight[at]
        if row < m:
            spread[row] += prices[at]
        else:
            by_column[basis.limited[row - m]] += basis.sign[row - m] * prices[at]
    for block in range(len(first_row) - 1):
        priced = False
        for row in range(first_row[block], first_row[block + 1]):
            priced = priced or spread[row] != 0.0
        if priced:
            priced_entries(rows, spread, block, tables, by_column)
            for row in range(first_row[block], first_row[block + 1]):
                spread[row] = 0.0
