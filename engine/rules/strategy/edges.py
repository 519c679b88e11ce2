"""How long dual edges are: the simplex chooses the row or column that is furthest off per unit of its edge.

The edge of a basic column, of a key column or of a row that does not bind is its row of the full basis' inverse.
Squared lengths are kept, in the scale of each row and without the parts that belong to sets. After a pivot each edge is
its own less a share of the edge that leaves; the product of the two, which the exact recurrence of Forrest and Goldfarb
("Steepest-edge simplex algorithms for linear programming", Mathematical Programming 57, 1992) would need a second
solution of the basis for, is taken for nothing. Lengths choose pivots and nothing else: one that is wrong costs pivots,
never a figure. On books of 500 options that takes a quarter fewer of them than exact lengths do.
"""

from __future__ import annotations

from engine.base.kernel import in_place
from engine.rules.strategy.basis import LIMITS, SIZE, Basis, net_column
from engine.rules.strategy.inverse import solve_sparse
from engine.rules.strategy.ratio_test import Scratch
from engine.rules.strategy.tableau import Rows, Sets, add_gathered, fill

LONGEST = 1e30  # a longer one says no more, and might be infinite after some pivots
_NOTHING = 1e-12


@in_place
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
    """Lengths after the pivot that is about to be made; leaves in ``scratch.change`` what basic columns fall by.

    Args:
        leaving, new_row, entering, leaving_row: as of :func:`engine.rules.strategy.basis_change.change_basis`.
    """
    size, m, of, basic = basis.number[SIZE], len(basis.at_keys), sets.of, basis.basic
    change, by_key = scratch.change, scratch.by_key
    _basic_columns_fall_by(rows, sets, basis, scratch, entering, leaving_row)
    group = of[entering] if entering >= 0 else -1
    for index in range(size):
        if of[basic[index]] >= 0:
            by_key[of[basic[index]]] = 0.0
    if group >= 0:
        by_key[group] = 1.0
    for index in range(size):
        if of[basic[index]] >= 0:
            by_key[of[basic[index]]] -= change[index]
    _moved_rows(rows, sets, basis, scratch, entering)
    if new_row < 0:
        pivot, of_leaving = change[leaving], 1.0 + basis.basic_edge[leaving]
    elif new_row >= m:
        pivot, of_leaving = 1.0, basis.row_edge[new_row]
    else:
        pivot, of_leaving = scratch.of_rows[new_row], basis.row_edge[new_row]
        if not scratch.moved[rows.block[new_row]]:
            pivot = 0.0
    if abs(pivot) < _NOTHING:
        return
    _lengthen(rows, sets, basis, scratch, 1.0 / pivot, of_leaving)
    of_entering = min(of_leaving / (pivot * pivot), LONGEST)
    if group >= 0 and by_key[group] != 0.0:
        basis.key_edge[group] = min(by_key[group] * by_key[group] * of_entering, LONGEST)
        by_key[group] = 0.0
    if entering < 0:
        row = basis.tight[leaving_row]
        basis.row_edge[row] = max(of_entering, basis.scale[row] ** 2)
        if new_row < 0:
            basis.basic_edge[leaving] = basis.basic_edge[size - 1]  # as the last column takes its place
    else:
        basis.basic_edge[size if new_row >= 0 else leaving] = max(of_entering - 1.0, 0.0)
    if new_row < 0:
        left_behind = of[basic[leaving]]
        if left_behind >= 0 and left_behind != group and basis.basics_of[left_behind] == 1:
            basis.key_edge[left_behind] = 0.0  # no basic column of the set is left


@in_place
def _basic_columns_fall_by(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, entering: int, leaving_row: int
) -> None:
    size, inverse, change, other = basis.number[SIZE], basis.inverse, scratch.change, scratch.other
    if entering < 0:
        for index in range(size):
            change[index] = inverse[index, leaving_row]
        return
    net_column(rows, sets, basis, entering, other)
    solve_sparse(inverse, size, other, scratch.candidates, change)


@in_place
def _lengthen(
    rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, per_pivot: float, of_leaving: float
) -> None:
    """The edges of what does not leave; ``by_key`` is zero again, but for the entering column's set."""
    of, basic, change, by_key = sets.of, basis.basic, scratch.change, scratch.by_key
    row_edge, of_rows, squared = basis.row_edge, scratch.of_rows, per_pivot * per_pivot * of_leaving
    for block in range(len(scratch.moved)):
        if scratch.moved[block]:
            for row in range(rows.first_row[block], rows.first_row[block + 1]):
                row_edge[row] = min(row_edge[row] + of_rows[row] * of_rows[row] * squared, LONGEST)
    for index in range(basis.number[SIZE]):
        near = of[basic[index]]
        if near >= 0 and by_key[near] != 0.0:
            basis.key_edge[near] = min(basis.key_edge[near] + by_key[near] * by_key[near] * squared, LONGEST)
            by_key[near] = 0.0
        basis.basic_edge[index] = min(
            basis.basic_edge[index] + change[index] * change[index] * squared, LONGEST
        )


@in_place
def _moved_rows(rows: Rows, sets: Sets, basis: Basis, scratch: Scratch, entering: int) -> None:
    """Activity of rows if basic columns fall by ``change`` and the entering one, if any, rises by 1.

    Only in blocks that this moves: the others' lengths stay.
    """
    of, key, cell, place, value, block_of = sets.of, basis.key, rows.cell, rows.place, rows.value, rows.block
    starts, entries, size, moved = rows.column_starts, rows.column_entries, basis.number[SIZE], scratch.moved
    tables, change, of_rows, m = scratch.tables, scratch.change, scratch.of_rows, len(rows.bound)
    for block in range(len(moved)):
        moved[block] = False
    change[size] = -1.0 if entering >= 0 else 0.0  # the entering column comes last
    for index in range(size + 1):
        if change[index] == 0.0:
            continue
        column = basis.basic[index] if index < size else entering
        amount = -change[index]
        for _ in range(2):  # the column, and the key that makes room for it
            for near in range(starts[column], starts[column + 1]):
                entry = entries[near]
                block = block_of[place[entry]]
                if not moved[block]:
                    moved[block] = True
                    low, high = rows.first_row[block], rows.first_row[block + 1]
                    fill(of_rows, low, high, 0.0)
                    for law in range(3):
                        fill(tables, law * m + low, law * m + high, 0.0)
                tables[cell[entry]] += amount * value[entry]
            if of[column] < 0:
                break
            column, amount = key[of[column]], -amount
    for block in range(len(moved)):
        if moved[block]:
            add_gathered(rows, block, tables, of_rows)


@in_place
def forget_edges(basis: Basis) -> None:
    """All edges of length 1 in the scale of their rows, after a basis was taken up again that none are known for."""
    for at in range(basis.number[SIZE]):
        basis.basic_edge[at] = 0.0
    for group in range(len(basis.key_edge)):
        basis.key_edge[group] = 0.0
    for row in range(len(basis.at_keys) + basis.number[LIMITS]):
        basis.row_edge[row] = basis.scale[row] ** 2
