"""What the rule asks of one security future: alone, against another one, with stock, with an option.

Amounts are of one contract and published, as in :mod:`engine.rules.strategy.formulas`: a long option stands in the
figure with its cost, the value of a short option and the buy-back cost of short stock are in it too.
"""

from __future__ import annotations

from engine.rules.strategy.book import FuturePosition, OptionPosition
from engine.rules.strategy.formulas import CALL, Terms


def future_alone_usd(terms: Terms, future: FuturePosition) -> float:
    """Long or short."""
    return terms.parameters.future.rate * future.price * future.units


def futures_calendar_usd(terms: Terms, one: FuturePosition, other: FuturePosition) -> float:
    """A long and a short contract of the same number of units."""
    return terms.parameters.future.calendar_rate * max(one.price, other.price) * one.units


def future_with_stock_usd(terms: Terms, future: FuturePosition, shares: float) -> float:
    """With the stock it delivers on the other side, ``shares`` signed."""
    if terms.is_initial:
        stock = terms.long_stock() if shares > 0.0 else terms.short_stock()
        return stock * future.units
    buy_back = terms.price if shares < 0.0 else 0.0
    return (buy_back + terms.parameters.future.stock_rate * terms.price) * future.units


def may_stand_with(terms: Terms, future: FuturePosition, option: OptionPosition) -> bool:
    """Whether the table has a row for the two: a long contract with a long put or a short call, or the reverse."""
    contract, rates = option.contract, terms.parameters.future
    gains_as_price_rises = (option.count > 0) == (contract.right == CALL)
    if contract.units != future.units or gains_as_price_rises == (future.count > 0):
        return False
    return contract.right in (rates.protected_by if option.count > 0 else rates.covers)


def future_with_option_usd(terms: Terms, future: FuturePosition, option: OptionPosition) -> float:
    """With one option contract that it :func:`may_stand_with`.

    A long option protects the contract: at maintenance the lesser of so much of the exercise price and what the option
    is out of the money, and of the contract alone. A contract covers a short option but for what it is in the money.
    """
    alone, contract = future_alone_usd(terms, future), option.contract
    if option.count < 0:
        return alone + contract.intrinsic(terms.price) * contract.units
    paid = contract.value * contract.units
    if terms.is_initial:
        return alone + paid
    exercise = terms.parameters.future.protected_by[contract.right] * contract.strike
    return min((exercise + contract.out_of_the_money(terms.price)) * contract.units, alone) + paid
