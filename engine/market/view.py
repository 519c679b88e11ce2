"""What rulebooks read of a market: instruments by slot and one set of prices for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from engine.base.threads import Threads
from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument
from engine.market.premium_curves import PremiumCurves
from engine.market.rate_curves import RateCurves

Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


class MarketView:
    """Instruments and prices as columns.

    Attributes (all columns by slot; length >= ``count``):
        instruments: the records; slot_of: their slots.
        product, model, is_call, strike, expiry_ns, multiplier, dividend_yield: of the contract.
        coupon, recovery_rate: of a credit default swap.
        underlying: slot of the underlying of an option or security future, -1 where there is none or it is not known.
        fx: slot of the FX rate of the currency, -1 for USD or where the rate is not known yet.
        foreign: the currency is not USD.
        inverse: coin-margined, see :class:`engine.market.instruments.Instrument`.
        negative_price_allowed: the product can trade below zero.
        mark: in the instrument's currency; NaN where unknown.
        volatility: per year (Bachelier: in price units), NaN where it could not be had.
        priced: the instrument and all that its value rests on has a price.
        rate: continuously compounded discount rate used for options.
        valuation_time_ns: the instant that years to expiry are counted from.
        curve: premium curve of an American option, -1 for everything else; curves: their tables.
        rate_curves: interest rate curves and the swaps on them.
        threads: what revaluing options may use.
    """

    count: int
    instruments: list[Instrument]
    slot_of: dict[str, int]
    product: NDArray[np.int8]
    model: NDArray[np.int8]
    is_call: Bools
    strike: Float64s
    expiry_ns: Int64s
    multiplier: Float64s
    dividend_yield: Float64s
    coupon: Float64s
    recovery_rate: Float64s
    underlying: Int64s
    fx: Int64s
    foreign: Bools
    inverse: Bools
    negative_price_allowed: Bools
    mark: Float64s
    volatility: Float64s
    priced: Bools
    rate: float
    valuation_time_ns: int
    curve: Int64s
    curves: PremiumCurves
    rate_curves: RateCurves
    threads: Threads

    def slots(self, instrument_ids: Sequence[str]) -> Int64s:
        """int64[n] slots, -1 for unknown ids."""
        return np.fromiter(map(self.slot_of.get, instrument_ids, repeat(-1)), np.int64, len(instrument_ids))

    def fx_rate(self, slots: Int64s) -> Float64s:
        """float64[n]: USD per unit of each instrument's currency; NaN where the rate has no price."""
        fx = self.fx[slots]
        return np.where(self.foreign[slots], np.where(fx >= 0, self.mark[fx], np.nan), 1.0)

    def unit_value_usd(self, slots: Int64s) -> Float64s:
        """float64[n]: value of one contract in USD: multiplier * mark, of an inverse one -multiplier / mark coins."""
        return value_in_currency(self, slots, self.mark[slots]) * self.fx_rate(slots)

    def notional_usd(self, slots: Int64s) -> Float64s:
        """float64[n]: what one contract gains in USD, per unit of a relative move of its own price; of an inverse one
        when its coin moves with it.
        """
        value = self.unit_value_usd(slots)
        return np.where(self.inverse[slots], -value, value)

    def underlying_notional_usd(self, slots: Int64s) -> Float64s:
        """float64[n]: what one contract of delta 1 gains in USD, per unit of a relative move of its underlying; of an
        inverse one :meth:`notional_usd`.
        """
        notional = self.multiplier[slots] * self.underlying_price(slots) * self.fx_rate(slots)
        return np.where(self.inverse[slots], self.notional_usd(slots), notional)

    def underlying_price(self, slots: Int64s) -> Float64s:
        """float64[n]: price of an option's underlying, of everything else its own mark."""
        underlying = self.underlying[slots]
        option = self.model[slots] > 0
        return np.where(option, np.where(underlying >= 0, self.mark[underlying], np.nan), self.mark[slots])

    def years_to_expiry(self, slots: Int64s) -> Float64s:
        """float64[n]: Act/365 from the valuation time, never negative; 0 where there is no expiry."""
        left = self.expiry_ns[slots] - self.valuation_time_ns
        return np.maximum(np.where(self.expiry_ns[slots] > 0, left, 0), 0) / NANOSECONDS_PER_YEAR


def value_in_currency(market: MarketView, slots: Int64s, prices: Float64s) -> Float64s:
    """float64[n]: value of one contract at a price of its own, in the currency that it settles in.

    Whoever buys at a price pays this: of an inverse contract a negative amount of coins, so that value and cash
    together are the P&L.

    Args:
        prices: float64[n]; positive for inverse contracts, NaN where unknown.
    """
    value = market.multiplier[slots] * prices
    at = np.flatnonzero(market.inverse[slots])
    if len(at):
        value[at] = -market.multiplier[slots[at]] / prices[at]
    return value
