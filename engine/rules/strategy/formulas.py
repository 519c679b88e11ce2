"""Requirement of every strategy of the rule, per unit of the underlying, as the rule publishes it.

Published form: a long option is paid for in full and stands in the figure with its cost; the value of a short
option and the buy-back cost of short stock are in the figure too. What equity counts already is taken out once, in
:mod:`engine.rules.strategy.risk_part`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.rules.strategy.parameters import EXERCISE, Parameters
from engine.rules.strategy.securities import (
    Stage,
    Stock,
    leverage_scale,
    long_stock_rate,
    short_stock_usd,
)

CALL, PUT = "call", "put"


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed option; prices in USD per unit of the underlying.

    Attributes:
        units: of the underlying that one contract delivers (its multiplier).
        value: present price of the option.
        loan_value: it expires so late that a long position need not be paid in full.
        cash_european: European exercise and settled in cash.
    """

    name: str
    right: str
    strike: float
    expiry_ns: int
    units: float
    value: float
    european: bool = False
    loan_value: bool = False
    cash_european: bool = False

    def intrinsic(self, price: float) -> float:
        """What exercise yields at a price of the underlying."""
        return max(price - self.strike if self.right == CALL else self.strike - price, 0.0)

    def out_of_the_money(self, price: float) -> float:
        return max(self.strike - price if self.right == CALL else price - self.strike, 0.0)


@dataclass(frozen=True, slots=True)
class Terms:
    """The formulas for one underlying at one stage.

    Attributes:
        stock: the underlying; for an index its level.
        broad: a broad index or a fund on one.
    """

    parameters: Parameters
    stock: Stock
    broad: bool
    stage: Stage

    @property
    def price(self) -> float:
        return self.stock.price

    @property
    def is_initial(self) -> bool:
        return self.stage is Stage.INITIAL

    # -- one position by itself ----------------------------------------------------------------------------
    def long_stock(self) -> float:
        return long_stock_rate(self.parameters.stock, self.stock, self.stage) * self.price

    def short_stock(self) -> float:
        """150 % at initial: the proceeds, and half the market value."""
        return self.price + short_stock_usd(self.parameters.stock, self.stock, self.stage)

    def long_option(self, option: Contract) -> float:
        return (self.parameters.option.long_term_rate if option.loan_value else 1.0) * option.value

    def naked(self, option: Contract) -> float:
        """Premium and the greater of rate less out of the money and floor."""
        rates = self.parameters.option
        scale = leverage_scale(self.parameters.stock, self.stock.leverage)
        rate = min(scale * (rates.broad_rate if self.broad else rates.rate), 1.0)
        base = self.price if option.right == CALL else option.strike
        risk = rate * self.price - option.out_of_the_money(self.price)
        return option.value + max(risk, min(scale * rates.floor, 1.0) * base)

    # -- stock and options ---------------------------------------------------------------------------------
    def covered_call(self, call: Contract) -> float:
        """Long stock; counted at no more than the exercise price of the call."""
        in_the_money = call.intrinsic(self.price)
        if self.is_initial and not self.parameters.readings.covering_call_in_the_money_initial:
            in_the_money = 0.0
        rate = self.long_stock() / self.price
        return rate * (self.price - in_the_money) + in_the_money

    def covered_put(self, put: Contract) -> float:
        """Short stock; at maintenance with the amount in the money of the put."""
        return self.short_stock() + (0.0 if self.is_initial else put.intrinsic(self.price))

    def protective_put(self, put: Contract) -> float:
        """Long stock and long put: 10 % of the exercise price + out of the money, or the stock alone."""
        if self.is_initial:
            return self.long_stock() + put.value
        return min(self._hedged(put), self.long_stock()) + put.value

    def protective_call(self, call: Contract) -> float:
        """Short stock and long call; see the reading ``protective_call``."""
        readings = self.parameters.readings
        if self.is_initial:
            return self.price * (1.0 + readings.short_stock_with_long_call_initial) + call.value
        hedged = self.price + self._hedged(call)
        if readings.protective_call == EXERCISE:
            hedged = (1.0 + self.parameters.option.hedged_exercise) * call.strike
        return min(hedged, self.short_stock()) + call.value

    def collar(self, put: Contract, call: Contract) -> float:
        """Long stock, long put and short call of one expiry, the put's exercise price not above the call's."""
        if self.is_initial:
            return self.covered_call(call) + put.value
        limit = self.parameters.option.collar_exercise * call.strike
        return min(self._hedged(put), limit) + call.intrinsic(self.price) + put.value

    def conversion(self, put: Contract, call: Contract) -> float:
        """Long stock, long put and short call of one expiry and exercise price."""
        if self.is_initial:
            return self.covered_call(call) + put.value
        base = self.parameters.option.hedged_exercise * put.strike
        return base + call.intrinsic(self.price) + put.value

    def reverse_conversion(self, call: Contract, put: Contract) -> float:
        """Short stock, long call and short put of one expiry and exercise price; see the reading."""
        if self.is_initial:
            return self.protective_call(call)
        base = self.parameters.option.hedged_exercise * call.strike
        if self.parameters.readings.reverse_conversion == EXERCISE:
            return call.strike + base + call.value
        return self.price + base + put.intrinsic(self.price) + call.value

    def _hedged(self, option: Contract) -> float:
        base = self.parameters.option.hedged_exercise * option.strike
        return base + option.out_of_the_money(self.price)

    # -- options alone -------------------------------------------------------------------------------------
    def straddle(self, call: Contract, put: Contract) -> float:
        """Short call and put, any exercise prices and expiries: the greater leg and the other's premium."""
        calls, puts = self.naked(call), self.naked(put)
        if calls == puts:
            return calls + min(call.value, put.value)
        return calls + put.value if calls > puts else puts + call.value

    def spread(self, legs: Sequence[tuple[Contract, int]]) -> float:
        """Maximum potential loss, and the long options paid in full; signed counts."""
        return maximum_loss(legs) + sum(option.value * count for option, count in legs if count > 0)

    def long_box(self, high_call: Contract, low_put: Contract) -> float:
        """Long call and short put at the lower, short call and long put at the higher exercise price; European.

        Half of the difference of exercise prices is asked for, and what the short options are worth is in the
        published figure as everywhere.
        """
        difference = high_call.strike - low_put.strike
        return self.parameters.option.long_box * difference + high_call.value + low_put.value


def maximum_loss(legs: Sequence[tuple[Contract, int]]) -> float:
    """Greatest netted intrinsic loss over every exercise price in the spread (Regulatory Notice 12-44)."""
    strikes = np.array([option.strike for option, _ in legs])
    sides = np.array([1.0 if option.right == CALL else -1.0 for option, _ in legs])
    counts = np.array([float(count) for _, count in legs])
    points = np.unique(strikes)
    intrinsic = np.maximum(sides * (points[:, None] - strikes), 0.0)  # [exercise price, leg]
    return max(0.0, float(np.max(-(intrinsic @ counts))))
