"""Every use of the security futures of a small book, tried one by one: the plain twin of the pairing with futures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from engine.rules.strategy.book import Book, FuturePosition
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_pairing import (
    future_alone_usd,
    future_with_stock_usd,
    futures_calendar_usd,
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
    least: dict[float, float] = {}
    for shares, asked in _uses(contracts, terms, book.shares):
        least[shares] = min(asked, least.get(shares, math.inf))
    return min(
        asked + plain_pairing(replace(book, futures=(), shares=shares), terms).published_usd
        for shares, asked in least.items()
    )


def _uses(contracts: list[FuturePosition], terms: Terms, shares: float) -> Iterator[tuple[float, float]]:
    """(shares left, requirement of the contracts) of each way to use them."""
    if not contracts:
        yield shares, 0.0
        return
    first, *others = contracts
    for left, asked in _uses(others, terms, shares):
        yield left, asked + future_alone_usd(terms, first)
    if shares * first.count < 0.0 and abs(shares) >= first.units:
        taken = math.copysign(first.units, shares)
        for left, asked in _uses(others, terms, shares - taken):
            yield left, asked + future_with_stock_usd(terms, first, taken)
    for place, other in enumerate(others):
        if other.count * first.count < 0 and other.units == first.units:
            rest = others[:place] + others[place + 1 :]
            for left, asked in _uses(rest, terms, shares):
                yield left, asked + futures_calendar_usd(terms, first, other)
