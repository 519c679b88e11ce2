"""One pivot's change of the basis: columns, rows and the inverse."""

from __future__ import annotations

from engine.base.kernel import in_place
from engine.rules.strategy.basis import BASIC, KEY, OUTSIDE, SIZE, Basis
from engine.rules.strategy.inverse import border, replace_column, replace_row, shrink
from engine.rules.strategy.ratio_test import Scratch
from engine.rules.strategy.tableau import Rows, Sets, add_column


@in_place
def swap_key(rows: Rows, sets: Sets, basis: Basis, group: int) -> int:
    """The largest basic column of the set becomes its key; returns the place of the former key."""
    chosen, size = -1, basis.number[SIZE]
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
    basis.basic_edge[chosen], basis.key_edge[group] = basis.key_edge[group], basis.basic_edge[chosen]
    former = basis.key[group]
    add_column(rows, former, -sets.quantity[group], basis.at_keys)
    add_column(rows, basis.basic[chosen], sets.quantity[group], basis.at_keys)
    basis.key[group] = basis.basic[chosen]
    basis.state[basis.key[group]] = KEY
    basis.basic[chosen] = former
    basis.state[former] = BASIC
    return chosen


@in_place
def change_basis(
    sets: Sets,
    basis: Basis,
    scratch: Scratch,
    leaving: int,
    new_row: int,
    entering: int,
    leaving_row: int,
    new_price: float,
) -> None:
    """A row or a column enters, a row or a column leaves.

    ``scratch.work`` is the new row of the basis, ``scratch.change`` the entering column in terms of it.
    """
    size = basis.number[SIZE]
    if new_row >= 0 and entering >= 0:
        corner = scratch.row[entering]
        if sets.of[entering] >= 0:
            corner -= scratch.row[basis.key[sets.of[entering]]]
        border(basis.inverse, size, scratch.change, scratch.work, corner)
        basis.basic[size] = entering
        _make_tight(basis, size, new_row, new_price)
        _enter(sets, basis, entering)
        basis.number[SIZE] += 1
    elif new_row >= 0:
        replace_row(basis.inverse, size, scratch.work, leaving_row)
        basis.place[basis.tight[leaving_row]] = -1
        _make_tight(basis, leaving_row, new_row, new_price)
    elif entering >= 0:
        _leave(sets, basis, basis.basic[leaving])
        replace_column(basis.inverse, size, scratch.change, leaving)
        basis.basic[leaving] = entering
        _enter(sets, basis, entering)
    else:
        _leave(sets, basis, basis.basic[leaving])
        shrink(basis.inverse, size, leaving, leaving_row)
        basis.place[basis.tight[leaving_row]] = -1
        last = size - 1
        basis.basic[leaving] = basis.basic[last]
        if leaving_row != last:
            _make_tight(basis, leaving_row, basis.tight[last], basis.price[last])
        basis.number[SIZE] -= 1


@in_place
def _make_tight(basis: Basis, at: int, row: int, price: float) -> None:
    basis.tight[at], basis.place[row], basis.price[at] = row, at, price


@in_place
def _enter(sets: Sets, basis: Basis, column: int) -> None:
    basis.state[column] = BASIC
    if sets.of[column] >= 0:
        basis.basics_of[sets.of[column]] += 1


@in_place
def _leave(sets: Sets, basis: Basis, column: int) -> None:
    basis.state[column] = OUTSIDE
    if sets.of[column] >= 0:
        basis.basics_of[sets.of[column]] -= 1
