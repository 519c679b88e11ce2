"""What a linear programme of shared quantities consists of, and where its solution stands, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


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


class Basis(NamedTuple):
    """Where the method stands; the number of tight rows is its size.

    Attributes:
        key: int64[s], the column of each set that takes what is left; state: int64[n], key, basic or outside.
        basic: columns in the basis beside the keys; tight: its rows; place: int64[m], of a row among these.
        inverse: of the tight rows of the basic columns, each less its key; [basic, tight].
        price: of tight rows; amount: of basic columns; left: float64[s], what the key columns take.
        basics_of: int64[s], basic columns of each set.
        at_keys: float64[m], activity with every set at its key; activity: of the present solution.
        reduced: float64[n], reduced costs, >= 0.
    """

    key: Int64s
    state: Int64s
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


class Scratch(NamedTuple):
    """Room for one pivot: changes per unit of the step, and who may enter when.

    Attributes:
        rate: of reduced costs; ratio: the step at which a column's is used up; candidates, listed: the finite ones.
        direction: of the prices of tight rows; work, other: a row and a column of the basis.
    """

    rate: Float64s
    ratio: Float64s
    candidates: Int64s
    listed: Bools
    direction: Float64s
    work: Float64s
    other: Float64s


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
