"""Security futures of one size shared out among stock, options, one another and nothing, so that least is asked.

What may stand with a long contract never may with a short one, so uses form a transport: long contracts and what goes
with short ones on one side, short contracts and what goes with long ones on the other. It is solved exactly, in whole
contracts, by :mod:`engine.rules.strategy.transport`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.rules.strategy.book import Book, FuturePosition, OptionPosition, Strategy
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_uses import (
    future_alone_usd,
    future_with_option_usd,
    future_with_stock_usd,
    futures_calendar_usd,
    may_stand_with,
)
from engine.rules.strategy.transport import most_gainful

_ONE_CONTRACT = 1e-9  # shares that round-off may lack of a contract's
_NOTHING_USD = 1e-6


@dataclass(frozen=True, slots=True)
class Partner:
    """Stock or an option that contracts of one size may stand with.

    Attributes:
        option: its place in the book; -1 for stock, in amounts of ``units``.
        side: 1 if it stands with long contracts.
        most: how much of it may be used, in contracts.
        alone_usd: what one asks by itself.
    """

    option: int
    units: float
    side: int
    most: int
    alone_usd: float


@dataclass(frozen=True, slots=True)
class Offer:
    """So many of a partner, each of which asks for ``otherwise_usd`` where no future takes it."""

    partner: Partner
    amount: int
    otherwise_usd: float


@dataclass(frozen=True, slots=True)
class Shared:
    """Uses of the contracts, what they save against all apart, and how much of each partner they take."""

    strategies: tuple[Strategy, ...]
    saved_usd: float
    taken: Mapping[Partner, int]


Party = FuturePosition | Offer


def by_size(futures: Sequence[FuturePosition]) -> list[list[FuturePosition]]:
    """Contracts of the same number of units together, the largest first."""
    sizes = sorted({future.units for future in futures}, reverse=True)
    return [[future for future in futures if future.units == units] for units in sizes]


def partners(book: Book, terms: Terms, futures: Sequence[FuturePosition]) -> list[Partner]:
    """What contracts of one size may gain from: stock of whole contracts, and options."""
    units = futures[0].units
    found = []
    stock = math.floor(abs(book.shares) / units + _ONE_CONTRACT)
    if stock:
        side = -1 if book.shares > 0.0 else 1
        alone = (terms.long_stock() if book.shares > 0.0 else terms.short_stock()) * units
        found.append(Partner(-1, units, side, stock, alone))
    for place, option in enumerate(book.options):
        with_it = [future for future in futures if may_stand_with(terms, future, option)]
        if with_it:
            most = min(abs(option.count), sum(abs(future.count) for future in with_it))
            side = 1 if with_it[0].count > 0 else -1
            found.append(Partner(place, units, side, most, option_alone_usd(terms, option)))
    return [one for one in found if any(_gains(book, terms, future, one) for future in futures)]


def option_alone_usd(terms: Terms, option: OptionPosition) -> float:
    """One contract by itself."""
    contract = option.contract
    per_unit = terms.long_option(contract) if option.count > 0 else terms.naked(contract)
    return per_unit * contract.units


def shared_out(
    book: Book, terms: Terms, futures: Sequence[FuturePosition], offers: Sequence[Offer]
) -> Shared:
    """The uses of contracts of one size that save most.

    Args:
        offers: of one partner more than once, where what is taken of it is worth less the more is taken.
    """
    rows: list[Party] = [future for future in futures if future.count > 0]
    rows += [offer for offer in offers if offer.partner.side < 0]
    columns: list[Party] = [future for future in futures if future.count < 0]
    columns += [offer for offer in offers if offer.partner.side > 0]
    gain = [
        [
            _apart_usd(terms, row) + _apart_usd(terms, column) - _together_usd(book, terms, row, column)
            for column in columns
        ]
        for row in rows
    ]
    plan = most_gainful(gain, [_amount(row) for row in rows], [_amount(column) for column in columns])
    used = [
        (rows[row], columns[column], amount)
        for row, line in enumerate(plan)
        for column, amount in enumerate(line)
        if amount
    ]
    saved = math.fsum(
        gain[row][column] * amount
        for row, line in enumerate(plan)
        for column, amount in enumerate(line)
        if amount
    )
    taken = {offer.partner: 0 for offer in offers}
    for row, column, amount in used:
        for party in (row, column):
            if isinstance(party, Offer):
                taken[party.partner] += amount
    return Shared(tuple(_strategies(book, terms, futures, used)), saved, taken)


def _amount(party: Party) -> int:
    return party.amount if isinstance(party, Offer) else abs(party.count)


def _apart_usd(terms: Terms, party: Party) -> float:
    return party.otherwise_usd if isinstance(party, Offer) else future_alone_usd(terms, party)


def _together_usd(book: Book, terms: Terms, one: Party, other: Party) -> float:
    """Infinite where the two may not stand together."""
    if isinstance(one, Offer):
        one, other = other, one
    if isinstance(one, Offer):
        return math.inf
    if isinstance(other, Offer):
        return _with_partner_usd(book, terms, one, other.partner)
    return futures_calendar_usd(terms, one, other)


def _with_partner_usd(book: Book, terms: Terms, future: FuturePosition, partner: Partner) -> float:
    if (future.count > 0) != (partner.side > 0):
        return math.inf
    if partner.option < 0:
        return future_with_stock_usd(terms, future, book.shares)
    return future_with_option_usd(terms, future, book.options[partner.option])


def _gains(book: Book, terms: Terms, future: FuturePosition, partner: Partner) -> bool:
    apart = future_alone_usd(terms, future) + partner.alone_usd
    return apart - _with_partner_usd(book, terms, future, partner) > _NOTHING_USD


def _strategies(
    book: Book, terms: Terms, futures: Sequence[FuturePosition], used: Sequence[tuple[Party, Party, int]]
) -> Iterator[Strategy]:
    left = {future.name: abs(future.count) for future in futures}
    times: dict[tuple[str, int], tuple[Strategy, int]] = {}
    for one, other, amount in used:
        if isinstance(one, Offer):
            one, other = other, one
        assert isinstance(one, FuturePosition)  # two offers never stand together
        asked = _together_usd(book, terms, one, other)
        left[one.name] -= amount
        if isinstance(other, FuturePosition):
            left[other.name] -= amount
            legs = (one.name, 1), (other.name, -1)
            yield Strategy("calendar of security futures", (), 0.0, asked, amount, legs)
        else:
            key = one.name, other.partner.option
            strategy = _with_partner(book, one, other.partner, asked)
            times[key] = strategy, times.get(key, (strategy, 0))[1] + amount
    for strategy, amount in times.values():
        yield Strategy(
            strategy.name, strategy.options, strategy.shares, strategy.published_usd, amount, strategy.futures
        )
    for future in futures:
        if left[future.name]:
            side = _side(future.count)
            name, asked = f"{_word(side)} security future", future_alone_usd(terms, future)
            yield Strategy(name, (), 0.0, asked, left[future.name], ((future.name, side),))


def _with_partner(book: Book, future: FuturePosition, partner: Partner, asked_usd: float) -> Strategy:
    side = _side(future.count)
    name, legs = f"{_word(side)} security future", ((future.name, side),)
    if partner.option < 0:
        shares = math.copysign(partner.units, book.shares)
        return Strategy(f"{name} against {_word(-side)} stock", (), shares, asked_usd, 1, legs)
    option = book.options[partner.option]
    held = _side(option.count)
    name = f"{name} and {_word(held)} {option.contract.right}"
    return Strategy(name, ((option.contract, held),), 0.0, asked_usd, 1, legs)


def _side(count: int) -> int:
    return 1 if count > 0 else -1


def _word(side: int) -> str:
    return "long" if side > 0 else "short"
