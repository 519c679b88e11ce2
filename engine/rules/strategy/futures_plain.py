"""Every use of the security futures of a small book, tried one by one: the plain twin of the pairing with futures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from engine.rules.strategy.book import Book, FuturePosition
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_uses import (
    future_alone_usd,
    future_with_option_usd,
    future_with_stock_usd,
    futures_calendar_usd,
    may_stand_with,
)
from engine.rules.strategy.plain import plain_pairing


def plain_published_usd(book: Book, terms: Terms) -> float:
    """The least published requirement over all permitted pairings; few contracts only.

    Stock and options that no future takes are paired by :func:`plain_pairing`.
    """
    contracts = [
        replace(future, count=1 if future.count > 0 else -1)
        for future in book.futures
        for _ in range(abs(future.count))
    ]
    least: dict[Book, float] = {}
    for left, asked in _uses(contracts, terms, replace(book, futures=())):
        least[left] = min(asked, least.get(left, math.inf))
    return min(asked + plain_pairing(left, terms).published_usd for left, asked in least.items())


def _uses(contracts: list[FuturePosition], terms: Terms, book: Book) -> Iterator[tuple[Book, float]]:
    """(what is left of the book, requirement of the contracts) of each way to use them."""
    if not contracts:
        yield book, 0.0
        return
    first, *others = contracts
    for left, asked in _uses(others, terms, book):
        yield left, asked + future_alone_usd(terms, first)
    if book.shares * first.count < 0.0 and abs(book.shares) >= first.units:
        taken = math.copysign(first.units, book.shares)
        for left, asked in _uses(others, terms, replace(book, shares=book.shares - taken)):
            yield left, asked + future_with_stock_usd(terms, first, taken)
    for place, option in enumerate(book.options):
        if option.count and may_stand_with(terms, first, option):
            fewer = replace(option, count=option.count - (1 if option.count > 0 else -1))
            options = (*book.options[:place], fewer, *book.options[place + 1 :])
            for left, asked in _uses(others, terms, replace(book, options=options)):
                yield left, asked + future_with_option_usd(terms, first, option)
    for place, other in enumerate(others):
        if other.count * first.count < 0 and other.units == first.units:
            rest = others[:place] + others[place + 1 :]
            for left, asked in _uses(rest, terms, book):
                yield left, asked + futures_calendar_usd(terms, first, other)
