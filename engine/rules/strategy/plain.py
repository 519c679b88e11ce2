"""Every permitted pairing of a small book, tried one by one: the plain twin of the solver.

Contract by contract: the first one left must stand alone or in one of the rule's strategies, with any of the
others; what is left is margined the same way. Each book that is left is worked out once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from engine.rules.strategy.book import Book, OptionPosition, Pairing, Strategy, may_spread
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms

MOST_CONTRACTS = 12
Counts = tuple[int, ...]


def plain_pairing(book: Book, terms: Terms) -> Pairing:
    """The least published requirement over all permitted pairings, and one that attains it.

    Raises:
        ValueError: more than ``MOST_CONTRACTS`` contracts: there would be too many pairings to try.
    """
    contracts = sum(abs(position.count) for position in book.options)
    if contracts > MOST_CONTRACTS:
        raise ValueError(f"{contracts} contracts are too many to try every pairing")
    search = _Search(book.options, terms)
    counts = tuple(position.count for position in book.options)
    published, strategies = search.best(counts, book.shares)
    return Pairing(strategies, published, published)


class _Search:
    def __init__(self, options: tuple[OptionPosition, ...], terms: Terms) -> None:
        self._contracts = [position.contract for position in options]
        self._terms = terms
        self._known: dict[tuple[Counts, float], tuple[float, tuple[Strategy, ...]]] = {}

    def best(self, counts: Counts, shares: float) -> tuple[float, tuple[Strategy, ...]]:
        """Least requirement of what is left."""
        key = (counts, shares)
        if key not in self._known:
            self._known[key] = self._try_all(counts, shares)
        return self._known[key]

    def _try_all(self, counts: Counts, shares: float) -> tuple[float, tuple[Strategy, ...]]:
        if not any(counts):
            return self._stock(shares)
        best: tuple[float, tuple[Strategy, ...]] = (math.inf, ())
        for taken, used_shares, strategy in self._strategies(counts, shares):
            left = tuple(count - take for count, take in zip(counts, taken, strict=True))
            rest, others = self.best(left, shares - used_shares)
            if strategy.published_usd + rest < best[0]:
                best = (strategy.published_usd + rest, (strategy, *others))
        return best

    def _stock(self, shares: float) -> tuple[float, tuple[Strategy, ...]]:
        if shares == 0.0:
            return 0.0, ()
        per_share = self._terms.long_stock() if shares > 0.0 else self._terms.short_stock()
        name = "long stock" if shares > 0.0 else "short stock"
        strategy = Strategy(name, (), shares, per_share * abs(shares))
        return strategy.published_usd, (strategy,)

    def _strategies(self, counts: Counts, shares: float) -> Iterator[tuple[Counts, float, Strategy]]:
        """All that the first contract left can be part of."""
        first = next(index for index, count in enumerate(counts) if count)
        rest = [range(min(0, count), max(0, count) + 1) for count in counts[first:]]
        rest[0] = range(1, counts[first] + 1) if counts[first] > 0 else range(counts[first], 0)
        for some in itertools.product(*rest):
            taken = (0,) * first + some
            group = [
                (self._contracts[index], 1 if take > 0 else -1)
                for index, take in enumerate(taken)
                for _ in range(abs(take))
            ]
            for name, used_shares, per_unit in named_strategies(self._terms, group, shares):
                units = group[0][0].units
                legs = tuple((self._contracts[index], take) for index, take in enumerate(taken) if take)
                yield taken, used_shares, Strategy(name, legs, used_shares, per_unit * units)


def named_strategies(
    terms: Terms, group: list[tuple[Contract, int]], shares: float
) -> Iterator[tuple[str, float, float]]:
    """(name, shares used, requirement per unit) of each strategy that exactly these contracts can form."""
    units = group[0][0].units
    if any(contract.units != units for contract, _ in group):
        return
    longs = [contract for contract, side in group if side > 0]
    shorts = [contract for contract, side in group if side < 0]
    with_long = units if shares >= units else 0.0
    with_short = -units if shares <= -units else 0.0
    yield from _alone(terms, longs, shorts, with_long, with_short)
    if len(group) == 2:
        yield from _pairs(terms, longs, shorts, with_long, with_short)
    if longs and shorts and may_spread(longs, shorts, terms.parameters.readings.spread_expiries):
        yield "spread", 0.0, terms.spread(group)
        yield from _boxes(terms, longs, shorts)


def _alone(
    terms: Terms, longs: list[Contract], shorts: list[Contract], with_long: float, with_short: float
) -> Iterator[tuple[str, float, float]]:
    """One option, with stock or without."""
    if len(longs) + len(shorts) != 1:
        return
    for option in longs:
        yield "long option", 0.0, terms.long_option(option)
        if with_long and option.right != CALL:
            yield "protective put", with_long, terms.protective_put(option)
        if with_short and option.right == CALL:
            yield "protective call", with_short, terms.protective_call(option)
    for option in shorts:
        yield "naked option", 0.0, terms.naked(option)
        if with_long and option.right == CALL:
            yield "covered call", with_long, terms.covered_call(option)
        if with_short and option.right != CALL:
            yield "covered put", with_short, terms.covered_put(option)


def _pairs(
    terms: Terms, longs: list[Contract], shorts: list[Contract], with_long: float, with_short: float
) -> Iterator[tuple[str, float, float]]:
    """A call and a put: short both, or around stock."""
    calls = [option for option in (*longs, *shorts) if option.right == CALL]
    puts = [option for option in (*longs, *shorts) if option.right != CALL]
    if len(calls) != 1 or len(puts) != 1:
        return
    call, put = calls[0], puts[0]
    if not longs:
        yield "straddle or strangle", 0.0, terms.straddle(call, put)
    if len(longs) != 1 or call.expiry_ns != put.expiry_ns:
        return
    if longs[0] is put and with_long:
        if put.strike <= call.strike:
            yield "collar", with_long, terms.collar(put, call)
        if put.strike == call.strike:
            yield "conversion", with_long, terms.conversion(put, call)
    if longs[0] is call and with_short and put.strike == call.strike:
        yield "reverse conversion", with_short, terms.reverse_conversion(call, put)


def _boxes(terms: Terms, longs: list[Contract], shorts: list[Contract]) -> Iterator[tuple[str, float, float]]:
    """A long box of European options settled in cash."""
    if len(longs) != 2 or len(shorts) != 2 or not all(o.cash_european for o in (*longs, *shorts)):
        return
    low_call, high_put = sorted(longs, key=lambda option: option.right)
    high_call, low_put = sorted(shorts, key=lambda option: option.right)
    if (low_call.right, high_put.right, high_call.right, low_put.right) != (CALL, PUT, CALL, PUT):
        return
    one_expiry = len({option.expiry_ns for option in (*longs, *shorts)}) == 1
    square = low_call.strike == low_put.strike < high_call.strike == high_put.strike
    if one_expiry and square:
        yield "long box", 0.0, terms.long_box(high_call, low_put)
