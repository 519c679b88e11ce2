"""The least pairing of a book: the programme's solution in whole contracts, and the strategies that it stands for.

The row prices of the linear programme give a lower bound. Where its solution divides contracts, its whole part is kept
and the few divided contracts are shared out anew in whole ones; a book of usual size is then searched by branch and
bound, starting from that. What is found is always a permitted pairing; how far above the bound it may be is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.rules.strategy.book import Book, Pairing
from engine.rules.strategy.decode import strategies_of
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.linear import GAVE_UP, OPTIMAL, least_cost, proven_bound
from engine.rules.strategy.programme import ALONE, LOSS, Programme, programme
from engine.rules.strategy.tableau import Bools, Float64s, Int64s, Rows, Sets, by_column

SEARCHED_UP_TO_COLUMNS = 250  # books up to this size are searched in full
MOST_NODES = 300
MOST_NODES_OF_REMAINDER = 25
MOST_PIVOTS = 20_000
_WHOLE = 1e-6
_CENT_USD = 0.005


def least_pairing(book: Book, terms: Terms) -> Pairing:
    """The pairing with the least published requirement, and the bound that proves it."""
    if not book.options:
        strategies = strategies_of(book, terms, [], np.zeros(0))
        total = math.fsum(one.published_usd * one.times for one in strategies)
        return Pairing(strategies, total, total)
    problem = programme(book, terms)
    integral = np.array([use.kind != LOSS for use in problem.uses])
    amounts, bound = _whole_amounts(problem, integral)
    strategies = strategies_of(book, terms, problem.uses, amounts)
    published = math.fsum(one.published_usd * one.times for one in strategies)
    return Pairing(strategies, published, min(bound + problem.constant_usd, published))


@dataclass(slots=True)
class _Found:
    """Best whole solution so far."""

    cost: float
    amounts: Float64s


def _whole_amounts(problem: Programme, integral: Bools) -> tuple[Float64s, float]:
    """Amounts in whole contracts, and a lower bound of the least cost in whole contracts."""
    cost, sets, rows = problem.cost, problem.sets, problem.rows
    outcome, relaxed, prices = _relaxed(cost, sets, rows)
    bound = proven_bound(cost, sets, rows, prices)
    if outcome == OPTIMAL and not len(_divided(relaxed, integral)):
        return np.where(integral, np.rint(relaxed), relaxed), bound
    alone = np.array([use.kind == ALONE for use in problem.uses])
    start = np.where(alone, sets.quantity[sets.of], 0.0)  # always permitted
    found = _Found(float(cost @ start), start)
    if outcome == OPTIMAL:
        _share_out_remainder(problem, integral, relaxed, found)
        if len(cost) <= SEARCHED_UP_TO_COLUMNS and _search(cost, sets, rows, integral, found, MOST_NODES):
            bound = found.cost
    return found.amounts, bound


def _relaxed(cost: Float64s, sets: Sets, rows: Rows) -> tuple[int, Float64s, Float64s]:
    """The outcome; amounts of least cost, contracts divided; prices of rows."""
    amounts, prices = np.zeros(len(cost)), np.zeros(len(rows.bound))
    outcome, _ = least_cost(cost, sets, rows, MOST_PIVOTS, amounts, prices)
    return outcome, amounts, prices


def _divided(amounts: Float64s, integral: Bools) -> Int64s:
    return np.flatnonzero(integral & (np.abs(amounts - np.rint(amounts)) > _WHOLE))


def _search(cost: Float64s, sets: Sets, rows: Rows, integral: Bools, found: _Found, most_nodes: int) -> bool:
    """Depth first branch and bound, the nearly whole column up first; whether everything was searched."""
    open_nodes, certain = [rows], True
    for _ in range(most_nodes):
        if not open_nodes:
            return certain
        node = open_nodes.pop()
        outcome, amounts, _ = _relaxed(cost, sets, node)
        certain = certain and outcome != GAVE_UP
        if outcome != OPTIMAL or float(cost @ amounts) >= found.cost - _CENT_USD:
            continue
        divided = _divided(amounts, integral)
        if not len(divided):
            found.cost = float(cost @ amounts)
            found.amounts = np.where(integral, np.rint(amounts), amounts)
            continue
        column = int(divided[np.argmax(amounts[divided] - np.floor(amounts[divided]))])
        whole = math.floor(amounts[column])
        open_nodes += [with_row(node, column, 1.0, whole), with_row(node, column, -1.0, -whole - 1.0)]
    return certain and not open_nodes


def with_row(rows: Rows, column: int, value: float, bound: float) -> Rows:
    """One more row: value x column <= bound."""
    starts = np.append(rows.starts, len(rows.columns) + 1)
    columns, values = np.append(rows.columns, column), np.append(rows.values, value)
    by = by_column(columns, values, starts, len(rows.column_starts) - 1)
    return Rows(starts, columns, values, *by, np.append(rows.bound, bound), np.append(rows.equal, False))


def _share_out_remainder(problem: Programme, integral: Bools, relaxed: Float64s, found: _Found) -> None:
    """Keep the whole part of the solution; share out the few contracts that it divides anew, in whole ones."""
    fixed = np.where(integral, np.floor(relaxed + _WHOLE), 0.0)
    in_set = problem.sets.of >= 0
    taken = np.bincount(problem.sets.of[in_set], fixed[in_set], len(problem.sets.quantity))
    remainder = problem.sets.quantity - taken
    kept = np.flatnonzero(~in_set | (remainder[problem.sets.of] > 0.5))
    cost, sets, rows = _restricted(problem, kept, remainder, fixed)
    fixed_cost = float(problem.cost @ fixed)
    rest = _Found(found.cost - fixed_cost, np.zeros(len(kept)))
    _search(cost, sets, rows, integral[kept], rest, MOST_NODES_OF_REMAINDER)
    if rest.cost + fixed_cost < found.cost - _CENT_USD:
        found.cost, found.amounts = rest.cost + fixed_cost, fixed
        found.amounts[kept] += rest.amounts


def _restricted(
    problem: Programme, kept: Int64s, remainder: Float64s, fixed: Float64s
) -> tuple[Float64s, Sets, Rows]:
    """The programme of what is left, on the columns that have anything left."""
    rows, n = problem.rows, len(problem.cost)
    renumbered = np.full(n, -1, np.int64)
    renumbered[kept] = np.arange(len(kept))
    open_sets = np.flatnonzero(remainder > 0.5)
    new_set = np.full(len(remainder) + 1, -1, np.int64)
    new_set[open_sets] = np.arange(len(open_sets))
    of = new_set[problem.sets.of[kept]]  # -1 stays -1: the last place
    order = np.argsort(of, kind="stable").astype(np.int64)
    members = order[np.searchsorted(of[order], 0) :]
    starts = np.searchsorted(of[members], np.arange(len(open_sets) + 1)).astype(np.int64)
    sets = Sets(of, starts, members, remainder[open_sets])
    there = renumbered[rows.columns] >= 0
    row_of = np.repeat(np.arange(len(rows.bound)), np.diff(rows.starts))
    row_starts = np.zeros(len(rows.bound) + 1, np.int64)
    np.cumsum(np.bincount(row_of[there], minlength=len(rows.bound)), out=row_starts[1:])
    columns, values = renumbered[rows.columns[there]], rows.values[there]
    bound = rows.bound - _activity(rows, fixed)
    by = by_column(columns, values, row_starts, len(kept))
    return problem.cost[kept], sets, Rows(row_starts, columns, values, *by, bound, rows.equal)


def _activity(rows: Rows, amounts: Float64s) -> Float64s:
    row_of = np.repeat(np.arange(len(rows.bound)), np.diff(rows.starts))
    return np.asarray(np.bincount(row_of, rows.values * amounts[rows.columns], len(rows.bound)), np.float64)
