"""How far a price may rise: which column enters the basis or which row leaves it first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place
from engine.rules.strategy.basis import KEY, OUTSIDE, SIZE, Basis
from engine.rules.strategy.tableau import Bools, Float64s, Int64s, Rows, Sets, add_column, fill

_TOLERANCE = 1e-7
_PIVOT = 1e-7
_GIVE_USD = 1e-7  # what a price or a reduced cost may fall below zero for the sake of a firmer pivot


class Scratch(NamedTuple):
    """Room for one pivot: changes per unit of the step, and who may enter when.

    Attributes:
        rate: float64[n], of reduced costs; candidates: the columns that may enter; reach: the step at which the reduced
            cost of each is used up, inf once it is key or grows; latest: that, and what may be given for a firmer
            pivot; place: int64[n], of a column among the candidates, -1 if it is none and between uses. Afterwards
            ``candidates`` is room for :func:`engine.rules.strategy.inverse.solve_sparse`.
        direction: of the prices of tight rows; work, other: a row and a column of the basis.
        row: float64[n], the new row.
        spread: float64[m], zero between uses; tables: float64[3 m].
        change: of basic columns, by_key: of keys, of_rows: of rows, moved: bool[b], of blocks; see ``edges.py``.
    """

    rate: Float64s
    candidates: Int64s
    reach: Float64s
    latest: Float64s
    place: Int64s
    direction: Float64s
    work: Float64s
    other: Float64s
    row: Float64s
    spread: Float64s
    tables: Float64s
    change: Float64s
    by_key: Float64s
    of_rows: Float64s
    moved: Bools


@in_place
def ratio_test(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, slack: float
) -> tuple[int, int, float]:
    """(entering column or -1, leaving tight row or -1, step); sets move over on the way."""
    row_step, leaving_row = _first_row(basis, scratch.direction)
    count, last = _list_candidates(sets, basis, scratch, row_step)
    while True:
        first = _first_of(scratch, count)
        entering, step = -1, row_step
        if first >= 0 and scratch.reach[first] <= row_step:
            column, reached = scratch.candidates[first], scratch.reach[first]
            if reached < row_step or scratch.direction[leaving_row] > scratch.rate[column]:
                entering, step = column, reached
        if entering < 0 or not _may_move_over(sets, basis, entering):
            break
        group = sets.of[entering]
        slack += sets.quantity[group] * scratch.rate[entering]
        if slack <= _TOLERANCE:
            break
        count = _move_over(rows, sets, basis, scratch, group, entering, step, last, count)
    for at in range(count):
        scratch.place[scratch.candidates[at]] = -1
    return entering, leaving_row if entering < 0 else -1, step


@in_place
def _may_move_over(sets: Sets, basis: Basis, column: int) -> bool:
    """Whether the whole set could, as none of its columns is basic."""
    return bool(sets.of[column] >= 0 and basis.basics_of[sets.of[column]] == 0)


@in_place
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


@in_place
def _list_candidates(sets: Sets, basis: Basis, scratch: Scratch, row_step: float) -> tuple[int, float]:
    """Those whose reduced costs are used up before anything ends the step for certain: (how many, when that is)."""
    state, reduced, rate, candidates, reach = (
        basis.state, basis.reduced, scratch.rate, scratch.candidates, scratch.reach,
    )  # fmt: skip
    falling = 0
    for column in range(len(rate)):
        candidates[falling] = column
        falling += rate[column] < -_PIVOT
    last, count = row_step, 0
    for at in range(falling):
        column = candidates[at]
        reached = max(reduced[column], 0.0) / -rate[column]
        if reached >= row_step or reached > last or state[column] != OUTSIDE:
            continue
        if not _may_move_over(sets, basis, column):
            last = min(last, reached + _GIVE_USD / -rate[column])
        candidates[count], reach[count] = column, reached
        count += 1
    listed, count = count, 0
    for at in range(listed):
        if reach[at] <= last:
            _put(scratch, candidates[at], count, reach[at])
            count += 1
    return count, last


@in_place
def _put(scratch: Scratch, column: int, at: int, reached: float) -> None:
    scratch.candidates[at], scratch.place[column], scratch.reach[at] = column, at, reached
    scratch.latest[at] = reached + _GIVE_USD / -scratch.rate[column]


@in_place
def _first_of(scratch: Scratch, count: int) -> int:
    """Place of the candidate that is reached first, of about equal ones the firmest pivot (Harris); -1 if none is."""
    reach, latest, candidates, rate = scratch.reach, scratch.latest, scratch.candidates, scratch.rate
    quarter = (count + 3) // 4  # four at once: a least one waits for the one before it
    fill(latest, count, 4 * quarter, np.inf)
    one = two = three = four = np.inf
    for at in range(quarter):
        one, two = min(one, latest[at]), min(two, latest[quarter + at])
        three, four = min(three, latest[2 * quarter + at]), min(four, latest[3 * quarter + at])
    least, first = min(min(one, two), min(three, four)), -1
    if least < np.inf:
        for at in range(count):
            if reach[at] <= least and (first < 0 or rate[candidates[at]] < rate[candidates[first]]):
                first = at
    return first


@in_place
def _move_over(
    rows: Rows,
    sets: Sets,
    basis: Basis,
    scratch: Scratch,
    group: int,
    entering: int,
    step: float,
    last: float,
    count: int,
) -> int:
    """The whole set goes from its key column to the entering one, which becomes its key; the number of candidates."""
    reduced, rate, state, key = basis.reduced, scratch.rate, basis.state, basis.key
    cost, slope, quantity = reduced[entering], rate[entering], sets.quantity[group]
    add_column(rows, key[group], -quantity, basis.at_keys)
    add_column(rows, entering, quantity, basis.at_keys)
    state[key[group]] = OUTSIDE
    state[entering] = KEY
    key[group] = entering
    for member in range(sets.starts[group], sets.starts[group + 1]):
        column = sets.members[member]
        reduced[column] -= cost
        rate[column] -= slope
        at = scratch.place[column]
        if column == entering or rate[column] >= -_PIVOT:
            if at >= 0:
                scratch.reach[at] = scratch.latest[at] = np.inf
            continue
        reached = max(reduced[column] / -rate[column], step)
        if at >= 0:
            _put(scratch, column, at, reached)
        elif reached <= last:
            _put(scratch, column, count, reached)
            count += 1
    return count
