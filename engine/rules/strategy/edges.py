"""How long dual edges are: the simplex chooses the row or column that is furthest off per unit of its edge.

The edge of a basic column, of a key column or of a row that does not bind is its row of the full basis' inverse.
Squared lengths are kept, in the scale of each row and without the parts that belong to sets, and follow each pivot by
the recurrence of Forrest and Goldfarb ("Steepest-edge simplex algorithms for linear programming", Mathematical
Programming 57, 1992). They choose pivots and nothing else: a length that is wrong costs pivots, never a figure.
"""

from __future__ import annotations

from engine.base.kernel import kernel
from engine.rules.strategy.basis import LIMITS, SIZE, Basis, net_column
from engine.rules.strategy.ratio_test import Scratch
from engine.rules.strategy.tableau import Rows, Sets, add_gathered

_NOTHING = 1e-12


@kernel
def follow_pivot(
    rows: Rows,
    sets: Sets,
    basis: Basis,
    scratch: Scratch,
    leaving: int,
    new_row: int,
    entering: int,
    leaving_row: int,
) -> None:
    """Lengths after the pivot that is about to be made; leaves the entering column's part in ``scratch.other``.

    Args:
        leaving, new_row, entering, leaving_row: as of :func:`engine.rules.strategy.basis_change.change_basis`;
            ``scratch.direction`` is the edge of what leaves, but for its sign.
    """
    size, m = basis.number[SIZE], len(basis.at_keys)
    inverse, scale, tight, place = basis.inverse, basis.scale, basis.tight, basis.place
    of, basic, direction, other = sets.of, basis.basic, scratch.direction, scratch.other
    change, turn, by_key, turn_by_key = scratch.change, scratch.turn, scratch.by_key, scratch.turn_by_key
    sign = 1.0
    if new_row >= 0 and basis.activity[new_row] < basis.bound[new_row]:
        sign = -1.0
    of_leaving, scaled = scale[new_row] ** 2 if new_row >= 0 else 0.0, scratch.scaled
    for at in range(size):
        scaled[at] = sign * scale[tight[at]] ** 2 * direction[at]
        of_leaving += abs(scaled[at] * direction[at])
    if entering >= 0:
        net_column(rows, sets, basis, entering, other)
    for index in range(size):
        moved = turned = 0.0
        for at in range(size):
            turned += inverse[index, at] * scaled[at]
        if entering >= 0:
            for at in range(size):
                moved += inverse[index, at] * other[at]
        else:
            moved = inverse[index, leaving_row]
        change[index], turn[index] = moved, turned
        if of[basic[index]] >= 0:
            by_key[of[basic[index]]] = turn_by_key[of[basic[index]]] = 0.0
    group = of[entering] if entering >= 0 else -1
    if group >= 0:
        by_key[group], turn_by_key[group] = 1.0, 0.0
    for index in range(size):
        if of[basic[index]] >= 0:
            by_key[of[basic[index]]] -= change[index]
            turn_by_key[of[basic[index]]] -= turn[index]
    of_rows, turn_of_rows = scratch.of_rows, scratch.turn_of_rows
    _moved_rows(rows, sets, basis, scratch, entering)
    if new_row >= 0 and new_row < m:
        turn_of_rows[new_row] += scale[new_row] ** 2
    pivot = change[leaving]
    if new_row >= 0:
        pivot = 1.0
        if new_row < m:
            pivot = of_rows[new_row] if scratch.moved[rows.block[new_row]] else 0.0
    if abs(pivot) < _NOTHING:
        return
    for block in range(len(scratch.moved)):
        if not scratch.moved[block]:
            continue
        for row in range(rows.first_row[block], rows.first_row[block + 1]):
            if of_rows[row] != 0.0 and place[row] < 0:
                share = of_rows[row] / pivot
                length = basis.row_edge[row] - share * (2.0 * turn_of_rows[row] - share * of_leaving)
                basis.row_edge[row] = max(length, scale[row] ** 2)
    for index in range(size):
        near = of[basic[index]]
        if near >= 0 and by_key[near] != 0.0:
            share = by_key[near] / pivot
            length = basis.key_edge[near] - share * (2.0 * turn_by_key[near] - share * of_leaving)
            basis.key_edge[near] = max(length, 0.0)
            by_key[near] = 0.0
        share = change[index] / pivot
        length = basis.basic_edge[index] - share * (2.0 * turn[index] - share * of_leaving)
        basis.basic_edge[index] = max(length, 0.0)
    if group >= 0 and by_key[group] != 0.0:
        share = by_key[group] / pivot
        basis.key_edge[group] = share * share * of_leaving
        by_key[group] = 0.0
    of_entering = of_leaving / (pivot * pivot)
    if entering < 0:
        basis.row_edge[tight[leaving_row]] = max(of_entering, scale[tight[leaving_row]] ** 2)
        if new_row < 0:
            basis.basic_edge[leaving] = basis.basic_edge[size - 1]  # as the last column takes its place
    else:
        basis.basic_edge[size if new_row >= 0 else leaving] = of_entering
    if new_row < 0:
        left_behind = of[basic[leaving]]
        if left_behind >= 0 and left_behind != group and basis.basics_of[left_behind] == 1:
            basis.key_edge[left_behind] = 0.0  # no basic column of the set is left


