"""Whole contracts by branch and bound; each node goes on from where the one before it ended."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.inner import inner
from engine.base.kernel import kernel, not_literal
from engine.rules.strategy.basis import LIMITS, SIZE, Basis, cheapest, limit
from engine.rules.strategy.edges import forget_edges
from engine.rules.strategy.simplex import INFEASIBLE, OPTIMAL, optimise, scratch_for, solution
from engine.rules.strategy.tableau import Bools, Float64s, Int8s, Int64s, Rows, Sets

MOST_DEPTH = not_literal(100)  # limits at once
_MOST_ROOM = 160  # tight rows
_WHOLE = 1e-6
_CENT_USD = 0.005


class Saved(NamedTuple):
    """Where the simplex stood at each depth; see :class:`engine.rules.strategy.basis.Basis`."""

    number: Int64s
    key: Int64s
    state: Int8s
    basic: Int64s
    tight: Int64s
    inverse: Float64s
    price: Float64s
    basics_of: Int64s
    at_keys: Float64s
    reduced: Float64s


@kernel
def first_divided(amounts: Float64s, integral: Bools) -> int:
    """The column that is to be whole and has the most of a further contract; -1 if all are whole."""
    chosen, most = -1, 0.0
    for column in range(len(amounts)):
        if integral[column] and abs(amounts[column] - np.rint(amounts[column])) > _WHOLE:
            part = amounts[column] - np.floor(amounts[column])
            if part > most:
                chosen, most = column, part
    return chosen


@kernel
def search(
    cost: Float64s,
    sets: Sets,
    rows: Rows,
    integral: Bools,
    amounts: Float64s,
    best: float,
    first_nodes: int,
    most_nodes: int,
    most_pivots: int,
) -> tuple[bool, bool]:
    """Depth first, the nearly whole column up first.

    Args:
        amounts: the best solution in whole contracts that costs less than ``best`` is written here.
        first_nodes: to try until something is found; most_nodes: after the last improvement.

    Returns:
        Whether a better one was found, and whether everything was searched.
    """
    found, certain = False, True
    room = min(len(rows.bound) + MOST_DEPTH + 2, _MOST_ROOM)
    basis = cheapest(cost, sets, rows, room, MOST_DEPTH)
    scratch, saved = scratch_for(cost, rows, basis), _room_to_save(basis)
    column, whole = np.empty(MOST_DEPTH, np.int64), np.empty(MOST_DEPTH)
    second = np.zeros(MOST_DEPTH, np.bool_)
    depth = nodes = last = 0
    while True:
        nodes += 1
        outcome = optimise(cost, sets, rows, basis, scratch, most_pivots)
        certain = certain and outcome in (OPTIMAL, INFEASIBLE)
        branched = False
        if outcome == OPTIMAL:
            present = solution(basis)
            value = inner(cost, present)
            if value < best - _CENT_USD:
                divided = first_divided(present, integral)
                if divided < 0:
                    best, found, last = value, True, nodes
                    amounts[:] = np.where(integral, np.rint(present), present)
                elif depth == MOST_DEPTH:
                    certain = False
                else:
                    _save(basis, saved, depth)
                    column[depth], whole[depth], second[depth] = divided, np.floor(present[divided]), False
                    limit(basis, divided, -1.0, -whole[depth] - 1.0)
                    depth += 1
                    branched = True
        if not branched:
            while depth > 0 and second[depth - 1]:
                depth -= 1
            if depth == 0:
                return found, certain
            _restore(basis, saved, depth - 1)
            limit(basis, column[depth - 1], 1.0, whole[depth - 1])
            second[depth - 1] = True
        if nodes - last >= (most_nodes if found else first_nodes):
            return found, False


@kernel
def _room_to_save(basis: Basis) -> Saved:
    n, m, s, room = len(basis.state), len(basis.at_keys), len(basis.key), len(basis.basic)
    return Saved(
        np.empty((MOST_DEPTH, 2), np.int64),
        np.empty((MOST_DEPTH, s), np.int64),
        np.empty((MOST_DEPTH, n), np.int8),
        np.empty((MOST_DEPTH, room), np.int64),
        np.empty((MOST_DEPTH, room), np.int64),
        np.empty((MOST_DEPTH, room * room)),
        np.empty((MOST_DEPTH, room)),
        np.empty((MOST_DEPTH, s), np.int64),
        np.empty((MOST_DEPTH, m)),
        np.empty((MOST_DEPTH, n)),
    )


@kernel
def _save(basis: Basis, saved: Saved, depth: int) -> None:
    size = basis.number[SIZE]
    saved.number[depth, 0], saved.number[depth, 1] = size, basis.number[LIMITS]
    saved.key[depth] = basis.key
    saved.state[depth] = basis.state
    saved.basics_of[depth] = basis.basics_of
    saved.at_keys[depth] = basis.at_keys
    saved.reduced[depth] = basis.reduced
    saved.basic[depth, :size] = basis.basic[:size]
    saved.tight[depth, :size] = basis.tight[:size]
    saved.price[depth, :size] = basis.price[:size]
    for index in range(size):
        saved.inverse[depth, index * size : (index + 1) * size] = basis.inverse[index, :size]


@kernel
def _restore(basis: Basis, saved: Saved, depth: int) -> None:
    for at in range(basis.number[SIZE]):
        basis.place[basis.tight[at]] = -1
    size = saved.number[depth, 0]
    basis.number[SIZE], basis.number[LIMITS] = size, saved.number[depth, 1]
    basis.key[:] = saved.key[depth]
    basis.state[:] = saved.state[depth]
    basis.basics_of[:] = saved.basics_of[depth]
    basis.at_keys[:] = saved.at_keys[depth]
    basis.reduced[:] = saved.reduced[depth]
    basis.basic[:size] = saved.basic[depth, :size]
    basis.tight[:size] = saved.tight[depth, :size]
    basis.price[:size] = saved.price[depth, :size]
    for index in range(size):
        basis.inverse[index, :size] = saved.inverse[depth, index * size : (index + 1) * size]
    for at in range(size):
        basis.place[basis.tight[at]] = at
    forget_edges(basis)
