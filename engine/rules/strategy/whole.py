"""The least amounts of a programme in whole contracts, and the bound that no permitted pairing is below.

The row prices of the divided solution give the bound. Where it divides contracts, its whole part is kept and the few
divided contracts are shared out anew in whole ones by branch and bound; exchanges of single contracts improve
that (``exchange.py``). A book of usual size is then searched by branch and bound, starting from there. What is found is
always a permitted pairing; how far above the bound it may be is reported.
"""

from __future__ import annotations

import numpy as np

from engine.base.inner import inner
from engine.base.kernel import kernel, not_literal
from engine.rules.strategy.basis import cheapest, reprice
from engine.rules.strategy.binding_rows import binding_rows
from engine.rules.strategy.exchange import MIX, MODULUS, exchange
from engine.rules.strategy.kinds import ALONE, LOSS
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.search import first_divided, search
from engine.rules.strategy.simplex import NO_ROOM, OPTIMAL, optimise, row_prices, scratch_for, solution
from engine.rules.strategy.tableau import (
    Bools,
    Float64s,
    Int64s,
    Rows,
    Sets,
    activity_of,
    grouped,
    priced_entries,
)

MOST_PIVOTS = not_literal(20_000)
SEARCHED_UP_TO_COLUMNS = 250  # books up to this size are searched in full
MOST_NODES = not_literal(150)  # since the last improvement
NODES_TO_SHARE_OUT = not_literal(600)  # until there is a permitted solution
MOST_NODES_OF_REMAINDER = not_literal(20)  # after the last improvement; one of a book of more columns than
LARGE_COLUMNS = 1000
_NO_LIMITS = not_literal(0)
_CENT_USD = 0.005
_APART_USD = 1e-5
_MULTIPLIER = 48_271
_WHOLE = 1e-6
_TOLERANCE = 1e-7


@kernel
def least_amounts(problem: Programme, most_pivots: int) -> tuple[Float64s, float, Float64s]:
    """(amounts in whole contracts, bound, prices of rows): the least cost and what none can be below, beside the
    constant. The prices prove the bound, but for what a search in full adds.
    """
    cost, sets, rows = problem.cost, problem.sets, problem.rows
    outcome, relaxed, prices = divided_solution(cost, sets, rows, most_pivots)
    bound = proven_bound(cost, sets, rows, prices)
    integral = problem.kind != LOSS
    if outcome == OPTIMAL and first_divided(relaxed, integral) < 0:
        return np.where(integral, np.rint(relaxed), relaxed), bound, prices
    amounts = np.zeros(len(cost))  # each option alone: always permitted
    for column in range(len(cost)):
        if problem.kind[column] == ALONE:
            amounts[column] = sets.quantity[sets.of[column]]
    if outcome == OPTIMAL:
        _share_out_remainder(problem, integral, relaxed, amounts, most_pivots)
        exchange(problem, reduced_costs(cost, rows, prices), bound, amounts)
        if len(cost) <= SEARCHED_UP_TO_COLUMNS and inner(cost, amounts) - bound > _CENT_USD:
            _, certain = search(
                cost,
                sets,
                rows,
                integral,
                amounts,
                inner(cost, amounts),
                MOST_NODES,
                MOST_NODES,
                most_pivots,
            )
            if certain:
                bound = inner(cost, amounts)
    return amounts, bound, prices


@kernel
def divided_solution(
    cost: Float64s, sets: Sets, rows: Rows, most_pivots: int
) -> tuple[int, Float64s, Float64s]:
    """The outcome; amounts of least cost, contracts divided; prices of rows.

    An option costs the same in every pool of spreads, and a pivot between equal costs gains nothing. So costs of a
    large programme are told apart by less than anything counts while pivots are made; prices are those of the costs
    as they are.
    """
    room = min(len(rows.bound) + 2, 128)
    apart = _told_apart(cost) if len(cost) > LARGE_COLUMNS else cost
    while True:
        basis = cheapest(apart, sets, rows, room, _NO_LIMITS)
        scratch = scratch_for(cost, rows, basis)
        outcome = optimise(apart, sets, rows, basis, scratch, most_pivots)
        if outcome == OPTIMAL:
            reprice(cost, rows, sets, basis, scratch.spread, scratch.tables)
        if outcome != NO_ROOM:
            return outcome, solution(basis), row_prices(basis)
        room = min(len(rows.bound) + 2, 2 * room)


@kernel
def _told_apart(cost: Float64s) -> Float64s:
    """Each a little dearer by another amount, which depends on nothing but its place (Park and Miller's numbers)."""
    apart = cost.copy()
    for column in range(len(cost)):
        drawn = (column + 1) * MIX % MODULUS
        for _ in range(2):
            drawn = drawn * _MULTIPLIER % MODULUS
        apart[column] += _APART_USD * drawn / MODULUS
    return apart


