"""How far a price may rise: which column enters the basis or which row leaves it first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import kernel
from engine.rules.strategy.basis import KEY, OUTSIDE, SIZE, Basis
from engine.rules.strategy.tableau import Bools, Float64s, Int8s, Int64s, Rows, Sets, add_column

_TOLERANCE = 1e-7
_PIVOT = 1e-7
_GIVE_USD = 1e-7  # what a price or a reduced cost may fall below zero for the sake of a firmer pivot


class Scratch(NamedTuple):
    """Room for one pivot: changes per unit of the step, and who may enter when.

    Attributes:
        rate: float64[n], of reduced costs; ratio: the step at which a column's is used up, inf for the key, for
            basic ones and where it grows; candidates, listed: the finite ones.
        direction: of the prices of tight rows; work, other: a row and a column of the basis.
        row: float64[n], the new row.
        spread: float64[m], zero between uses; tables: float64[3, m].
        scaled: of tight rows, change, turn: of basic columns, by_key, turn_by_key: of keys, of_rows, turn_of_rows: of
            rows, turned: as tables, moved: bool[b]; see ``edges.py``.
    """

    rate: Float64s
    ratio: Float64s
    candidates: Int64s
    listed: Bools
    direction: Float64s
    work: Float64s
    other: Float64s
    row: Float64s
    spread: Float64s
    tables: Float64s
    scaled: Float64s
    change: Float64s
    turn: Float64s
    by_key: Float64s
    turn_by_key: Float64s
    of_rows: Float64s
    turn_of_rows: Float64s
    turned: Float64s
    moved: Bools


@kernel
def ratio_test(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, slack: float, leaving_column: int
) -> tuple[int, int, float]:
    """(entering column or -1, leaving tight row or -1, step); sets move over on the way."""
    candidates, listed, ratio, rate = scratch.candidates, scratch.listed, scratch.ratio, scratch.rate
    of, starts, members = sets.of, sets.starts, sets.members
    row_step, leaving_row = _first_row(basis, scratch.direction)
    count = _list_candidates(
        basis.state, basis.reduced, rate, ratio, candidates, listed, leaving_column, row_step
    )
    while True:
        entering = _first_of(candidates[:count], ratio, rate)
        if (
            entering < 0
            or ratio[entering] > row_step
            or (ratio[entering] == row_step and scratch.direction[leaving_row] <= rate[entering])
        ):
            return -1, leaving_row, row_step
        step, group = ratio[entering], of[entering]
        if group < 0 or basis.basics_of[group] > 0:
            return entering, -1, step
        slack += sets.quantity[group] * rate[entering]
        if slack <= _TOLERANCE:
            return entering, -1, step
        _move_over(rows, sets, basis, scratch, group, entering, step)
        for place in range(starts[group], starts[group + 1]):
            column = members[place]
            if ratio[column] < row_step and not listed[column]:
                candidates[count] = column
                listed[column] = True
                count += 1


@kernel
def _first_row(basis: Basis, direction: Float64s) -> tuple[float, int]:
    """Where the price of a tight inequality reaches 0 first, of about equal ones the firmest pivot (Harris)."""
    tight, equal, price = basis.tight, basis.equal, basis.price
    least, leaving_row = np.inf, -1
    for at in range(basis.number[SIZE]):
        if direction[at] < -_PIVOT and not equal[tight[at]]:
            least = min(least, (max(price[at], 0.0) + _GIVE_USD) / -direction[at])
    if least == np.inf:
        return np.inf, -1
    for at in range(basis.number[SIZE]):
        if direction[at] >= -_PIVOT or equal[tight[at]] or max(price[at], 0.0) > least * -direction[at]:
            continue
        if leaving_row < 0 or direction[at] < direction[leaving_row]:
            leaving_row = at
    return max(price[leaving_row], 0.0) / -direction[leaving_row], leaving_row


@kernel
def _list_candidates(
    state: Int8s,
    reduced: Float64s,
    rate: Float64s,
    ratio: Float64s,
    candidates: Int64s,
    listed: Bools,
    leaving_column: int,
    row_step: float,
) -> int:
    count = 0
    for column in range(len(rate)):
        ratio[column] = np.inf
        listed[column] = False
        if rate[column] < -_PIVOT and state[column] == OUTSIDE and column != leaving_column:
            ratio[column] = max(reduced[column], 0.0) / -rate[column]
            if ratio[column] < row_step:
                candidates[count] = column
                listed[column] = True
                count += 1
    return count


@kernel
def _first_of(candidates: Int64s, ratio: Float64s, rate: Float64s) -> int:
    """The candidate that is reached first, of about equal ones the firmest pivot (Harris); -1 if none is."""
    least = np.inf
    for column in candidates:
        if ratio[column] < np.inf:
            least = min(least, ratio[column] + _GIVE_USD / -rate[column])
    entering = -1
    if least < np.inf:
        for column in candidates:
            if ratio[column] <= least and (entering < 0 or rate[column] < rate[entering]):
                entering = column
    return entering


@kernel
def _move_over(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, group: int, entering: int, step: float
) -> None:
    """The whole set goes from its key column to the entering one, which becomes its key."""
    reduced, rate, ratio, state, key = basis.reduced, scratch.rate, scratch.ratio, basis.state, basis.key
    cost, slope, quantity = reduced[entering], rate[entering], sets.quantity[group]
    add_column(rows, key[group], -quantity, basis.at_keys)
    add_column(rows, entering, quantity, basis.at_keys)
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
