"""Whether a pairing with security futures is permitted, shown from the rule's formulas, without the search for it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from engine.rules.strategy.book import Book, FuturePosition, OptionPosition, Pairing, Strategy
from engine.rules.strategy.certificate import NotShownError, check_permitted
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_uses import (
    future_alone_usd,
    future_with_option_usd,
    future_with_stock_usd,
    futures_calendar_usd,
    may_stand_with,
)

_CENT_USD = 0.005


def check_with_futures(pairing: Pairing, book: Book, terms: Terms) -> None:
    """Every contract stands in one use that the rule knows, at its own requirement; all that no contract takes is
    paired as :func:`~engine.rules.strategy.certificate.check_permitted` wants it.

    Raises:
        NotShownError: naming what does not fit.
    """
    held, options = Counter[str](), {one.contract.name: one.count for one in book.options}
    shares = book.shares
    for strategy in pairing.strategies:
        if not strategy.futures:
            continue
        if abs(_asked_usd(strategy, book, terms) - strategy.published_usd) > _CENT_USD:
            raise NotShownError(f"{strategy.name} does not ask for {strategy.published_usd} USD")
        for name, count in strategy.futures:
            held[name] += count * strategy.times
        for contract, count in strategy.options:
            options[contract.name] -= count * strategy.times
        shares -= strategy.shares * strategy.times
    if held != Counter({future.name: future.count for future in book.futures}):
        raise NotShownError("the pairing has other futures than the book")
    left = tuple(replace(one, count=options[one.contract.name]) for one in book.options)
    if any(one.count * kept.count < 0 for one, kept in zip(book.options, left, strict=True)):
        raise NotShownError("futures take more of an option than there is")
    rest = tuple(one for one in pairing.strategies if not one.futures)
    published = math.fsum(one.published_usd * one.times for one in rest)
    others = replace(book, shares=shares, options=tuple(one for one in left if one.count), futures=())
    check_permitted(Pairing(rest, published, published), others, terms)


def _asked_usd(strategy: Strategy, book: Book, terms: Terms) -> float:
    """What the rule asks of one such use; infinite where it knows none."""
    futures = {future.name: future for future in book.futures}
    legs = [(futures[name], side) for name, side in strategy.futures if name in futures]
    if len(legs) != len(strategy.futures) or any(side * future.count <= 0 for future, side in legs):
        return math.inf
    if sorted(side for _, side in legs) == [-1, 1] and not strategy.options and not strategy.shares:
        (one, _), (other, _) = legs
        return futures_calendar_usd(terms, one, other) if one.units == other.units else math.inf
    if len(legs) != 1 or abs(legs[0][1]) != 1 or len(strategy.options) > 1:
        return math.inf
    return _of_one_usd(strategy, legs[0][0], terms)


def _of_one_usd(strategy: Strategy, future: FuturePosition, terms: Terms) -> float:
    if not strategy.options and not strategy.shares:
        return future_alone_usd(terms, future)
    if not strategy.options:
        fits = abs(strategy.shares) == future.units and strategy.shares * future.count < 0.0
        return future_with_stock_usd(terms, future, strategy.shares) if fits else math.inf
    option = OptionPosition(*strategy.options[0])
    if strategy.shares or abs(option.count) != 1 or not may_stand_with(terms, future, option):
        return math.inf
    return future_with_option_usd(terms, future, option)