@kernel
def proven_bound(cost: Float64s, sets: Sets, rows: Rows, prices: Float64s) -> float:
    """What no solution can cost less than, whatever the prices of rows are: weak duality, checked apart.

    Minus infinity where a column of its own would be paid for.
    """
    price, reduced = usable_prices(rows, prices), reduced_costs(cost, rows, prices)
    for column in range(len(cost)):
        if sets.of[column] < 0 and reduced[column] < -_TOLERANCE * cost[column]:
            return -np.inf
    total = -inner(price, rows.bound)
    for group in range(len(sets.quantity)):
        least = np.inf
        for at in range(sets.starts[group], sets.starts[group + 1]):
            least = min(least, reduced[sets.members[at]])
        total += sets.quantity[group] * least
    return float(total)


@kernel
def reduced_costs(cost: Float64s, rows: Rows, prices: Float64s) -> Float64s:
    """float64[n]: costs and what the rows ask at these prices."""
    price, reduced, tables = usable_prices(rows, prices), cost.copy(), np.empty(3 * len(prices))
    for block in range(len(rows.first_row) - 1):
        priced_entries(rows, price, block, tables, reduced)
    return reduced


@kernel
def usable_prices(rows: Rows, prices: Float64s) -> Float64s:
    """Prices of inequalities below zero count as zero."""
    price = prices.copy()
    for row in range(len(price)):
        if not rows.equal[row]:
            price[row] = max(price[row], 0.0)
    return price


@kernel
def _share_out_remainder(
    problem: Programme, integral: Bools, relaxed: Float64s, amounts: Float64s, most_pivots: int
) -> None:
    """Keep the whole part of the solution; share out the few contracts that it divides anew, in whole ones."""
    sets, n = problem.sets, len(relaxed)
    fixed, remainder = np.zeros(n), sets.quantity.copy()
    for column in range(n):
        if integral[column]:
            fixed[column] = np.floor(relaxed[column] + _WHOLE)
            remainder[sets.of[column]] -= fixed[column]
    mask = np.zeros(n, np.bool_)
    for column in range(n):
        mask[column] = sets.of[column] < 0 or remainder[sets.of[column]] > 0.5
    kept = np.flatnonzero(mask)
    cost, rest, rows = _restricted(problem, kept, remainder, fixed)
    found, fixed_cost = np.zeros(len(kept)), inner(problem.cost, fixed)
    best = inner(problem.cost, amounts) - fixed_cost
    nodes = MOST_NODES_OF_REMAINDER if n <= LARGE_COLUMNS else 1
    better, _ = search(cost, rest, rows, integral[kept], found, best, NODES_TO_SHARE_OUT, nodes, most_pivots)
    if better:
        amounts[:] = fixed
        for at in range(len(kept)):
            amounts[kept[at]] += found[at]


@kernel
def _restricted(
    problem: Programme, kept: Int64s, remainder: Float64s, fixed: Float64s
) -> tuple[Float64s, Sets, Rows]:
    """The programme of what is left, on the columns that have anything left."""
    rows, sets = problem.rows, problem.sets
    column_to, set_to = np.full(len(fixed), -1, np.int64), np.full(len(remainder), -1, np.int64)
    for at in range(len(kept)):
        column_to[kept[at]] = at
    open_sets = np.flatnonzero(remainder > 0.5)
    for at in range(len(open_sets)):
        set_to[open_sets[at]] = at
    of = np.full(len(kept), -1, np.int64)
    for at in range(len(kept)):
        if sets.of[kept[at]] >= 0:
            of[at] = set_to[sets.of[kept[at]]]
    starts, members = grouped(of, len(open_sets))
    there = np.flatnonzero(column_to[rows.column] >= 0)
    first_entry = np.searchsorted(there, rows.first_entry)
    bound = rows.bound - activity_of(rows, fixed)
    row_to, first_row = binding_rows(rows, bound, there, first_entry)
    left_rows = np.flatnonzero(row_to >= 0)
    column, place, law = column_to[rows.column[there]], row_to[rows.place[there]], rows.law[there]
    column_starts, column_entries = grouped(column, len(kept))
    left = Rows(
        rows.block[left_rows],
        first_row,
        rows.point[left_rows],
        bound[left_rows],
        rows.equal[left_rows],
        first_entry.astype(np.int64),
        column.astype(np.uint32),
        place,
        law,
        (law * len(left_rows) + place).astype(np.uint32),
        rows.value[there],
        column_starts,
        column_entries,
    )
    return problem.cost[kept], Sets(of, starts, members, remainder[open_sets]), left
