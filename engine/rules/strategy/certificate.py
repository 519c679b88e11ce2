"""Whether a pairing is permitted and a bound holds, shown in plain Python from the rule's formulas, without the solver.

The bound rests on prices: so much for each contract and each share of the book that no permitted strategy costs less
than its parts do. Then no pairing costs less than all parts together, whoever found the prices. Strategies of one or
two options and long boxes are tried one by one. Spreads have any number of legs: for them the prices come with a
*pool*: weights of exercise prices, which say what a contract's exercise costs on average, and so no more than at its
worst, and amounts for calls and puts, which cancel as a spread has as many long as short ones.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.rules.strategy.book import Book, Pairing, Strategy, may_spread
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms
from engine.rules.strategy.parameters import PAIRWISE
from engine.rules.strategy.plain import named_strategies

_TOLERANCE_USD = 1e-6  # of one contract
_WHOLE = 1e-9  # what weights may be together above 1
_CENT_USD = 0.005
Side = tuple[Contract, float]  # a contract held, and its price


class NotShownError(ValueError):
    """A pairing that is not permitted, or prices that prove nothing."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Why no spread of some options costs less than its parts.

    Attributes:
        weights: of exercise prices, >= 0 and together at most 1.
        balances: USD by right, for a long contract; a short one has it the other way round.
        by_expiry: USD by right and expiry, for a short contract, and the other way round for a long one; it may not
            fall with the expiry. Only where each long option covers those that expire before it.
    """

    weights: tuple[tuple[float, float], ...]
    balances: Mapping[str, float]
    by_expiry: Mapping[tuple[str, int], float]


@dataclass(frozen=True, slots=True)
class Prices:
    """USD by option of the book, a contract; of a share; pools; and what they are said to prove, as published."""

    options: tuple[float, ...]
    share: float
    pools: tuple[Pool, ...]
    bound_usd: float


def check_permitted(pairing: Pairing, book: Book, terms: Terms) -> None:
    """Every position is in the pairing, each strategy is one that the rule knows, at its own requirement.

    Raises:
        NotShownError: naming what does not fit.
    """
    counts: Counter[str] = Counter()
    for strategy in pairing.strategies:
        for contract, count in strategy.options:
            counts[contract.name] += count * strategy.times
        if not _is_known(strategy, book, terms):
            raise NotShownError(
                f"{strategy.name} of {_legs(strategy)} at {strategy.published_usd} USD is not in the rule"
            )
    held = {position.contract.name: position.count for position in book.options}
    if counts != Counter(held):
        raise NotShownError("the pairing has other contracts than the book")
    shares = math.fsum(strategy.shares * strategy.times for strategy in pairing.strategies)
    if abs(shares - book.shares) > _TOLERANCE_USD:
        raise NotShownError(f"the pairing has {shares} shares, the book {book.shares}")
    total = math.fsum(strategy.published_usd * strategy.times for strategy in pairing.strategies)
    if abs(total - pairing.published_usd) > _CENT_USD:
        raise NotShownError(f"strategies ask for {total} USD, the pairing says {pairing.published_usd}")


def _legs(strategy: Strategy) -> str:
    return ", ".join(f"{count:+d} {contract.name}" for contract, count in strategy.options)


def _is_known(strategy: Strategy, book: Book, terms: Terms) -> bool:
    """Whether the twin knows the strategy at this requirement; one of many contracts can only be a spread."""
    if not strategy.options:
        per_share = terms.long_stock() if strategy.shares > 0.0 else terms.short_stock()
        return abs(strategy.published_usd - per_share * abs(strategy.shares)) < _CENT_USD
    units = strategy.options[0][0].units
    group = [
        (contract, 1 if count > 0 else -1) for contract, count in strategy.options for _ in range(abs(count))
    ]
    if len(group) > 4:
        longs = [contract for contract, side in group if side > 0]
        shorts = [contract for contract, side in group if side < 0]
        asked = terms.spread(strategy.options) * units
        permitted = may_spread(longs, shorts, terms.parameters.readings.spread_expiries)
        return permitted and strategy.shares == 0.0 and abs(strategy.published_usd - asked) < _CENT_USD
    return any(
        shares == strategy.shares and abs(strategy.published_usd - per_unit * units) < _CENT_USD
        for _, shares, per_unit in named_strategies(terms, group, book.shares)
    )


def proven_usd(prices: Prices, book: Book, terms: Terms) -> float:
    """What no permitted pairing of the book asks for less than.

    Raises:
        NotShownError: a strategy costs less than its parts.
    """
    stock = terms.long_stock() if book.shares > 0.0 else terms.short_stock()
    if book.shares and prices.share > stock + _TOLERANCE_USD:
        raise NotShownError(f"stock alone asks for {stock} USD a share, less than its price {prices.share}")
    sides = [
        (position.contract, 1 if position.count > 0 else -1, price)
        for position, price in zip(book.options, prices.options, strict=True)
    ]
    for group in _small_groups(sides):
        units, price = group[0][0].units, math.fsum(price for _, _, price in group)
        legs = [(contract, side) for contract, side, _ in group]
        for name, shares, per_unit in named_strategies(terms, legs, book.shares):
            if name == "spread":
                continue
            if per_unit * units < price + abs(shares) * prices.share - _TOLERANCE_USD:
                names = ", ".join(contract.name for contract, _ in legs)
                raise NotShownError(f"{name} of {names} costs less than its parts")
    _check_spreads(prices, sides, terms)
    options = math.fsum(
        abs(position.count) * price for position, price in zip(book.options, prices.options, strict=True)
    )
    return options + abs(book.shares) * prices.share


def _small_groups(
    sides: Sequence[tuple[Contract, int, float]],
) -> Iterator[Sequence[tuple[Contract, int, float]]]:
    """Single options, a call and a put, and the four of each long box."""
    for one in sides:
        yield (one,)
    calls = [one for one in sides if one[0].right == CALL]
    puts = [one for one in sides if one[0].right != CALL]
    yield from itertools.product(calls, puts)
    cash = [(call, put) for call, put in itertools.product(calls, puts) if _at_one_place(call[0], put[0])]
    lows = [pair for pair in cash if pair[0][1] > 0 > pair[1][1]]
    highs = [pair for pair in cash if pair[0][1] < 0 < pair[1][1]]
    for low, high in itertools.product(lows, highs):
        yield (*low, *high)


def _at_one_place(call: Contract, put: Contract) -> bool:
    same = (call.strike, call.expiry_ns, call.units) == (put.strike, put.expiry_ns, put.units)
    return same and call.cash_european and put.cash_european


def _check_spreads(prices: Prices, sides: Sequence[tuple[Contract, int, float]], terms: Terms) -> None:
    """Whatever expires last of the short options of a spread, a pool must cover all that may stand with it."""
    pairwise = terms.parameters.readings.spread_expiries == PAIRWISE
    kinds = {(contract.units, contract.european) for contract, _, _ in sides}
    for units, european in sorted(kinds):
        own = [one for one in sides if (one[0].units, one[0].european) == (units, european)]
        longs = [(contract, price) for contract, side, price in own if side > 0]
        shorts = [(contract, price) for contract, side, price in own if side < 0]
        for last in sorted({contract.expiry_ns for contract, _ in shorts}):
            some_longs = longs if pairwise else [one for one in longs if one[0].expiry_ns >= last]
            some_shorts = shorts if pairwise else [one for one in shorts if one[0].expiry_ns <= last]
            rights = [
                right
                for right in (CALL, PUT)
                if any(one[0].right == right for one in some_longs)
                and any(one[0].right == right for one in some_shorts)
            ]
            wanted = [one for one in some_longs if one[0].right in rights]
            given = [one for one in some_shorts if one[0].right in rights]
            if rights and not any(_covers(pool, wanted, given, pairwise) for pool in prices.pools):
                raise NotShownError(f"no pool covers spreads of {units:g} units up to expiry {last}")


def _covers(pool: Pool, longs: Sequence[Side], shorts: Sequence[Side], pairwise: bool) -> bool:
    """Whether the pool shows that no spread of these costs less than its parts."""
    weights = [weight for _, weight in pool.weights]
    if any(weight < 0.0 for weight in weights) or math.fsum(weights) > 1.0 + _WHOLE:
        return False
    levels = pool.by_expiry if pairwise else {}
    for right in (CALL, PUT):
        rising = [amount for _, amount in sorted(_of_right(levels, right).items())]
        if any(later < earlier for earlier, later in itertools.pairwise(rising)):
            return False
    for contract, price in longs:
        held = contract.value * contract.units + pool.balances.get(contract.right, 0.0)
        held -= _exercise(pool, contract) + levels.get((contract.right, contract.expiry_ns), 0.0)
        if held < price - _TOLERANCE_USD:
            return False
    for contract, price in shorts:
        owed = _exercise(pool, contract) - pool.balances.get(contract.right, 0.0)
        owed += levels.get((contract.right, contract.expiry_ns), 0.0)
        if owed < price - _TOLERANCE_USD:
            return False
    return True


def _of_right(levels: Mapping[tuple[str, int], float], right: str) -> dict[int, float]:
    return {expiry_ns: amount for (of, expiry_ns), amount in levels.items() if of == right}


def _exercise(pool: Pool, contract: Contract) -> float:
    """What a contract is worth at the pool's exercise prices, on average."""
    return contract.units * math.fsum(weight * contract.intrinsic(strike) for strike, weight in pool.weights)
