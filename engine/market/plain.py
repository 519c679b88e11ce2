"""One instrument's market figures as plain floats, for the rulebooks' plain twins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument
from engine.market.revaluation import option_prices
from engine.market.view import MarketView


def fx_rate(instrument: Instrument, market: MarketView) -> float:
    """USD per unit of the instrument's currency; the rate must be known."""
    if instrument.currency == "USD":
        return 1.0
    return float(market.mark[market.slot_of[f"{instrument.currency}USD"]])


def contract_value(instrument: Instrument, price: float) -> float:
    """Of one contract at a price, in its currency; of an inverse one a negative amount of coins."""
    return -instrument.multiplier / price if instrument.is_inverse else instrument.multiplier * price


def years_to_expiry(option: Instrument, market: MarketView) -> float:
    """Act/365 from the valuation time, never negative."""
    return max(option.expiry_ns - market.valuation_time_ns, 0) / NANOSECONDS_PER_YEAR


def option_values(
    option: Instrument, market: MarketView, underlying_prices: Sequence[float], volatilities: Sequence[float]
) -> list[float]:
    """Model value of one unit at prices of the underlying and volatilities, in the option's currency."""
    slots = np.array([market.slot_of[option.instrument_id]])
    prices = option_prices(market, slots, np.array([underlying_prices]), np.array([volatilities]))
    return [float(price) for price in prices[0]]


def option_value(option: Instrument, market: MarketView, underlying_price: float, volatility: float) -> float:
    """`option_values` at one point."""
    return option_values(option, market, [underlying_price], [volatility])[0]
