"""The rule's formulas for kernels: what :class:`engine.rules.strategy.formulas.Terms` says in plain Python.

Amounts are USD per unit of the underlying, as published.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.strategy.parameters import EXERCISE, PAIRWISE, Parameters
from engine.rules.strategy.tableau import Float64s


class RateTable(NamedTuple):
    """The numbers of a parameter file that a pairing rests on, and the readings as flags."""

    long_initial: float
    long_maintenance: float
    short_initial: float
    short_maintenance: float
    short_least: float
    low_price: float
    low_short_rate: float
    low_short_least: float
    non_margin: float
    scale_by_leverage: bool
    naked: float
    naked_broad: float
    naked_floor: float
    long_term: float
    hedged: float
    collar: float
    long_box: float
    pairwise: bool
    reverse_by_exercise: bool
    protective_by_exercise: bool
    short_with_call_initial: float
    covering_call_counts_initial: bool


class Rates(NamedTuple):
    """One underlying at one stage.

    Attributes:
        price: of the underlying; long_stock, short_stock: requirement of the stock alone.
        naked, naked_floor: of the underlying's price, and of that or of the exercise price.
        long_term: share of the value of a long option with loan value.
        counts_in_the_money: the amount in the money of a covering call is asked for.
    """

    initial: bool
    price: float
    long_stock: float
    short_stock: float
    naked: float
    naked_floor: float
    long_term: float
    hedged: float
    collar: float
    long_box: float
    pairwise: bool
    reverse_by_exercise: bool
    protective_by_exercise: bool
    short_with_call_initial: float
    counts_in_the_money: bool


def rate_table(parameters: Parameters) -> RateTable:
    """The table of a parameter file."""
    stock, option, readings = parameters.stock, parameters.option, parameters.readings
    return RateTable(
        long_initial=stock.long_initial,
        long_maintenance=stock.long_maintenance,
        short_initial=stock.short_initial,
        short_maintenance=stock.short_maintenance,
        short_least=stock.short_least,
        low_price=stock.low_price,
        low_short_rate=stock.low_short_rate,
        low_short_least=stock.low_short_least,
        non_margin=stock.non_margin,
        scale_by_leverage=stock.scale_by_leverage,
        naked=option.rate,
        naked_broad=option.broad_rate,
        naked_floor=option.floor,
        long_term=option.long_term_rate,
        hedged=option.hedged_exercise,
        collar=option.collar_exercise,
        long_box=option.long_box,
        pairwise=readings.spread_expiries == PAIRWISE,
        reverse_by_exercise=readings.reverse_conversion == EXERCISE,
        protective_by_exercise=readings.protective_call == EXERCISE,
        short_with_call_initial=readings.short_stock_with_long_call_initial,
        covering_call_counts_initial=readings.covering_call_in_the_money_initial,
    )


@kernel
def rates_of(
    table: RateTable, price: float, leverage: float, marginable: bool, broad: bool, initial: bool
) -> Rates:
    """The rates of one underlying at one stage; ``price`` > 0."""
    scale = max(abs(leverage), 1.0) if table.scale_by_leverage else 1.0
    long_rate = min(table.long_maintenance * scale, 1.0)
    if initial:
        long_rate = max(table.long_initial, long_rate)
    if not marginable:
        long_rate = table.non_margin
    if price < table.low_price:
        short = max(table.low_short_rate * price, table.low_short_least)
    else:
        rate = min(table.short_maintenance * scale, max(table.short_maintenance, 1.0))
        short = max(rate * price, table.short_least)
    if initial:
        short = max(table.short_initial * price, short)
    return Rates(
        initial,
        price,
        long_rate * price,
        price + short,
        min(scale * (table.naked_broad if broad else table.naked), 1.0),
        min(scale * table.naked_floor, 1.0),
        table.long_term,
        table.hedged,
        table.collar,
        table.long_box,
        table.pairwise,
        table.reverse_by_exercise,
        table.protective_by_exercise,
        table.short_with_call_initial,
        table.covering_call_counts_initial or not initial,
    )


@in_place
def in_the_money(rates: Rates, call: bool, strike: float) -> float:
    return max(rates.price - strike, 0.0) if call else max(strike - rates.price, 0.0)


@in_place
def naked(rates: Rates, call: bool, strike: float, value: float) -> float:
    """Short option by itself."""
    base = rates.price if call else strike
    risk = rates.naked * rates.price - in_the_money(rates, not call, strike)
    return value + max(risk, rates.naked_floor * base)


@in_place
def hedged(rates: Rates, call: bool, strike: float) -> float:
    """Share of the exercise price, and what the option is out of the money."""
    return rates.hedged * strike + in_the_money(rates, not call, strike)


@in_place
def covered_call(rates: Rates, strike: float) -> float:
    """Long stock and short call."""
    counted = in_the_money(rates, True, strike) if rates.counts_in_the_money else 0.0
    return rates.long_stock / rates.price * (rates.price - counted) + counted


@in_place
def covered_put(rates: Rates, strike: float) -> float:
    """Short stock and short put."""
    return rates.short_stock + (0.0 if rates.initial else in_the_money(rates, False, strike))


@in_place
def protective_put(rates: Rates, strike: float, value: float) -> float:
    """Long stock and long put."""
    if rates.initial:
        return rates.long_stock + value
    return min(hedged(rates, False, strike), rates.long_stock) + value


@in_place
def protective_call(rates: Rates, strike: float, value: float) -> float:
    """Short stock and long call."""
    if rates.initial:
        return rates.price * (1.0 + rates.short_with_call_initial) + value
    asked = rates.price + hedged(rates, True, strike)
    if rates.protective_by_exercise:
        asked = (1.0 + rates.hedged) * strike
    return min(asked, rates.short_stock) + value


@in_place
def reverse_conversion(rates: Rates, strike: float, call_value: float) -> float:
    """Short stock, long call and short put of one expiry and exercise price."""
    if rates.initial:
        return protective_call(rates, strike, call_value)
    base = rates.hedged * strike
    if rates.reverse_by_exercise:
        return strike + base + call_value
    return rates.price + base + in_the_money(rates, False, strike) + call_value


@kernel
def stock_alone(table: RateTable, prices: Float64s, leverages: Float64s) -> Float64s:
    """float64[n, 4]: USD a share beside the buy-back cost: long and short at initial, then at maintenance."""
    asked = np.empty((len(prices), 4))
    for place in range(len(prices)):
        for at in range(2):
            rates = rates_of(table, prices[place], leverages[place], True, False, at == 0)
            asked[place, 2 * at] = rates.long_stock
            asked[place, 2 * at + 1] = rates.short_stock - prices[place]
    return asked
