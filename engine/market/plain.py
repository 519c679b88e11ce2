"""One instrument's market figures as plain floats, for the rulebooks' plain twins."""

from __future__ import annotations

from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument
from engine.market.market import Market
from engine.market.model import model_code
from engine.market.pricing import option_price


def fx_rate(instrument: Instrument, market: Market) -> float:
    """USD per unit of the instrument's currency; the rate must be known."""
    if instrument.currency == "USD":
        return 1.0
    return float(market.mark[market.slot_of[f"{instrument.currency}USD"]])


def years_to_expiry(option: Instrument, market: Market) -> float:
    """Act/365 from the valuation time, never negative."""
    return max(option.expiry_ns - market.valuation_time_ns, 0) / NANOSECONDS_PER_YEAR


def option_value(option: Instrument, market: Market, underlying_price: float, volatility: float) -> float:
    """Model value of one unit at a price of the underlying and a volatility, in the option's currency."""
    return option_price(
        model_code(option),
        option.right == "call",
        underlying_price,
        option.strike,
        years_to_expiry(option, market),
        market.rate,
        option.dividend_yield,
        volatility,
    )
