"""Security futures beside stock and options of the same underlying: against stock, against one another, alone.

A contract against the stock that it delivers, and a long against a short one, are asked less than apart. Both uses
compete for contracts, and stock that stands against a contract covers no option. The contracts are shared out by
:mod:`engine.rules.strategy.transport`; how much stock they may take is tried where options want it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.rules.strategy.book import Book, FuturePosition, Pairing, Strategy
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.securities import Stage
from engine.rules.strategy.transport import most_gainful

OptionPairing = Callable[[Book, Terms], Pairing]
TRIED_ONE_BY_ONE = 8
_CENT_USD = 0.005


def future_alone_usd(terms: Terms, future: FuturePosition) -> float:
    """One contract, long or short."""
    return terms.parameters.future.rate * future.price * future.units


def futures_calendar_usd(terms: Terms, one: FuturePosition, other: FuturePosition) -> float:
    """A long and a short contract of the same number of units."""
    return terms.parameters.future.calendar_rate * max(one.price, other.price) * one.units


def future_with_stock_usd(terms: Terms, future: FuturePosition, shares: float) -> float:
    """A contract and the stock it delivers on the other side, ``shares`` signed; published, so with buy-back cost."""
    if terms.stage is Stage.INITIAL:
        stock = terms.long_stock() if shares > 0.0 else terms.short_stock()
        return stock * future.units
    buy_back = terms.price if shares < 0.0 else 0.0
    return (buy_back + terms.parameters.future.stock_rate * terms.price) * future.units


@dataclass(frozen=True, slots=True)
class _Shared:
    """Futures shared out: strategies of theirs, the shares they took (signed), what they save against all alone."""

    strategies: tuple[Strategy, ...]
    shares: float
    saved_usd: float


def least_pairing_with_futures(book: Book, terms: Terms, options_of: OptionPairing) -> Pairing:
    """The pairing with the least published requirement, and the bound that proves it.

    Args:
        options_of: pairs a book of stock and options.
    """
    if not book.futures:
        return options_of(book, terms)
    alone = math.fsum(future_alone_usd(terms, future) * abs(future.count) for future in book.futures)
    rest = replace(book, futures=())
    without = options_of(rest, terms)
    freest = _shared(book, terms, math.inf)
    # Stock taken from options costs no less than stock that stands alone, and contracts of each size can save no more
    # than with all of it: nothing can ask for less than this.
    bound = (
        without.lower_bound_usd
        + alone
        - math.fsum(_shared_of_a_size(own, terms, book.shares).saved_usd for own in _by_size(book))
    )

    def pairing(shared: _Shared) -> Pairing:
        paired = options_of(replace(rest, shares=book.shares - shared.shares), terms)
        strategies = (*paired.strategies, *shared.strategies)
        published = math.fsum(one.published_usd * one.times for one in strategies)
        return Pairing(strategies, published, min(bound, published))

    best = pairing(freest)
    if best.published_usd <= bound + _CENT_USD or not book.options:
        return best
    units = min(future.units for future in book.futures)
    tried = _amounts(round(abs(freest.shares) / units))
    return min((best, *(pairing(_shared(book, terms, count * units)) for count in tried)), key=_published)


def _published(pairing: Pairing) -> float:
    return pairing.published_usd


def _amounts(most: int) -> list[int]:
    """How many contracts' stock to try: each, of many none, and steps that halve towards either end."""
    if most <= TRIED_ONE_BY_ONE:
        return list(range(most))
    steps = [most >> shift for shift in range(1, most.bit_length())]
    return sorted({0, *steps, *(most - step for step in steps)})


def _shared(book: Book, terms: Terms, most_shares: float) -> _Shared:
    """The uses that save most with at most so many shares, sizes of contracts one after the other."""
    strategies: list[Strategy] = []
    shares, saved = 0.0, 0.0
    for own in _by_size(book):
        left = min(abs(book.shares), most_shares) - abs(shares)
        part = _shared_of_a_size(own, terms, math.copysign(left, book.shares))
        strategies += part.strategies
        shares += part.shares
        saved += part.saved_usd
    return _Shared(tuple(strategies), shares, saved)


def _by_size(book: Book) -> list[list[FuturePosition]]:
    """Contracts of the same number of units together, the largest first."""
    sizes = sorted({future.units for future in book.futures}, reverse=True)
    return [[future for future in book.futures if future.units == units] for units in sizes]


def _shared_of_a_size(futures: Sequence[FuturePosition], terms: Terms, shares: float) -> _Shared:
    units = futures[0].units
    side = -1 if shares > 0.0 else 1  # of the futures that stock can stand against
    givers = [future for future in futures if future.count * side > 0]
    takers = [future for future in futures if future.count * side < 0]
    stock_alone = (terms.long_stock() if shares > 0.0 else terms.short_stock()) * units
    gain = [
        [
            future_alone_usd(terms, giver)
            + future_alone_usd(terms, taker)
            - futures_calendar_usd(terms, giver, taker)
            for taker in takers
        ]
        + [future_alone_usd(terms, giver) + stock_alone - future_with_stock_usd(terms, giver, shares)]
        for giver in givers
    ]
    demand = [abs(taker.count) for taker in takers] + [math.floor(abs(shares) / units + 1e-9)]
    plan = most_gainful(gain, [abs(giver.count) for giver in givers], demand)
    saved = math.fsum(
        gain[row][column] * amount for row, line in enumerate(plan) for column, amount in enumerate(line)
    )
    strategies = _strategies(givers, takers, plan, terms, math.copysign(units, shares))
    return _Shared(tuple(strategies), math.copysign(units * sum(line[-1] for line in plan), shares), saved)


def _strategies(
    givers: Sequence[FuturePosition],
    takers: Sequence[FuturePosition],
    plan: Sequence[Sequence[int]],
    terms: Terms,
    shares: float,
) -> list[Strategy]:
    found = []
    for giver, line in zip(givers, plan, strict=True):
        side = 1 if giver.count > 0 else -1
        for taker, amount in zip(takers, line, strict=False):
            if amount:
                asked = futures_calendar_usd(terms, giver, taker)
                legs = ((giver.name, side), (taker.name, -side))
                found.append(Strategy("calendar of security futures", (), 0.0, asked, amount, legs))
        if line[-1]:
            asked = future_with_stock_usd(terms, giver, shares)
            name = f"{_side(side)} security future against {_side(-side)} stock"
            found.append(Strategy(name, (), shares, asked, line[-1], ((giver.name, side),)))
        found += _left_alone(terms, giver, abs(giver.count) - sum(line))
    for column, taker in enumerate(takers):
        found += _left_alone(terms, taker, abs(taker.count) - sum(line[column] for line in plan))
    return found


def _left_alone(terms: Terms, future: FuturePosition, count: int) -> list[Strategy]:
    if not count:
        return []
    side = 1 if future.count > 0 else -1
    asked = future_alone_usd(terms, future)
    return [Strategy(f"{_side(side)} security future", (), 0.0, asked, count, ((future.name, side),))]


def _side(sign: int) -> str:
    return "long" if sign > 0 else "short"
