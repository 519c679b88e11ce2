"""The least pairing of a book: whole amounts of uses, and the strategies that they stand for."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engine.rules.strategy.book import Book, Pairing
from engine.rules.strategy.certificate import Prices
from engine.rules.strategy.decode import strategies_of
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.legs import in_order, legs_of, taken
from engine.rules.strategy.programme import Programme, programme
from engine.rules.strategy.rates import Rates, rate_table, rates_of
from engine.rules.strategy.row_prices import position_prices
from engine.rules.strategy.securities import Stage
from engine.rules.strategy.simplex import load_optimise
from engine.rules.strategy.tableau import Float64s, Int64s
from engine.rules.strategy.whole import MOST_PIVOTS, least_amounts

__all__ = ["MOST_PIVOTS", "Posed", "least_pairing", "posed", "priced_pairing"]


class Posed(NamedTuple):
    """A book's programme; its option k is option ``order[k]`` of the book."""

    problem: Programme
    order: Int64s


def posed(book: Book, terms: Terms) -> Posed:
    """The programme of a book with options, in an order that depends on nothing but their terms."""
    legs = legs_of(book)
    order = in_order(legs)
    return Posed(programme(taken(legs, order), kernel_rates(terms), book.shares), order)


def kernel_rates(terms: Terms) -> Rates:
    """The same terms for kernels."""
    stock = terms.stock
    initial = terms.stage is Stage.INITIAL
    table = rate_table(terms.parameters)
    return rates_of(table, stock.price, float(stock.leverage), stock.marginable, terms.broad, initial)


def least_pairing(book: Book, terms: Terms, most_pivots: int = MOST_PIVOTS) -> Pairing:
    """The pairing with the least published requirement, and the bound that proves it."""
    if not book.options:
        strategies = strategies_of(book, terms, np.zeros(0, np.int64), None, np.zeros(0))
        total = math.fsum(one.published_usd * one.times for one in strategies)
        return Pairing(strategies, total, total)
    return _solved(book, terms, *posed(book, terms), most_pivots)[0]


def priced_pairing(book: Book, terms: Terms) -> tuple[Pairing, Prices]:
    """The same, and prices of the book's positions that prove the bound of divided contracts."""
    if not book.options:
        alone = least_pairing(book, terms)
        share = alone.published_usd / abs(book.shares) if book.shares else 0.0
        return alone, Prices((), share, (), alone.published_usd)
    problem, order = posed(book, terms)
    pairing, row_prices = _solved(book, terms, problem, order, MOST_PIVOTS)
    return pairing, position_prices(book, terms, problem, order, row_prices)


def _solved(
    book: Book, terms: Terms, problem: Programme, order: Int64s, most_pivots: int
) -> tuple[Pairing, Float64s]:
    load_optimise()
    amounts, bound, row_prices = least_amounts(problem, most_pivots)
    strategies = strategies_of(book, terms, order, problem, amounts)
    published = math.fsum(one.published_usd * one.times for one in strategies)
    return Pairing(strategies, published, min(bound + problem.constant_usd, published)), row_prices