@kernel
def _moved_rows(rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, entering: int) -> None:
    """Activity of rows if basic columns fall by ``change`` and the entering one, if any, rises by 1; and by ``turn``.

    Only in blocks that the former moves: the others' lengths stay.
    """
    of, key, law, place, value, block_of = sets.of, basis.key, rows.law, rows.place, rows.value, rows.block
    starts, entries, size, moved = rows.column_starts, rows.column_entries, basis.number[SIZE], scratch.moved
    tables, turned, change, turn = scratch.tables, scratch.turned, scratch.change, scratch.turn
    moved[:] = False
    change[size], turn[size] = -1.0 if entering >= 0 else 0.0, 0.0  # the entering column comes last
    for index in range(size + 1):
        if change[index] == 0.0:
            continue
        column = basis.basic[index] if index < size else entering
        for near in range(starts[column], starts[column + 1]):
            moved[block_of[place[entries[near]]]] = True
        if of[column] >= 0:
            column = key[of[column]]
            for near in range(starts[column], starts[column + 1]):
                moved[block_of[place[entries[near]]]] = True
    for block in range(len(moved)):
        if moved[block]:
            for row in range(rows.first_row[block], rows.first_row[block + 1]):
                scratch.of_rows[row] = scratch.turn_of_rows[row] = 0.0
                for kind in range(3):
                    tables[kind, row] = turned[kind, row] = 0.0
    for index in range(size + 1):
        if index == size and entering < 0:
            break
        column = basis.basic[index] if index < size else entering
        amount, other = -change[index], -turn[index]
        for near in range(starts[column], starts[column + 1]):
            entry = entries[near]
            tables[law[entry], place[entry]] += amount * value[entry]
            turned[law[entry], place[entry]] += other * value[entry]
        if of[column] >= 0:
            column = key[of[column]]
            for near in range(starts[column], starts[column + 1]):
                entry = entries[near]
                tables[law[entry], place[entry]] -= amount * value[entry]
                turned[law[entry], place[entry]] -= other * value[entry]
    for block in range(len(moved)):
        if moved[block]:
            add_gathered(rows, block, tables, scratch.of_rows)
            add_gathered(rows, block, turned, scratch.turn_of_rows)


@kernel
def forget_edges(basis: Basis) -> None:
    """All edges of length 1 in the scale of their rows, after a basis was taken up again that none are known for."""
    for at in range(basis.number[SIZE]):
        basis.basic_edge[at] = 0.0
    for group in range(len(basis.key_edge)):
        basis.key_edge[group] = 0.0
    for row in range(len(basis.at_keys) + basis.number[LIMITS]):
        basis.row_edge[row] = basis.scale[row] ** 2
