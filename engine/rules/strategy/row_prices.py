"""From prices of a programme's rows to prices of positions, which :mod:`engine.rules.strategy.certificate` checks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.rules.strategy.book import Book
from engine.rules.strategy.certificate import Pool, Prices
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.kinds import LOSS, SPREAD
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.tableau import Float64s, Int64s
from engine.rules.strategy.whole import proven_bound, reduced_costs, usable_prices


def position_prices(
    book: Book, terms: Terms, problem: Programme, order: Int64s, row_prices: Float64s
) -> Prices:
    """Prices of the book's positions; option k of the programme is option ``order[k]`` of the book."""
    rows, sets = problem.rows, problem.sets
    prices = usable_prices(rows, row_prices)
    reduced = reduced_costs(problem.cost, rows, row_prices)
    options = np.zeros(len(book.options))
    for place in range(len(order)):
        members = sets.members[sets.starts[place] : sets.starts[place + 1]]
        options[order[place]] = reduced[members].min()
    share = 0.0
    if book.shares:
        share = terms.long_stock() if book.shares > 0.0 else terms.short_stock()
        share -= _of_stock(book, problem, prices)
    bound = proven_bound(problem.cost, sets, rows, row_prices) + problem.constant_usd
    return Prices(tuple(options.tolist()), share, tuple(_pools(book, terms, problem, order, prices)), bound)


def _of_stock(book: Book, problem: Programme, prices: Float64s) -> float:
    """Price of a share: the one row with a positive bound says how many contracts the stock is enough for."""
    stock_row = np.flatnonzero(problem.rows.bound > 0.0)
    return float((prices[stock_row] * problem.rows.bound[stock_row]).sum() / abs(book.shares))


def _pools(book: Book, terms: Terms, problem: Programme, order: Int64s, prices: Float64s) -> Iterator[Pool]:
    """One for each greatest loss."""
    rows = problem.rows
    for charge in np.flatnonzero(problem.kind == LOSS).tolist():
        weights: tuple[tuple[float, float], ...] = ()
        balances: dict[str, float] = {}
        by_expiry: dict[tuple[str, int], float] = {}
        for block in range(len(rows.first_row) - 1):
            own = slice(rows.first_row[block], rows.first_row[block + 1])
            columns = rows.column[rows.first_entry[block] : rows.first_entry[block + 1]]
            if charge in columns:
                share = prices[own] / problem.cost[charge]
                strikes = rows.point[own] * terms.price
                weights = tuple(zip(strikes.tolist(), share.tolist(), strict=True))
                continue
            if problem.kind[columns[0]] != SPREAD or problem.group[columns[0]] != problem.group[charge]:
                continue
            contracts = [book.options[order[option]].contract for option in problem.option[columns].tolist()]
            right = contracts[0].right
            if rows.equal[own][0]:
                balances[right] = float(prices[own][0])
                continue
            for contract in contracts:
                paid = prices[own][-rows.point[own] <= contract.expiry_ns]
                by_expiry[right, contract.expiry_ns] = float(paid.sum())
        yield Pool(weights, balances, by_expiry)
